# The tools in bin/, from the Go module proxy, pinned by the modules in tools/.

SMALL := -ldflags "-s -w"

bin/controller-gen: tools/controller-gen/go.mod
	@hack/tool tools/controller-gen sigs.k8s.io/controller-tools/cmd/controller-gen $@ $(SMALL)
bin/openapi-gen: tools/openapi-gen/go.mod
	@hack/tool tools/openapi-gen k8s.io/kube-openapi/cmd/openapi-gen $@ $(SMALL)
bin/kustomize: tools/kustomize/go.mod
	@hack/tool tools/kustomize sigs.k8s.io/kustomize/kustomize/v5 $@ $(SMALL)
bin/crd-ref-docs: tools/crd-ref-docs/go.mod
	@hack/tool tools/crd-ref-docs github.com/elastic/crd-ref-docs $@ $(SMALL)
bin/helm: tools/helm/go.mod
	@hack/tool tools/helm helm.sh/helm/v3/cmd/helm $@ $(SMALL)
bin/helm-unittest: tools/helm/go.mod
	@hack/tool tools/helm github.com/helm-unittest/helm-unittest/cmd/helm-unittest $@ $(SMALL)
bin/cyclonedx-gomod: tools/cyclonedx-gomod/go.mod
	@hack/tool tools/cyclonedx-gomod github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod $@ $(SMALL)
bin/spdx: tools/spdx/go.mod tools/spdx/main.go
	@hack/tool tools/spdx . $@ $(SMALL)
bin/cosign: tools/cosign/go.mod
	@hack/tool tools/cosign github.com/sigstore/cosign/v3/cmd/cosign $@ $(SMALL)
bin/govulncheck: tools/govulncheck/go.mod
	@hack/tool tools/govulncheck golang.org/x/vuln/cmd/govulncheck $@ $(SMALL)
bin/kwok: tools/kwok/go.mod
	@hack/tool tools/kwok sigs.k8s.io/kwok/cmd/kwok $@ $(SMALL)
bin/helm-operator: tools/helm-operator/go.mod
	@hack/tool tools/helm-operator github.com/operator-framework/helm-operator-plugins $@ $(SMALL)
bin/golangci-lint: tools/golangci-lint/go.mod tools/golangci-lint/main.go
	@hack/tool tools/golangci-lint . $@ $(SMALL)

CONTAINERS_TAGS := containers_image_openpgp,exclude_graphdriver_btrfs
# The bundle says which version generated it.
OPERATOR_SDK_VERSION := $(shell sed -n 's|.*operator-framework/operator-sdk v|v|p' tools/operator-sdk/go.mod | cut -d' ' -f1)
bin/operator-sdk: tools/operator-sdk/go.mod
	@hack/tool tools/operator-sdk github.com/operator-framework/operator-sdk/cmd/operator-sdk $@ -tags $(CONTAINERS_TAGS) \
		-ldflags "-s -w -X github.com/operator-framework/operator-sdk/internal/version.Version=$(OPERATOR_SDK_VERSION)"
bin/opm: tools/opm/go.mod
	@CGO_ENABLED=1 hack/tool tools/opm github.com/operator-framework/operator-registry/cmd/opm $@ -tags json1,$(CONTAINERS_TAGS) $(SMALL)
bin/catalog: tools/opm/go.mod tools/opm/cmd/catalog/main.go
	@CGO_ENABLED=1 hack/tool tools/opm ./cmd/catalog $@ -tags json1,$(CONTAINERS_TAGS) $(SMALL)
bin/scorecard-test: tools/operator-sdk/go.mod
	@hack/tool tools/operator-sdk github.com/operator-framework/operator-sdk/images/scorecard-test $@ $(SMALL)

# OLM v1's catalogd, and what operator-controller does with a bundle.
bin/olm-v1/catalogd: tools/olm-v1/go.mod
	@hack/tool tools/olm-v1 github.com/operator-framework/operator-controller/cmd/catalogd $@ -tags $(CONTAINERS_TAGS) $(SMALL)
bin/olm-v1/extension: tools/olm-v1/go.mod tools/olm-v1/cmd/extension/main.go
	@hack/tool tools/olm-v1 ./cmd/extension $@ -tags $(CONTAINERS_TAGS) $(SMALL)

# The programs of OLM's image; opm, of the images of catalogs, wants to be static there.
OLM_MODULE := github.com/operator-framework/operator-lifecycle-manager
OLM_BIN    := $(addprefix bin/olm/,olm catalog package-server copy-content cpb grpc_health_probe)
bin/olm/%: tools/olm/go.mod
	@hack/tool tools/olm $(OLM_MODULE)/cmd/$* $@ $(SMALL)
bin/olm/cpb: tools/olm/go.mod
	@hack/tool tools/olm $(OLM_MODULE)/util/cpb $@ $(SMALL)
bin/olm/grpc_health_probe: tools/olm/go.mod
	@hack/tool tools/olm github.com/grpc-ecosystem/grpc-health-probe $@ $(SMALL)

# The programs of the images that Prometheus is run by. Prometheus has only the service discovery that its operator
# configures, without which it compiles in half the time.
PROMETHEUS_OPERATOR := github.com/prometheus-operator/prometheus-operator
MONITORING_BIN      := $(addprefix bin/monitoring/,prometheus-operator prometheus-config-reloader prometheus alertmanager)
bin/monitoring/prometheus-operator: tools/prometheus-operator/go.mod
	@hack/tool tools/prometheus-operator $(PROMETHEUS_OPERATOR)/cmd/operator $@ $(SMALL)
bin/monitoring/prometheus-config-reloader: tools/prometheus-operator/go.mod
	@hack/tool tools/prometheus-operator $(PROMETHEUS_OPERATOR)/cmd/prometheus-config-reloader $@ $(SMALL)
bin/monitoring/prometheus: tools/prometheus/go.mod
	@hack/tool tools/prometheus github.com/prometheus/prometheus/cmd/prometheus $@ -tags remove_all_sd,enable_kubernetes_sd $(SMALL)
bin/monitoring/alertmanager: tools/alertmanager/go.mod
	@hack/tool tools/alertmanager github.com/prometheus/alertmanager/cmd/alertmanager $@ $(SMALL)

# The node of the local cluster; envtest uses its API server and etcd as well.
KUBERNETES_VERSION := $(shell sed -n 's|.*k8s.io/kubernetes v|v|p' tools/node/go.mod)
VERSION_FLAG       := -X k8s.io/component-base/version
bin/kube: tools/node/go.mod $(wildcard tools/node/cmd/kube/*.go)
	@hack/tool tools/node ./cmd/kube $@ -ldflags "-s -w $(VERSION_FLAG).gitVersion=$(KUBERNETES_VERSION) \
		$(VERSION_FLAG).gitMajor=1 $(VERSION_FLAG).gitMinor=$(word 2,$(subst ., ,$(KUBERNETES_VERSION)))"
# kube answers to the name that it is called by.
bin/kubectl bin/kube-apiserver bin/etcd: bin/kube
	ln -sfn kube $@
bin/addons: tools/node/go.mod $(wildcard tools/node/cmd/addons/*)
	@hack/tool tools/node ./cmd/addons $@ $(SMALL)
bin/pause: tools/node/go.mod $(wildcard tools/node/cmd/pause/*.go)
	@hack/tool tools/node ./cmd/pause $@ $(SMALL)
CONTAINERD_TAGS := no_btrfs,no_zfs,no_devmapper
bin/containerd bin/containerd-shim-runc-v2: bin/%: tools/node/go.mod
	@hack/tool tools/node github.com/containerd/containerd/v2/cmd/$* $@ -tags $(CONTAINERD_TAGS) $(SMALL)
bin/runc: tools/node/go.mod
	@CGO_ENABLED=1 hack/tool tools/node github.com/opencontainers/runc $@ -tags seccomp $(SMALL)

CLUSTER_SOURCES := $(shell find hack/cluster -type f ! -name '*_test.go' ! -name '*.md')
bin/cluster: $(CLUSTER_SOURCES)
	@hack/tool hack/cluster . $@ $(SMALL)
bin/image: $(CLUSTER_SOURCES)
	@hack/tool hack/cluster ./cmd/image $@ $(SMALL)
