# The targets that operator-sdk users know, and those of the local cluster.
# `make help` lists them.

SHELL := /bin/sh
.DEFAULT_GOAL := help

##@ Settings
# The version of what is built here.
VERSION ?= 0.3.0
# CLUSTER=existing, or a KUBECONFIG of your own, makes every target use the
# cluster that you have; CLUSTER=local the local one, which is started for it.
# Where neither is set, tests and the demo use the local one, and USER_GOALS the
# current context of ~/.kube/config. Where there is none they use the local cluster
# if it runs, but they start none.
USER_GOALS := install uninstall deploy undeploy deploy-agenda undeploy-agenda run push bundle-push catalog-build catalog-push kubeconfig-path
ifdef CLUSTER
START := yes
else
ifdef KUBECONFIG
CLUSTER := existing
else
# With any other target that uses a cluster beside it, as in `make cluster-up deploy`, the local one is asked for.
START   := $(filter cluster cluster-% demo e2e% test-e2e scorecard readme-test olm-% monitoring-up bench-failover,$(MAKECMDGOALS))
ASKED   := $(if $(START),,$(filter $(USER_GOALS),$(MAKECMDGOALS)))
CLUSTER := $(if $(ASKED),$(if $(shell sed -n '/^current-context: *[^ "]/p' $(HOME)/.kube/config 2> /dev/null),existing,local),local)
endif
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
# cluster has its own registry, with images built from Debian packages: its
# address is what `bin/cluster registry` prints, once that is built.
LOCAL_REGISTRY = $(shell bin/cluster registry 2> /dev/null)
ifeq ($(CLUSTER),local)
IMAGE_BASE     ?= $(LOCAL_REGISTRY)/cnat-operator
SHELL_IMAGE    ?= $(LOCAL_REGISTRY)/shell:latest
POSTGRES_IMAGE ?= $(LOCAL_REGISTRY)/postgres:18
EXPORTER_IMAGE ?= $(LOCAL_REGISTRY)/postgres-exporter:latest
else
IMAGE_BASE     ?= example.com/cnat-operator
SHELL_IMAGE    ?= $(call image,SHELL_IMAGE)
POSTGRES_IMAGE ?= $(call image,POSTGRES_IMAGE)
EXPORTER_IMAGE ?= $(call image,EXPORTER_IMAGE)
image           = $(shell sed -n 's/^$(1)=//p' config/manager/images.env)
endif
IMG            ?= $(IMAGE_BASE):$(VERSION)
BUNDLE_IMG     ?= $(IMAGE_BASE)-bundle:v$(VERSION)
CATALOG_IMG    ?= $(IMAGE_BASE)-catalog:latest
# Of an IMG without a tag none follows.
AGENDA_IMG     ?= $(patsubst %:$(IMG_TAG),%-agenda:$(IMG_TAG),$(IMG))
IMG_TAG         = $(lastword $(subst :, ,$(notdir $(IMG))))
export VERSION IMG AGENDA_IMG SHELL_IMAGE POSTGRES_IMAGE EXPORTER_IMAGE

# What targets need of the cluster: that the local one is there, that one runs, kubectl for it (of one's own cluster any
# will do), and the program that knows the local one's addresses.
LOCAL_CLUSTER := $(if $(filter local,$(CLUSTER)),cluster)
LOCAL_BIN     := $(if $(filter local,$(CLUSTER)),bin/cluster)
KUBECTL       := $(if $(and $(filter existing,$(CLUSTER)),$(shell command -v kubectl)),,bin/kubectl)
RUNNING       := $(if $(filter local,$(CLUSTER)),cluster-running,$(KUBECTL))

# PUSH=false takes the image IMG as it is in its registry, and builds none.
PUSH ?= true
export PUSH

# Go modules of this repository.
MODULES := . hack/cluster cmd/agenda $(patsubst %/go.mod,%,$(wildcard tools/*/go.mod))

include hack/tools.mk

##@ General

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*##"; print "Usage: make TARGET"} \
		/^##@ / && $$0 !~ /Settings/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*##/ {printf "  %-18s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: demo-plan $(LOCAL_BIN) ## Show an At, a Database, a CronTab and the agenda working on a real cluster.
	@$(if $(LOCAL_BIN),hack/demo-part build $(MAKE) --no-print-directory node-bin bin/kustomize)
	@$(if $(LOCAL_BIN),hack/demo-part cluster $(MAKE) --no-print-directory cluster)
	@hack/demo-part operator $(MAKE) --no-print-directory deploy
	@hack/demo-part agenda $(MAKE) --no-print-directory deploy-agenda
	@hack/demo-part plugins $(MAKE) --no-print-directory plugins
	@hack/demo-part tour hack/demo
	@hack/demo-part

.PHONY: demo-plan
demo-plan: # Print what the demo consists of, and how long that takes.
	@hack/demo-part plan

.PHONY: test
test: envtest-bin bin/kustomize bin/helm bin/helm-unittest ## Run unit tests, API server tests and chart tests.
	hack/test

.PHONY: coverage
coverage: export GO_TEST_FLAGS := -coverpkg=./api/...,./cmd/...,./controllers/...,./internal/... -coverprofile=dist/coverage.out
coverage: dist test ## Run what test runs, and print how much of the code that covers.
	go tool cover -func=dist/coverage.out | awk '/^total:/ {print "coverage=" $$3}'

dist:
	mkdir -p $@

.PHONY: ci
ci: ## Run what CI runs: verify, test, and the tests on a cluster of its own.
	.ci/run

##@ Development

.PHONY: generate
generate: bin/controller-gen bin/openapi-gen ## Generate deep copies, and the agenda's OpenAPI definitions.
	controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...
	cd cmd/agenda && openapi-gen --output-dir=openapi --output-pkg=example.com/cnat-operator/cmd/agenda/openapi \
		--output-file=zz_generated.openapi.go --output-model-name-file=zz_generated.model_name.go \
		--go-header-file=../../hack/boilerplate.go.txt --report-filename=/dev/null $(addprefix --readonly-pkg=,$(OPENAPI_PACKAGES)) \
		example.com/cnat-operator/api/agenda/v1alpha1 $(OPENAPI_PACKAGES)
OPENAPI_PACKAGES := $(addprefix k8s.io/apimachinery/pkg/,apis/meta/v1 runtime version)

.PHONY: manifests
manifests: bin/controller-gen ## Generate CRDs and RBAC.
	# What is in api/agenda is stored nowhere.
	controller-gen crd:generateEmbeddedObjectMeta=true "paths=./api/cnat/...;./api/crontab/...;./api/database/..." output:crd:artifacts:config=config/crd/bases
	go run ./hack/crd config/crd/bases/*.yaml
	controller-gen rbac:roleName=manager paths=./controllers/... output:rbac:artifacts:config=config/rbac

.PHONY: docs
docs: bin/crd-ref-docs ## Generate the API reference.
	crd-ref-docs --log-level=ERROR --source-path=api --config=docs/api-reference.yaml --renderer=markdown --output-path=docs/api-reference.md

.PHONY: site
site: ## Build the documentation's site, which has search and needs no network, in dist/site.
	hack/site dist/site

.PHONY: fmt
fmt: bin/golangci-lint ## Format the Go code.
	golangci-lint fmt ./...
	cd hack/cluster && golangci-lint fmt ./...
	cd cmd/agenda && golangci-lint fmt ./...

.PHONY: vet
vet: ## Run go vet.
	go vet ./...
	cd hack/cluster && go vet ./...
	cd cmd/agenda && go vet ./...

.PHONY: lint
lint: bin/golangci-lint bin/helm ## Lint the Go code, the APIs and the chart.
	golangci-lint run ./...
	cd hack/cluster && golangci-lint run ./...
	cd cmd/agenda && golangci-lint run ./...
	helm lint --strict --quiet helm-charts/database

.PHONY: lint-fix
lint-fix: bin/golangci-lint ## Lint the Go code, and fix what can be fixed.
	golangci-lint run --fix ./...
	cd hack/cluster && golangci-lint run --fix ./...
	cd cmd/agenda && golangci-lint run --fix ./...

.PHONY: tidy
tidy: ## Tidy all Go modules.
	for module in $(MODULES); do (cd $$module && go mod tidy) || exit 1; done

.PHONY: vuln
vuln: bin/govulncheck ## Look for known vulnerabilities that the programs can reach; VULN_DB is the database's URL.
	hack/vuln

.PHONY: verify
verify: ## Regenerate, format, tidy and lint everything; fail if the tree would change.
	hack/verify

##@ Build

.PHONY: build
build: ## Build the operator for this machine.
	go build -ldflags "-s -w -X main.version=$(VERSION)" -o bin/manager ./cmd

.PHONY: plugins
plugins: ## Build the plugins of kubectl for this machine, with the links by which kubectl completes their command lines.
	@for plugin in $(PLUGINS); do \
		go build -ldflags "-s -w -X main.version=$(VERSION)" -o bin/kubectl-$$plugin ./cmd/kubectl-$$plugin || exit 1; \
		ln -sfn kubectl-$$plugin bin/kubectl_complete-$$plugin; \
	done
PLUGINS := $(patsubst cmd/kubectl-%/,%,$(wildcard cmd/kubectl-*/))

.PHONY: release-plugins
release-plugins: ## Build the plugins for Linux, macOS and Windows, with checksums and manifests for krew, in dist/plugins.
	hack/plugins "$(PLUGINS)" dist/plugins

.PHONY: agenda-picture
agenda-picture: envtest-bin ## Draw docs/images/agenda.png, as kubectl at agenda -o html has it, by Chromium.
	go test ./internal/cli/at -run=TestPageInChromium -count=1 -args -picture=$(CURDIR)/docs/images/agenda.png

.PHONY: verify-plugins
verify-plugins: release-plugins plugins ## Build them again elsewhere; fail if a byte differs, or if they start slowly.
	hack/verify-plugins "$(PLUGINS)" dist/plugins

# A release runs anywhere: its manifests name no image of the local cluster.
ANYWHERE     = env -u AGENDA_IMG -u SHELL_IMAGE -u POSTGRES_IMAGE -u EXPORTER_IMAGE PLUGINS="$(PLUGINS)" \
	$(MAKE) --no-print-directory CLUSTER=existing IMG=$(RELEASE_IMG)
RELEASE_IMG ?= example.com/cnat-operator:$(VERSION)
RELEASE_BIN := $(addprefix bin/,image kustomize cyclonedx-gomod spdx cosign)
.PHONY: release
release: $(RELEASE_BIN) ## Build and sign what a release consists of, in dist/release; RELEASE_IMG is where its image will be.
	@$(ANYWHERE) release-files
.PHONY: release-files
release-files:
	hack/release dist/release
	hack/sign dist/release

.PHONY: release-push
release-push: bin/image ## Push the images in dist/release to where RELEASE_IMG is.
	@$(ANYWHERE) release-push-files
.PHONY: release-push-files
release-push-files:
	hack/push dist/release/cnat-operator.oci.tar $(IMG)
	hack/push dist/release/cnat-operator-agenda.oci.tar $(AGENDA_IMG)
	hack/push dist/release/cnat-operator-bundle.oci.tar $(patsubst %:$(IMG_TAG),%-bundle:v$(VERSION),$(IMG))

.PHONY: verify-release
verify-release: $(RELEASE_BIN) ## Check a release's signatures and files, and that what is committed gives the same bytes elsewhere.
	@$(ANYWHERE) verify-release-files
.PHONY: verify-release-files
verify-release-files:
	hack/verify-release dist/release

.PHONY: run
run: build install ## Run the operator from this machine against the cluster.
	bin/manager --database-chart=helm-charts/database --metrics-bind-address=0 \
		--command-image=$(SHELL_IMAGE) --database-image=$(POSTGRES_IMAGE) --exporter-image=$(EXPORTER_IMAGE)

.PHONY: docker-build
docker-build: ## Build the image with Docker, for PLATFORMS.
	docker buildx build --platform=$(PLATFORMS) --build-arg=VERSION=$(VERSION) --tag=$(IMG) .

.PHONY: docker-push
docker-push: ## Push the image that Docker built.
	docker push $(IMG)

PLATFORMS ?= linux/amd64
.PHONY: images
images: bin/image $(LOCAL_BIN) ## Build the image without Docker, for PLATFORMS, as dist/images/cnat-operator.tar.
	hack/images "$(PLATFORMS)"

.PHONY: push
push: $(LOCAL_CLUSTER) images ## Build the image without Docker, and push it as IMG.
	hack/push dist/images/cnat-operator.tar $(IMG) > dist/images/pushed

.PHONY: push-agenda
push-agenda: $(LOCAL_CLUSTER) bin/image $(LOCAL_BIN) ## Build the agenda's image without Docker, and push it as AGENDA_IMG.
	@test "$(AGENDA_IMG)" != "$(IMG)" || { echo "IMG=$(IMG) has no tag: set AGENDA_IMG" >&2; exit 1; }
	hack/images "$(PLATFORMS)" agenda
	hack/push dist/images/cnat-operator-agenda.tar $(AGENDA_IMG) > dist/images/pushed-agenda

.PHONY: build-installer
build-installer: bin/kustomize $(LOCAL_BIN) ## Write all manifests to dist/install.yaml, and the agenda's to dist/install-agenda.yaml.
	hack/overlay dist/installer
	kustomize build dist/installer > dist/install.yaml
	hack/overlay dist/installer-agenda agenda
	kustomize build dist/installer-agenda > dist/install-agenda.yaml

.PHONY: chart
chart: bin/kustomize $(LOCAL_BIN) ## Generate the operator's own chart, for helm install, in dist/chart.
	hack/chart dist/chart

##@ OLM

.PHONY: bundle
bundle: bin/kustomize bin/operator-sdk ## Generate the bundle in bundle/, and validate it.
	hack/bundle

.PHONY: catalog
catalog: bin/opm bin/catalog ## Generate the file-based catalog in catalog/, and validate it.
	hack/catalog

.PHONY: bundle-build
bundle-build: bin/image ## Build the bundle's image without Docker, as dist/images/bundle.tar.
	hack/olm-image bundle bundle dist/images/bundle.tar

.PHONY: bundle-push
bundle-push: $(LOCAL_CLUSTER) bundle-build ## Build the bundle's image without Docker, and push it as BUNDLE_IMG.
	hack/push dist/images/bundle.tar $(BUNDLE_IMG)

.PHONY: catalog-build
catalog-build: $(LOCAL_CLUSTER) bin/image ## Build the catalog's image without Docker, as dist/images/catalog.tar.
	hack/olm-image catalog catalog dist/images/catalog.tar

.PHONY: catalog-push
catalog-push: catalog-build ## Build the catalog's image without Docker, and push it as CATALOG_IMG.
	hack/push dist/images/catalog.tar $(CATALOG_IMG)

.PHONY: olm-up
olm-up: cluster $(OLM_BIN) bin/opm bin/image bin/helm bin/kubectl ## Install OLM in the cluster.
	hack/olm up

.PHONY: olm-down
olm-down: bin/helm bin/kubectl ## Remove OLM, and all that it installed.
	hack/olm down

.PHONY: olm-images
olm-images: olm-up push ## Push all that OLM installs the operator from to the local cluster's registry.
	hack/olm-images

##@ Monitoring

.PHONY: monitoring-up
monitoring-up: cluster $(if $(LOCAL_BIN),$(MONITORING_BIN) bin/image) bin/kustomize ## Install Prometheus, its operator and Alertmanager in the cluster, with this operator's metrics and alerts.
	hack/monitoring up

.PHONY: monitoring-down
monitoring-down: $(RUNNING) bin/kustomize ## Remove Prometheus, its operator and Alertmanager.
	hack/monitoring down

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
cluster-status: bin/cluster ## Report how the local cluster is.
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
cluster: $(if $(ASKED),$(RUNNING),$(if $(filter local,$(CLUSTER)),cluster-up,$(KUBECTL)))

.PHONY: cluster-running
cluster-running: bin/cluster bin/kubectl
	@test -f $(KUBECONFIG) || { echo "There is no cluster: ~/.kube/config has no current context, and the local cluster does not run." \
		"Set KUBECONFIG, or start the local one by \`make cluster-up\`." >&2; exit 1; }

##@ Deployment

.PHONY: install
install: cluster bin/kustomize ## Install the CRDs.
	kustomize build config/crd | kubectl apply --server-side -f -
	kustomize build config/crd | kubectl wait --for=condition=Established --timeout=60s -f -

.PHONY: uninstall
uninstall: $(RUNNING) bin/kustomize ## Remove the CRDs, and with them every At, CronTab and Database.
	kustomize build config/crd | kubectl delete --ignore-not-found -f -

.PHONY: deploy
deploy: $(if $(filter false,$(PUSH)),cluster,push) bin/kustomize ## Deploy the operator in the cluster; PUSH=false: with an IMG that is there already.
	hack/overlay dist/deploy
	kustomize build dist/deploy | kubectl apply --server-side -f -
	# The Deployment of versions up to 0.2.0.
	kubectl -n cnat-operator-system delete deployment/cnat-operator-controller-manager --ignore-not-found
	kubectl -n cnat-operator-system rollout status deployment/cnat-operator-manager --timeout=180s

.PHONY: undeploy
undeploy: undeploy-agenda ## Remove the operator and the agenda, the CRDs, and with them every At, CronTab and Database.
	# First the CRDs: what they define is the operator's to take down, which it must be there for.
	kustomize build config/crd | kubectl delete --ignore-not-found --timeout=300s -f -
	kustomize build config/default | kubectl delete --ignore-not-found -f -

.PHONY: deploy-agenda
deploy-agenda: $(if $(filter false,$(PUSH)),cluster,push-agenda) bin/kustomize ## Deploy the agenda beside the operator; PUSH=false: with an AGENDA_IMG that is there already.
	hack/overlay dist/deploy-agenda agenda
	kustomize build dist/deploy-agenda | kubectl apply --server-side -f -
	kubectl -n cnat-agenda rollout status deployment/cnat-agenda --timeout=300s
	kubectl wait --for=condition=Available --timeout=60s apiservice/$(AGENDA_API)

.PHONY: undeploy-agenda
undeploy-agenda: $(RUNNING) bin/kustomize ## Remove the agenda.
	# First the APIService: with nothing behind it no namespace would end, not even the agenda's own.
	kubectl delete --ignore-not-found apiservice/$(AGENDA_API)
	kustomize build config/agenda | kubectl delete --ignore-not-found -f -
AGENDA_API := v1alpha1.agenda.cnat.programming-kubernetes.info

##@ Tests

.PHONY: fuzz
fuzz: ## Fuzz the controllers of Ats and CronTabs on models of the API server, and cron expressions, for FUZZTIME each.
	go test ./controllers/at -run='^$$' -fuzz=FuzzAt -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x
	go test ./controllers/crontab -run='^$$' -fuzz=FuzzLives -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x
	go test ./internal/schedule -run='^$$' -fuzz=FuzzParse -fuzztime=$(FUZZTIME) -fuzzminimizetime=10x
	go test ./internal/schedule -run=TestRandomExpressions -count=1 -v -args -full
FUZZTIME ?= 60s

.PHONY: prove-dst
prove-dst: ## Judge schedules about every change of clocks of 2000 to 2040, by a model of cron(8).
	go test ./internal/schedule -run=TestEveryZone -count=1 -v -args -full

.PHONY: e2e
e2e: deploy deploy-agenda plugins bin/helm ## Run the tests on a real cluster.
	go test ./test/e2e -count=1 -timeout=40m -v -ginkgo.v

.PHONY: test-e2e
test-e2e: e2e ## The same as e2e.

.PHONY: e2e-agenda
e2e-agenda: deploy deploy-agenda ## Run the tests of the agenda on a real cluster, which remove it in the end.
	go test ./test/e2e -count=1 -timeout=20m -v -ginkgo.v -ginkgo.focus="The agenda"

.PHONY: e2e-rights
e2e-rights: bin/kustomize ## Compare the rights that the operator has with those that it used in the local cluster, in e2e and scorecard.
	kustomize build config/default | go run ./test/rights /var/lib/cnat-cluster/audit.log

.PHONY: e2e-olm
e2e-olm: olm-images bin/operator-sdk bin/kustomize ## Install, upgrade, break and remove the operator with OLM on the local cluster.
	@$(MAKE) --no-print-directory undeploy > /dev/null
	go test ./test/e2e-olm -count=1 -timeout=60m -v

.PHONY: e2e-monitoring
e2e-monitoring: deploy deploy-agenda monitoring-up ## Make every alert fire in the local cluster, and resolve it by its runbook; draw the dashboards in PICTURES.
	kustomize build dist/deploy > dist/monitoring/install.yaml
	kustomize build dist/deploy-agenda > dist/monitoring/install-agenda.yaml
	go test ./test/e2e-monitoring -count=1 -timeout=40m -v $(if $(PICTURES),-args -pictures=$(abspath $(PICTURES)))

.PHONY: e2e-olm-v1
e2e-olm-v1: envtest-bin bin/image bin/helm bin/olm-v1/catalogd bin/olm-v1/extension ## Serve the catalog, install and upgrade as OLM v1 does, on an API server.
	go test ./test/e2e-olm-v1 -count=1 -timeout=20m -v

.PHONY: scorecard
scorecard: olm-images deploy bin/operator-sdk bin/scorecard-test ## Run operator-sdk's scorecard, with this project's own tests, on the local cluster.
	hack/scorecard

.PHONY: readme-test
readme-test: deploy bin/helm ## Run the README's commands, as far as the other tests don't.
	test/readme

.PHONY: e2e-tenant
e2e-tenant: deploy ## Prove that who may edit one namespace reaches nothing beyond it through the operator.
	go run ./test/tenant $(if $(filter local,$(CLUSTER)),-audit=/var/lib/cnat-cluster/audit.log)

.PHONY: e2e-chaos
e2e-chaos: deploy ## Prove that Ats run once while operators are killed or stand still, runs are stopped and the API server restarts.
	go run ./test/chaos

.PHONY: e2e-chaos-database
e2e-chaos-database: deploy bin/helm ## Prove that Databases recover from faults of the operator, releases, claims and servers.
	go run ./test/chaos -databases

.PHONY: bench-failover
bench-failover: deploy ## Measure how late an At is that is due during a failover.
	go run ./test/chaos -failover

.PHONY: bench-at
bench-at: build envtest-bin ## Measure how late Ats start, beside CronJobs and the API server's limit.
	go run ./test/bench

.PHONY: bench-crontab
bench-crontab: build envtest-bin ## Measure how late the runs of CronTabs start, beside CronJobs and the API server's limit.
	go run ./test/bench crontab

.PHONY: bench-agenda
bench-agenda: envtest-bin ## Measure what the agenda costs, beside the API server's own lists.
	go -C cmd/agenda build -o $(CURDIR)/bin/agenda .
	go run ./test/benchagenda

.PHONY: bench-database
bench-database: build envtest-bin bin/kwok bin/helm-operator ## Measure what Databases cost, beside helm-operator-plugins' own operator.
	go run ./test/benchdb

##@ Tools

.PHONY: node-bin
node-bin: bin/kube bin/kubectl bin/containerd bin/containerd-shim-runc-v2 bin/runc bin/addons bin/pause bin/image

.PHONY: envtest-bin
envtest-bin: bin/kubectl bin/kube-apiserver bin/etcd

