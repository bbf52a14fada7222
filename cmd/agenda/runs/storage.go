// Package runs serves runs, which are computed from watched objects and never stored.
package runs

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	"example.com/cnat-operator/internal/agenda"
)

// Storage answers get and list of runs.
type Storage struct {
	// Reader is a cache of Ats, CronTabs and CronJobs.
	Reader client.Reader
	// Authorizer says what a user may see.
	Authorizer authorizer.Authorizer
	// Now is the clock.
	Now func() time.Time
}

var (
	_ rest.Storage              = (*Storage)(nil)
	_ rest.Scoper               = (*Storage)(nil)
	_ rest.Lister               = (*Storage)(nil)
	_ rest.Getter               = (*Storage)(nil)
	_ rest.SingularNameProvider = (*Storage)(nil)
)

// New returns an empty run.
func (*Storage) New() runtime.Object { return &v1alpha1.Run{} }

// NewList returns an empty list.
func (*Storage) NewList() runtime.Object { return &v1alpha1.RunList{} }

// Destroy has nothing to release.
func (*Storage) Destroy() {}

// NamespaceScoped says that runs are in namespaces: those of their objects.
func (*Storage) NamespaceScoped() bool { return true }

// GetSingularName is what kubectl calls one.
func (*Storage) GetSingularName() string { return "run" }

// List lists the coming runs that the user may see, in order.
func (s *Storage) List(ctx context.Context, options *metainternalversion.ListOptions) (runtime.Object, error) {
	selector := fields.Everything()
	if options.FieldSelector != nil {
		selector = options.FieldSelector
	}
	if options.LabelSelector != nil && !options.LabelSelector.Empty() {
		return nil, apierrors.NewBadRequest("runs have no labels: select them by fields")
	}
	from, err := s.start(options.Continue, selector)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	objects, err := s.objects(ctx)
	if err != nil {
		return nil, err
	}
	wanted := s.wanted(ctx, selector)
	page, next := pageOf(*objects, from, options.Limit, wanted)
	if wanted.err != nil {
		return nil, apierrors.NewInternalError(wanted.err)
	}
	list := &v1alpha1.RunList{Items: make([]v1alpha1.Run, 0, len(page))}
	for i := range page {
		list.Items = append(list.Items, *runOf(&page[i]))
	}
	if next != nil {
		list.Continue = next.token()
	}
	return list, nil
}

// start is where a list starts: at its continue token, or now. For a run of one name it is just before that.
func (s *Storage) start(token string, selector fields.Selector) (*position, error) {
	if token != "" {
		return parseToken(token, s.Now())
	}
	until, err := endOf(selector, s.Now())
	if err != nil {
		return nil, err
	}
	from := &position{Until: until, When: s.Now()}
	if name, one := selector.RequiresExactMatch(fieldName); one {
		if second, ok := timeOf(name); ok {
			from.narrow(second)
		}
	}
	return from, nil
}

// Get returns the run of a name. What the user may not see is not found.
func (s *Storage) Get(ctx context.Context, name string, _ *metav1.GetOptions) (runtime.Object, error) {
	objects, err := s.objects(ctx)
	if err != nil {
		return nil, err
	}
	if second, ok := timeOf(name); ok {
		from := &position{Until: s.Now().Add(longestSpan), When: s.Now()}
		from.narrow(second)
		wanted := s.wanted(ctx, fields.OneTermEqualSelector(fieldName, name))
		found, _ := pageOf(*objects, from, 1, wanted)
		if wanted.err != nil {
			return nil, apierrors.NewInternalError(wanted.err)
		}
		if len(found) == 1 {
			return runOf(&found[0]), nil
		}
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "runs"}, name)
}

// objects are those of the request's namespace, or all. They are the cache's own, which nothing here changes.
func (s *Storage) objects(ctx context.Context) (*agenda.Objects, error) {
	objects := &agenda.Objects{}
	options := []client.ListOption{client.InNamespace(request.NamespaceValue(ctx)), client.UnsafeDisableDeepCopy}
	ats, tabs, jobs := newLists()
	for _, list := range []client.ObjectList{ats, tabs, jobs} {
		if err := s.Reader.List(ctx, list, options...); err != nil {
			return nil, apierrors.NewInternalError(err)
		}
	}
	objects.Ats, objects.CronTabs, objects.CronJobs = ats.Items, tabs.Items, jobs.Items
	return objects, nil
}

func (s *Storage) wanted(ctx context.Context, selector fields.Selector) *wanted {
	who, _ := request.UserFrom(ctx) // the server answers nobody without one
	visible := &visibility{s.Authorizer.Authorize, who, map[[2]string]bool{}}
	return &wanted{selector: selector, sees: func(kind, namespace string) (bool, error) {
		return visible.sees(ctx, kind, namespace)
	}}
}

func runOf(run *agenda.Run) *v1alpha1.Run {
	return &v1alpha1.Run{
		ObjectMeta: metav1.ObjectMeta{Name: nameOf(run), Namespace: run.Namespace},
		Spec: v1alpha1.RunSpec{
			When: metav1.NewTime(run.When), Kind: run.Kind, Name: run.Name, Zone: run.Zone, Note: run.Note,
			LastResult: run.Last, LastSeconds: int64(run.LastLength.Seconds()),
		},
	}
}
