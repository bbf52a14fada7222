# The targets that operator-sdk users know, and those of the local cluster.
# `make help` lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help

##@ Settings
# The version of what is built here.
VERSION ?= 0.3.0
# CLUSTER=existing, or a KUBECONFIG of your own, makes every target use the
# cluster that you have, in place of the local one.
ifndef CLUSTER
CLUSTER := $(if $(KUBECONFIG),existing,local)
endif
ifndef KUBECONFIG
KUBECONFIG := $(if $(filter local,$(CLUSTER)),$(CURDIR)/.cluster/kubeconfig,$(HOME)/.kube/config)
endif
export CLUSTER KUBECONFIG
export PATH := $(CURDIR)/bin:$(PATH)

# One set of build flags everywhere, so that one build cache serves everything
# and equal sources give equal bytes.
export GOFLAGS     := -trimpath -buildvcs=false
CGO_ENABLED ?= 0
export CGO_ENABLED

# Where images are pushed to, and the images that the operator runs. The local
# cluster has its own registry, with images made of Debian packages.
LOCAL_REGISTRY := 10.99.0.2:5000
ifeq ($(CLUSTER),local)
IMG            ?= $(LOCAL_REGISTRY)/cnat-operator:$(VERSION)
SHELL_IMAGE    ?= $(LOCAL_REGISTRY)/shell:latest
POSTGRES_IMAGE ?= $(LOCAL_REGISTRY)/postgres:18
EXPORTER_IMAGE ?= $(LOCAL_REGISTRY)/postgres-exporter:latest
else
IMG            ?= example.com/cnat-operator:$(VERSION)
SHELL_IMAGE    ?= docker.io/library/busybox:1.37
POSTGRES_IMAGE ?= docker.io/library/postgres:18
EXPORTER_IMAGE ?= quay.io/prometheuscommunity/postgres-exporter:v0.18.1
endif
export VERSION IMG SHELL_IMAGE POSTGRES_IMAGE EXPORTER_IMAGE

# Go modules of this repository.
MODULES := . hack/cluster $(patsubst %/go.mod,%,$(wildcard tools/*/go.mod))

include hack/tools.mk

##@ General

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*##"; print "Usage: make TARGET"} \
		/^##@ / && $$0 !~ /Settings/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*##/ {printf "  %-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: deploy ## Show an At and a Database working on a real cluster.
	hack/demo

.PHONY: test
test: envtest-bin bin/helm bin/helm-unittest ## Run unit tests, API server tests and chart tests.
	hack/test

##@ Development

.PHONY: generate
generate: bin/controller-gen ## Generate deep copies.
	controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: bin/controller-gen ## Generate CRDs and RBAC.
	controller-gen crd:generateEmbeddedObjectMeta=true paths=./api/... output:crd:artifacts:config=config/crd/bases
	go run ./hack/crd config/crd/bases/*.yaml
	controller-gen rbac:roleName=manager paths=./controllers/... output:rbac:artifacts:config=config/rbac

.PHONY: docs
docs: bin/crd-ref-docs ## Generate the API reference.
	crd-ref-docs --log-level=ERROR --source-path=api --config=docs/api-reference.yaml --renderer=markdown --output-path=docs/api-reference.md

.PHONY: fmt
fmt: bin/golangci-lint ## Format the Go code.
	golangci-lint fmt ./...
	cd hack/cluster && golangci-lint fmt ./...

.PHONY: vet
vet: ## Run go vet.
	go vet ./...
	cd hack/cluster && go vet ./...

.PHONY: lint
lint: bin/golangci-lint bin/helm ## Lint the Go code, the APIs and the chart.
	golangci-lint run ./...
	cd hack/cluster && golangci-lint run ./...
	helm lint --strict --quiet helm-charts/database

.PHONY: tidy
tidy: ## Tidy all Go modules.
	for module in $(MODULES); do (cd $$module && go mod tidy) || exit 1; done

.PHONY: verify
verify: ## Regenerate, format, tidy and lint everything; fail if the tree would change.
	hack/verify

##@ Build

.PHONY: build
build: ## Build the operator for this machine.
	go build -ldflags "-s -w" -o bin/manager ./cmd/manager

.PHONY: run
run: build install ## Run the operator from this machine against the cluster.
	bin/manager --database-chart=helm-charts/database --metrics-bind-address=0 \
		--command-image=$(SHELL_IMAGE) --database-image=$(POSTGRES_IMAGE) --exporter-image=$(EXPORTER_IMAGE)

.PHONY: docker-build
docker-build: ## Build the image with Docker, for PLATFORMS.
	docker buildx build --platform=$(PLATFORMS) --tag=$(IMG) .

PLATFORMS ?= linux/amd64
.PHONY: images
images: bin/image ## Build the image without Docker, for PLATFORMS, as dist/images/cnat-operator.tar.
	hack/images "$(PLATFORMS)"

.PHONY: push
push: images cluster ## Build the image without Docker, and push it as IMG.
	hack/push

.PHONY: build-installer
build-installer: bin/kustomize ## Write all manifests to dist/install.yaml.
	hack/overlay dist/installer
	kustomize build dist/installer > dist/install.yaml

##@ OLM

.PHONY: bundle
bundle: bin/kustomize bin/operator-sdk ## Generate the bundle in bundle/, and validate it.
	hack/bundle

.PHONY: catalog
catalog: bin/opm bin/catalog ## Generate the file-based catalog in catalog/, and validate it.
	hack/catalog

.PHONY: olm-up
olm-up: cluster $(OLM_BIN) bin/opm bin/image bin/helm bin/kubectl ## Install OLM in the cluster.
	hack/olm up

.PHONY: olm-down
olm-down: bin/helm bin/kubectl ## Remove OLM, and all that it installed.
	hack/olm down

.PHONY: olm-images
olm-images: olm-up push ## Push all that OLM installs the operator from to the local cluster's registry.
	hack/olm-images

##@ Cluster

.PHONY: cluster-deps
cluster-deps: bin/cluster # Install the Debian packages that the node needs.
	bin/cluster deps

.PHONY: cluster-up
cluster-up: cluster-deps ## Start the local cluster.
	@$(MAKE) --no-print-directory node-bin
	bin/cluster up

.PHONY: cluster-down
cluster-down: bin/cluster ## Stop the local cluster and remove all that it left.
	bin/cluster down

.PHONY: cluster-status
cluster-status: bin/cluster ## Tell how the local cluster is.
	bin/cluster status

.PHONY: cluster-load
cluster-load: bin/cluster ## Load IMAGE, an OCI archive or a name, into the local cluster's registry, as NAME.
	bin/cluster load $(IMAGE) $(NAME)

.PHONY: cluster-verify
cluster-verify: bin/cluster ## Try pods, volumes, logs, exec, DNS and services in the local cluster.
	bin/cluster verify

.PHONY: kubeconfig-path
kubeconfig-path: ## Print the path of the kubeconfig.
	@echo $(KUBECONFIG)

# cluster is what other targets need: the local cluster, or the one you have.
.PHONY: cluster
cluster: $(if $(filter local,$(CLUSTER)),cluster-up,bin/kubectl)

##@ Deployment

.PHONY: install
install: cluster bin/kustomize bin/kubectl ## Install the CRDs.
	kustomize build config/crd | kubectl apply --server-side -f -

.PHONY: uninstall
uninstall: bin/kustomize bin/kubectl ## Remove the CRDs, and with them every At and Database.
	kustomize build config/crd | kubectl delete --ignore-not-found -f -

.PHONY: deploy
deploy: push bin/kustomize bin/kubectl ## Deploy the operator in the cluster.
	hack/overlay dist/deploy
	kustomize build dist/deploy | kubectl apply --server-side -f -
	kubectl -n cnat-operator-system rollout status deployment/cnat-operator-controller-manager --timeout=180s

.PHONY: undeploy
undeploy: bin/kustomize bin/kubectl ## Remove the operator, its CRDs, and with them every At and Database.
	# First the CRDs: what they define is the operator's to take down, which it must be there for.
	kustomize build config/crd | kubectl delete --ignore-not-found --timeout=300s -f -
	kustomize build config/default | kubectl delete --ignore-not-found -f -

##@ Tests

.PHONY: fuzz
fuzz: ## Fuzz the At controller on a model of the API server, for FUZZTIME.
	go test ./controllers/at -run='^$$' -fuzz=FuzzAt -fuzztime=$(FUZZTIME)
FUZZTIME ?= 60s

.PHONY: e2e
e2e: deploy bin/helm ## Run the tests on a real cluster.
	go test ./test/e2e -count=1 -timeout=20m -v -ginkgo.v

.PHONY: e2e-rights
e2e-rights: bin/kustomize ## Compare the rights that the operator has with those that it used in the local cluster, in e2e and scorecard.
	kustomize build config/default | go run ./test/rights /var/lib/cnat-cluster/audit.log

.PHONY: e2e-olm
e2e-olm: olm-images bin/operator-sdk bin/kustomize ## Install, upgrade, break and remove the operator with OLM on the local cluster.
	@$(MAKE) --no-print-directory undeploy > /dev/null
	go test ./test/e2e-olm -count=1 -timeout=40m -v

.PHONY: scorecard
scorecard: olm-images deploy bin/operator-sdk bin/scorecard-test ## Run operator-sdk's scorecard, with this project's own tests, on the local cluster.
	hack/scorecard

.PHONY: readme-test
readme-test: deploy ## Run the README's commands, as far as the other tests don't.
	test/readme

.PHONY: e2e-chaos
e2e-chaos: deploy ## Prove that Ats run once while operators, runs and the API server are killed.
	go run ./test/chaos

.PHONY: e2e-chaos-database
e2e-chaos-database: deploy ## Prove that Databases recover when the operator is killed at any step of a release.
	go run ./test/chaos -databases

.PHONY: bench-handover
bench-handover: deploy ## Measure how late an At is that is due when the lead changes hands.
	go run ./test/chaos -handover

.PHONY: bench-at
bench-at: build envtest-bin ## Measure how late Ats start, beside CronJobs and the API server's limit.
	go run ./test/bench

.PHONY: bench-database
bench-database: build envtest-bin bin/kwok bin/helm-operator ## Measure what Databases cost, beside helm-operator-plugins' own operator.
	go run ./test/benchdb

.PHONY: ci
ci: verify test e2e ## Run what CI runs.

##@ Tools

.PHONY: node-bin
node-bin: bin/kube bin/kubectl bin/containerd bin/containerd-shim-runc-v2 bin/runc bin/addons bin/pause bin/image

.PHONY: envtest-bin
envtest-bin: bin/kubectl bin/kube-apiserver bin/etcd

