package helm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/release"
	helmstorage "helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/text"
)

const (
	// labelOwner is on the Secrets in which Helm stores our releases, with the owner's UID. Up to version 0.2.0 it was the
	// owner's name.
	labelOwner = "example.com/owner"

	// maxHistory is how many revisions of a release are kept, failed ones among them.
	maxHistory = 3

	// requestTimeout bounds each request.
	requestTimeout = 30 * time.Second
)

// Release is the newest revision of a release, as far as what Helm stored of it is believed.
type Release struct {
	Revision     int64
	Status       string
	ChartVersion string
	// Description is Helm's own message about what happened last.
	Description string
	// Verified: the stored manifest has a digest that the operator computed. That is Digest, and Manifest the text.
	Verified         bool
	Digest, Manifest string
	// Owner is the label that says whose release it is, and Namespace where it says that it is installed. Whoever may
	// write Secrets may write both.
	Owner, Namespace string

	storage *storage
}

// Engine acts on the releases of one chart.
type Engine struct {
	*Chart
	possible func(owner client.Object) []ID
	client   client.Client
	secrets  typedv1.SecretsGetter
	clients  *restClients
}

// New creates an Engine that shares the manager's HTTP client and REST mapper. The function names all objects that the
// chart can create for an owner.
func New(
	cfg *rest.Config, httpClient *http.Client, mapper meta.RESTMapper, chart *Chart, possible func(client.Object) []ID,
) (*Engine, error) {
	cfg = rest.CopyConfig(cfg)
	// The API server's priority and fairness is what limits.
	cfg.QPS = -1
	bounded := *httpClient
	bounded.Timeout = requestTimeout
	live, err := client.New(cfg, client.Options{HTTPClient: &bounded, Mapper: mapper})
	if err != nil {
		return nil, fmt.Errorf("client for releases: %w", err)
	}
	// Releases are kilobytes of base64, which JSON would encode once more.
	storageConfig := rest.CopyConfig(cfg)
	storageConfig.ContentType = runtime.ContentTypeProtobuf
	secrets, err := typedv1.NewForConfigAndClient(storageConfig, &bounded)
	if err != nil {
		return nil, fmt.Errorf("client for Helm's storage: %w", err)
	}
	return &Engine{
		Chart: chart, possible: possible, client: live, secrets: secrets,
		clients: &restClients{config: cfg, httpClient: &bounded, mapper: mapper},
	}, nil
}

func (e *Engine) applierFor(owner client.Object, name string) *applier {
	return &applier{client: e.client, owner: owner, name: name, possible: e.possible(owner)}
}

func (e *Engine) storageFor(ctx context.Context, owner client.Object, name string, trusted []string) *storage {
	secrets := newOwnedSecrets(e.secrets.Secrets(owner.GetNamespace()), owner)
	return &storage{
		Driver: driver.NewSecrets(secrets), secrets: secrets, lister: e.client, owner: owner, name: name,
		trusted: trusted, ctx: ctx,
	}
}

// action is the configuration of one action on a release.
// An operator that stops ends what it has begun: each request has a timeout of its own.
func (e *Engine) action(ctx context.Context, stored *storage, want *Desired) *action.Configuration {
	ctx = context.WithoutCancel(ctx)
	stored.ctx = ctx
	log := func(string, ...any) {}
	return &action.Configuration{
		Releases: helmstorage.Init(stored),
		KubeClient: &kubeClient{
			Client: &kube.Client{Log: log}, applier: e.applierFor(stored.owner, stored.name), clients: e.clients, desired: want, ctx: ctx,
		},
		// With capabilities given, Helm runs no discovery. The chart has been rendered already.
		Capabilities: chartutil.DefaultCapabilities,
		Log:          log,
	}
}

// Observe returns what is believed of the newest revision, or nil where there is none. Its manifest is believed where it
// has one of the digests.
func (e *Engine) Observe(ctx context.Context, owner client.Object, name string, trusted ...string) (*Release, error) {
	stored := e.storageFor(ctx, owner, name, trusted)
	if err := stored.load(); err != nil {
		return nil, err
	}
	return observed(stored), nil
}

func observed(stored *storage) *Release {
	newest := stored.newest()
	if newest == nil {
		return nil
	}
	found := &Release{
		Revision:    int64(newest.release.Version),
		Status:      newest.status.String(),
		Description: newest.release.Info.Description,
		Verified:    newest.verified,
		Owner:       newest.owner,
		Namespace:   newest.namespace,
		storage:     stored,
	}
	if newest.verified {
		found.Manifest, found.Digest = newest.release.Manifest, digestOf(newest.release.Manifest)
	}
	if newest.release.Chart != nil && newest.release.Chart.Metadata != nil {
		found.ChartVersion = shortenedVersion(newest.release.Chart.Metadata.Version)
	}
	return found
}

// shortenedVersion is the chart's version, which somebody else may have written, as far as the status takes it.
func shortenedVersion(version string) string { return text.Bounded(version, 128) }

// rendered hands over the manifest that was rendered, in the place of what Helm would render: what is installed is what the
// digest is of.
type rendered struct{ manifest string }

// Run implements postrender.PostRenderer.
func (r rendered) Run(*bytes.Buffer) (*bytes.Buffer, error) {
	return bytes.NewBufferString(r.manifest), nil
}

// Install creates the first revision of a release that Observe did not find, and returns what Helm stored of it.
func (e *Engine) Install(ctx context.Context, want *Desired) (*Release, error) {
	stored := e.storageFor(ctx, want.Owner, want.Name, []string{want.Digest})
	stored.read = true // and there is none
	manifest, err := want.text()
	if err != nil {
		return nil, fmt.Errorf("install release %s: %w", want.Name, err)
	}
	install := action.NewInstall(e.action(ctx, stored, want))
	install.ReleaseName, install.Namespace = want.Name, want.Owner.GetNamespace()
	install.PostRenderer = rendered{manifest}
	// The API server validates what it is given; Helm would fetch its whole OpenAPI document to do that first.
	install.DisableOpenAPIValidation = true
	install.DisableHooks = true
	install.SkipCRDs = true
	install.SkipSchemaValidation = schemaIsChecked
	if _, err := install.Run(e.withoutSources(), runtime.DeepCopyJSON(want.values)); err != nil {
		if !IsTransient(err) {
			// The reason, in more words than Helm's.
			if conflict := e.applierFor(want.Owner, want.Name).conflict(ctx, want.Objects); errors.Is(conflict, ErrNotOurs) {
				err = conflict
			}
		}
		return observed(stored), fmt.Errorf("install release %s: %w", want.Name, err)
	}
	return observed(stored), nil
}

// Upgrade creates the next revision of a release, whatever became of the one before, and returns what Helm stored of it.
func (e *Engine) Upgrade(ctx context.Context, want *Desired, from *Release) (*Release, error) {
	stored := from.storage
	actions := e.action(ctx, stored, want)
	if err := errors.Join(dropHighest(stored), abandon(stored)); err != nil {
		return nil, fmt.Errorf("upgrade release %s: %w", want.Name, err)
	}
	if stored.newest() == nil {
		return e.Install(ctx, want)
	}
	manifest, err := want.text()
	if err != nil {
		return nil, fmt.Errorf("upgrade release %s: %w", want.Name, err)
	}
	upgrade := action.NewUpgrade(actions)
	upgrade.Namespace = want.Owner.GetNamespace()
	upgrade.PostRenderer = rendered{manifest}
	upgrade.MaxHistory = maxHistory
	upgrade.ResetValues = true
	// Whether an object may be taken over, applier decides.
	upgrade.TakeOwnership = true
	upgrade.DisableOpenAPIValidation = true
	upgrade.DisableHooks = true
	upgrade.SkipCRDs = true
	upgrade.SkipSchemaValidation = schemaIsChecked
	if _, err := upgrade.Run(want.Name, e.withoutSources(), runtime.DeepCopyJSON(want.values)); err != nil {
		return observed(stored), fmt.Errorf("upgrade release %s: %w", want.Name, err)
	}
	return observed(stored), nil
}

// dropHighest deletes the revisions after which there can be no other that is read. Only somebody else writes those.
func dropHighest(stored *storage) error {
	for newest := stored.newest(); newest != nil && newest.release.Version >= maxRevision; newest = stored.newest() {
		if _, err := stored.Delete(stored.key(newest.release.Version)); err != nil {
			return err
		}
	}
	return nil
}

// abandon marks the newest revision as failed where it was left in the middle of an action, or uninstalled: Helm would
// refuse every other action on it.
func abandon(stored *storage) error {
	found := stored.newest()
	if found == nil {
		return nil
	}
	newest := found.release
	switch newest.Info.Status {
	case release.StatusDeployed, release.StatusFailed, release.StatusSuperseded:
		return nil
	}
	newest.SetStatus(release.StatusFailed, fmt.Sprintf("It was left %s", newest.Info.Status))
	return stored.Update(stored.key(newest.Version), newest)
}

// Apply creates or restores one object of a release, as it was rendered or verified. No revision comes of it.
func (e *Engine) Apply(ctx context.Context, owner client.Object, name string, object *unstructured.Unstructured) error {
	if err := e.applierFor(owner, name).apply(ctx, object); err != nil {
		return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// Uninstall deletes the objects of a release, except those that outlive it, and what Helm stored of it. What is not there
// is no error.
func (e *Engine) Uninstall(ctx context.Context, owner client.Object, name string, trusted ...string) error {
	if err := e.applierFor(owner, name).prune(ctx, nil); err != nil {
		return fmt.Errorf("uninstall release %s: %w", name, err)
	}
	stored := e.storageFor(ctx, owner, name, trusted)
	if err := stored.load(); err != nil {
		return fmt.Errorf("uninstall release %s: %w", name, err)
	}
	// After a pause, a Database of the same name may have a release by now.
	stored.records = slices.DeleteFunc(stored.records, func(r *record) bool { return r.others })
	if stored.newest() == nil {
		return nil
	}
	uninstall := action.NewUninstall(e.action(ctx, stored, nil))
	uninstall.DisableHooks = true
	if _, err := uninstall.Run(name); err != nil {
		return fmt.Errorf("uninstall release %s: %w", name, err)
	}
	return nil
}
