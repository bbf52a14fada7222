package requests

import (
	"context"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	apirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
)

// Storages are those of all subresources, and of the resources that they are of, which can do nothing themselves.
func Storages(c client.Client, now func() time.Time) map[string]rest.Storage {
	all := map[string]rest.Storage{}
	for path, action := range actions {
		resource, _, _ := strings.Cut(path, "/")
		all[resource] = parent(strings.TrimSuffix(resource, "s"))
		all[path] = &subresource{parent: all[resource].(parent), client: c, now: now, action: action}
	}
	return all
}

// parent is the singular name of a resource that has subresources only.
type parent string

var (
	_ rest.Storage              = parent("")
	_ rest.Scoper               = parent("")
	_ rest.SingularNameProvider = parent("")
	_ rest.NamedCreater         = (*subresource)(nil)
)

func (parent) New() runtime.Object       { return &v1alpha1.Request{} }
func (parent) Destroy()                  {}
func (parent) NamespaceScoped() bool     { return true }
func (p parent) GetSingularName() string { return string(p) }

type subresource struct {
	parent
	client client.Client
	now    func() time.Time
	action action
}

// Create carries out a request by the object's name, in the name of the request's user.
func (s *subresource) Create(ctx context.Context, name string, object runtime.Object, validate rest.ValidateObjectFunc,
	options *metav1.CreateOptions,
) (runtime.Object, error) {
	if err := validate(ctx, object); err != nil {
		return nil, err
	}
	asked, ok := object.(*v1alpha1.Request)
	user, known := apirequest.UserFrom(ctx)
	if !ok || !known {
		return nil, errors.NewBadRequest("not a Request of a known user")
	}
	text, err := textOf(s.now(), user.GetName())
	if err != nil {
		return nil, err
	}
	key := types.NamespacedName{Namespace: apirequest.NamespaceValue(ctx), Name: name}
	message, err := s.action(ctx, s.client, &request{key: key, uid: asked.Spec.UID, text: text, dryRun: options.DryRun})
	if err != nil {
		return nil, err
	}
	return &v1alpha1.Request{
		ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}, Spec: asked.Spec,
		Status: v1alpha1.RequestStatus{Message: message, Request: text},
	}, nil
}
