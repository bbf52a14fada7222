package helm

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	helmclient "github.com/operator-framework/helm-operator-plugins/pkg/client"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	v1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// fieldManager is the name under which Helm's writes stand in managedFields.
	fieldManager = "cnat-operator"

	// requestTimeout bounds each request, since Helm's actions take no context.
	requestTimeout = 30 * time.Second

	// versionLifetime is for how long the server's version is taken as unchanged.
	versionLifetime = 10 * time.Minute
)

// Helm keeps it in a variable of its package: set here, before anything of it runs.
func init() { kube.ManagedFieldsManager = fieldManager }

// configGetter makes the configuration of one action. Discovery, the REST mapper, the HTTP client and the server's
// version are shared by all of them: made anew for each action, they are most of what an action costs.
type configGetter struct {
	helmclient.ActionConfigGetter
	discovery discovery.ServerVersionInterface

	mu      sync.Mutex
	version chartutil.KubeVersion
	expires time.Time
}

func newConfigGetter(cfg *rest.Config, httpClient *http.Client, mapper meta.RESTMapper) (*configGetter, error) {
	cfg = rest.CopyConfig(cfg)
	cfg.Timeout = requestTimeout
	// The API server's priority and fairness is what limits; a limit for each of an action's clients limits nothing.
	cfg.QPS = -1
	// Releases are kilobytes of base64, which JSON would encode once more.
	storageConfig := rest.CopyConfig(cfg)
	storageConfig.ContentType = runtime.ContentTypeProtobuf
	secrets, err := v1.NewForConfigAndClient(storageConfig, httpClient)
	if err != nil {
		return nil, fmt.Errorf("client for Helm's storage: %w", err)
	}
	versions, err := discovery.NewDiscoveryClientForConfigAndClient(cfg, httpClient)
	if err != nil {
		return nil, fmt.Errorf("client for discovery: %w", err)
	}
	storage := func(_ context.Context, owner client.Object, _ *rest.Config) (driver.Driver, error) {
		// With an owner reference a release goes with its owner even where the finalizer was removed by hand.
		refs := []metav1.OwnerReference{*metav1.NewControllerRef(owner, owner.GetObjectKind().GroupVersionKind())}
		client := helmclient.NewOwnerRefSecretClient(secrets.Secrets(owner.GetNamespace()), refs, nil)
		return &storage{Driver: driver.NewSecrets(client)}, nil
	}
	inner, err := helmclient.NewActionConfigGetter(cfg, mapper, helmclient.StorageDriverMapper(storage))
	if err != nil {
		return nil, fmt.Errorf("configuration of Helm's actions: %w", err)
	}
	return &configGetter{ActionConfigGetter: inner, discovery: versions}, nil
}

// ActionConfigFor implements helmclient.ActionConfigGetter.
func (g *configGetter) ActionConfigFor(ctx context.Context, owner client.Object) (*action.Configuration, error) {
	config, err := g.ActionConfigGetter.ActionConfigFor(ctx, owner)
	if err != nil {
		return nil, err
	}
	version, err := g.kubeVersion()
	if err != nil {
		return nil, err
	}
	// With capabilities given, Helm does not run a full discovery for each action. The chart asks for no API version.
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = version
	config.Capabilities = capabilities
	if kubeClient, ok := config.KubeClient.(*kube.Client); ok {
		config.KubeClient = reachable{kubeClient}
	}
	return config, nil
}

func (g *configGetter) kubeVersion() (chartutil.KubeVersion, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if now.Before(g.expires) {
		return g.version, nil
	}
	info, err := g.discovery.ServerVersion()
	if err != nil {
		return chartutil.KubeVersion{}, fmt.Errorf("version of the API server: %w", err)
	}
	g.version = chartutil.KubeVersion{Version: info.GitVersion, Major: info.Major, Minor: info.Minor}
	g.expires = now.Add(versionLifetime)
	return g.version, nil
}

// reachable leaves out the request by which Helm asks whether the API server is there: the next one tells as well.
type reachable struct{ *kube.Client }

// IsReachable implements kube.Interface.
func (reachable) IsReachable() error { return nil }
