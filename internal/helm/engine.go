package helm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	helmclient "github.com/operator-framework/helm-operator-plugins/pkg/client"
	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// labelOwner and labelDigest are on the Secrets in which Helm stores our releases.
	labelOwner  = "example.com/owner"
	labelDigest = "example.com/digest"

	// maxHistory is how many revisions of a release are kept, failed ones among them.
	maxHistory = 3
)

// Release is the newest revision of a release, as Helm stored it.
type Release struct {
	Revision     int64
	Status       string
	ChartVersion string
	// Description is Helm's own word about what happened last.
	Description string
	// Owner is the name of the object that the release was made for, and empty for a release that is not ours.
	Owner string
	// Digest tells which chart and values the revision was made from.
	Digest string
	// Updated is when the revision was made.
	Updated time.Time
	// Manifest is what the chart of then made of the values of then.
	Manifest string
}

// Engine acts on the releases of one chart.
type Engine struct {
	*Chart
	clients helmclient.ActionClientGetter
}

// New makes an Engine that shares the manager's HTTP client and REST mapper.
func New(cfg *rest.Config, httpClient *http.Client, mapper meta.RESTMapper, chart *Chart) (*Engine, error) {
	configs, err := newConfigGetter(cfg, httpClient, mapper)
	if err != nil {
		return nil, err
	}
	// A rollback of a failed install is an uninstall, and one of a failed upgrade may fail again without end.
	clients, err := helmclient.NewActionClientGetter(configs, helmclient.WithFailureRollbacks(false))
	if err != nil {
		return nil, fmt.Errorf("clients of Helm's actions: %w", err)
	}
	return &Engine{Chart: chart, clients: clients}, nil
}

// Observe returns what Helm stored of a release, or nil where it stored none.
func (e *Engine) Observe(ctx context.Context, owner client.Object, name string) (*Release, error) {
	stored, err := e.last(ctx, owner, name)
	if stored == nil || err != nil {
		return nil, err
	}
	return observed(stored), nil
}

func observed(stored *release.Release) *Release {
	found := &Release{
		Revision:    int64(stored.Version),
		Status:      stored.Info.Status.String(),
		Description: stored.Info.Description,
		Owner:       stored.Labels[labelOwner],
		Digest:      stored.Labels[labelDigest],
		Updated:     stored.Info.LastDeployed.Time,
		Manifest:    stored.Manifest,
	}
	if stored.Chart != nil && stored.Chart.Metadata != nil {
		found.ChartVersion = stored.Chart.Metadata.Version
	}
	return found
}

// Install makes the first revision of a release that Observe did not find, and returns what Helm stored of it.
func (e *Engine) Install(ctx context.Context, owner client.Object, name string, values map[string]any) (*Release, error) {
	labels, err := e.labels(owner, values)
	if err != nil {
		return nil, err
	}
	actions, err := e.clients.ActionClientFor(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("install release %s: %w", name, err)
	}
	storageOf(actions).absent = true
	options := func(install *action.Install) error {
		install.Labels = labels
		install.PostRenderer = ownedBy(owner)
		// The API server validates what it is given; Helm would fetch its whole OpenAPI document to do that first.
		install.DisableOpenAPIValidation = true
		install.DisableHooks = true
		install.SkipCRDs = true
		install.SkipSchemaValidation = schemaIsChecked
		return nil
	}
	_, err = actions.Install(name, owner.GetNamespace(), e.forAction(), runtime.DeepCopyJSON(values), options)
	if err != nil {
		return nil, fmt.Errorf("install release %s: %w", name, err)
	}
	return stored(actions), nil
}

// Upgrade makes the next revision of a release, whatever became of the one before, and returns what Helm stored of it.
func (e *Engine) Upgrade(ctx context.Context, owner client.Object, name string, values map[string]any) (*Release, error) {
	labels, err := e.labels(owner, values)
	if err != nil {
		return nil, err
	}
	actions, err := e.clients.ActionClientFor(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("upgrade release %s: %w", name, err)
	}
	options := func(upgrade *action.Upgrade) error {
		upgrade.Labels = labels
		upgrade.PostRenderer = ownedBy(owner)
		upgrade.MaxHistory = maxHistory
		upgrade.ResetValues = true
		upgrade.DisableOpenAPIValidation = true
		upgrade.DisableHooks = true
		upgrade.SkipCRDs = true
		upgrade.SkipSchemaValidation = schemaIsChecked
		return nil
	}
	_, err = actions.Upgrade(name, owner.GetNamespace(), e.forAction(), runtime.DeepCopyJSON(values), options)
	if err != nil {
		return nil, fmt.Errorf("upgrade release %s: %w", name, err)
	}
	return stored(actions), nil
}

// stored is what a successful action stored, which spares the request that asks for it.
func stored(actions helmclient.ActionInterface) *Release {
	return observed(storageOf(actions).newest)
}

func storageOf(actions helmclient.ActionInterface) *storage {
	return actions.Config().Releases.Driver.(*storage)
}

// Abandon marks the newest revision as failed: one that was left in the middle of an action. Helm would refuse every
// other action on it.
func (e *Engine) Abandon(ctx context.Context, owner client.Object, name string) error {
	stored, err := e.last(ctx, owner, name)
	if stored == nil || err != nil {
		return err
	}
	actions, err := e.clients.ActionClientFor(ctx, owner)
	if err != nil {
		return fmt.Errorf("abandon release %s: %w", name, err)
	}
	stored.SetStatus(release.StatusFailed, fmt.Sprintf("Left %s by an operator that was cut short", stored.Info.Status))
	if err := actions.Config().Releases.Update(stored); err != nil {
		return fmt.Errorf("abandon release %s: %w", name, err)
	}
	return nil
}

// Repair makes again, or sets back, the objects of the newest revision that differ from it. objects are those of them
// that are meant; nil: all. They are as stored, with their owner, which what a chart renders has not. No revision comes
// of it.
func (e *Engine) Repair(ctx context.Context, owner client.Object, name string, objects Objects) error {
	stored, err := e.last(ctx, owner, name)
	if err != nil {
		return err
	}
	if stored == nil {
		return fmt.Errorf("repair release %s: %w", name, driver.ErrReleaseNotFound)
	}
	if objects != nil {
		var manifest bytes.Buffer
		for _, object := range objects {
			if err := json.NewEncoder(&manifest).Encode(object.Object); err != nil {
				return fmt.Errorf("repair release %s: %w", name, err)
			}
		}
		stored.Manifest = manifest.String()
	}
	actions, err := e.clients.ActionClientFor(ctx, owner)
	if err != nil {
		return fmt.Errorf("repair release %s: %w", name, err)
	}
	if err := actions.Reconcile(stored); err != nil {
		return fmt.Errorf("repair release %s: %w", name, err)
	}
	return nil
}

// Uninstall removes a release and its objects, except those that are marked to be kept. A release that is not there
// is no error.
func (e *Engine) Uninstall(ctx context.Context, owner client.Object, name string) error {
	actions, err := e.clients.ActionClientFor(ctx, owner)
	if err != nil {
		return fmt.Errorf("uninstall release %s: %w", name, err)
	}
	options := func(uninstall *action.Uninstall) error {
		uninstall.DisableHooks = true
		return nil
	}
	_, failure := actions.Uninstall(name, options)
	if failure == nil {
		return nil
	}
	// The garbage collector may take the stored release, and with it what the release owns, while Helm is at it.
	if stored, err := e.last(ctx, owner, name); err == nil && stored == nil {
		return nil
	}
	return fmt.Errorf("uninstall release %s: %w", name, failure)
}

// last returns the newest revision as Helm stored it, or nil.
func (e *Engine) last(ctx context.Context, owner client.Object, name string) (*release.Release, error) {
	actions, err := e.clients.ActionClientFor(ctx, owner)
	if err != nil {
		return nil, fmt.Errorf("observe release %s: %w", name, err)
	}
	revisions, err := actions.Config().Releases.History(name)
	if errors.Is(err, driver.ErrReleaseNotFound) || err == nil && len(revisions) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("observe release %s: %w", name, err)
	}
	return slices.MaxFunc(revisions, func(a, b *release.Release) int { return a.Version - b.Version }), nil
}

// labels checks the values of an action, and returns the labels of the revision that it makes.
func (e *Engine) labels(owner client.Object, values map[string]any) (map[string]string, error) {
	if err := e.check(values); err != nil {
		return nil, fmt.Errorf("values of %s: %w", owner.GetName(), err)
	}
	digest, err := e.Digest(values)
	if err != nil {
		return nil, err
	}
	return map[string]string{labelOwner: owner.GetName(), labelDigest: digest}, nil
}
