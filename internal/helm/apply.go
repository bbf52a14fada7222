package helm

import (
	"context"
	"errors"
	"fmt"

	"helm.sh/helm/v3/pkg/kube"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/util/csaupgrade"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// FieldManager is the name under which the operator's writes stand in managedFields.
const FieldManager = "cnat-operator"

// Helm keeps it in a variable of its package: set here, before anything of it runs.
func init() { kube.ManagedFieldsManager = FieldManager }

// Helm's marks on the objects of a release.
const (
	annotationName      = "meta.helm.sh/release-name"
	annotationNamespace = "meta.helm.sh/release-namespace"
	labelManagedBy      = "app.kubernetes.io/managed-by"
	managedByHelm       = "Helm"
)

// ID names one object in the owner's namespace.
type ID struct {
	schema.GroupVersionKind
	Name string
}

func idOf(object *unstructured.Unstructured) ID {
	return ID{object.GroupVersionKind(), object.GetName()}
}

// ErrNotOurs is the error of an object that somebody else has under a name that the release needs.
var ErrNotOurs = errors.New("it is not part of this release, and is left alone")

// applier writes the objects of one release: only in its owner's namespace, and only those that the chart can create.
type applier struct {
	client client.Client // not from a cache
	owner  client.Object
	name   string
	// possible are all objects that the chart can create for this owner, whatever the values.
	possible []ID
}

// check refuses an object that the chart can't create for this owner.
func (a *applier) check(object *unstructured.Unstructured) error {
	if object.GetNamespace() == a.owner.GetNamespace() {
		for _, id := range a.possible {
			if id == idOf(object) {
				return nil
			}
		}
	}
	return fmt.Errorf("%s %s/%s is no object of release %s in namespace %s", object.GroupVersionKind(),
		object.GetNamespace(), object.GetName(), a.name, a.owner.GetNamespace())
}

// apply creates an object, or restores all that the chart says of it by server-side apply, and takes away what an earlier
// version of the chart said.
func (a *applier) apply(ctx context.Context, want *unstructured.Unstructured) error {
	if err := a.check(want); err != nil {
		return err
	}
	want = want.DeepCopy()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(want.GroupVersionKind())
	err := a.client.Get(ctx, client.ObjectKeyFromObject(want), live)
	if apierrors.IsNotFound(err) {
		// Not by an apply, which would take over one that somebody else creates meanwhile.
		return a.client.Create(ctx, want, client.FieldOwner(FieldManager))
	}
	if err != nil {
		return err
	}
	if err := a.ours(live); err != nil {
		return err
	}
	// Fields that were written by other means, as by an install, become those of server-side apply, or it would not
	// take them away.
	patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, sets.New(FieldManager), FieldManager)
	if err != nil {
		return err
	}
	if patch != nil {
		if err := a.client.Patch(ctx, live, client.RawPatch(types.JSONPatchType, patch)); err != nil {
			return err
		}
	}
	// The object that was read, and no other of its name.
	want.SetUID(live.GetUID())
	return a.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(want),
		client.FieldOwner(FieldManager), client.ForceOwnership)
}

// ours refuses an object that belongs to somebody else. One that outlives its owner, as a volume claim, has only Helm's
// marks, by which Helm itself takes over objects.
func (a *applier) ours(live client.Object) error {
	if metav1.IsControlledBy(live, a.owner) {
		return nil
	}
	kind, name, namespace := live.GetObjectKind().GroupVersionKind().Kind, live.GetName(), live.GetNamespace()
	if other := metav1.GetControllerOf(live); other != nil {
		return fmt.Errorf("%s %s is controlled by %s %s (%s): %w", kind, name, other.Kind, other.Name, other.UID, ErrNotOurs)
	}
	marks := live.GetAnnotations()
	if marks[annotationName] == a.name && marks[annotationNamespace] == namespace {
		return nil
	}
	command := fmt.Sprintf("kubectl --namespace=%s annotate --overwrite %s/%s %s=%s %s=%s",
		namespace, kind, name, annotationName, a.name, annotationNamespace, namespace)
	if live.GetLabels()[labelManagedBy] != managedByHelm {
		command += fmt.Sprintf(" && kubectl --namespace=%s label --overwrite %s/%s %s=%s",
			namespace, kind, name, labelManagedBy, managedByHelm)
	}
	return fmt.Errorf("%s %s is there already: %w. Delete it, or have the release take it over: %s",
		kind, name, ErrNotOurs, command)
}

// conflict returns why an object of the release can't be written, where it belongs to somebody else.
func (a *applier) conflict(ctx context.Context, objects Objects) error {
	for _, object := range objects {
		live, err := a.live(ctx, idOf(object))
		if err != nil {
			return err
		}
		if live != nil {
			if err := a.ours(live); err != nil {
				return err
			}
		}
	}
	return nil
}

// prune deletes the objects of the release, except those in keep and those that outlive it.
func (a *applier) prune(ctx context.Context, keep map[ID]bool) error {
	var failed []error
	for _, id := range a.possible {
		if keep[id] || id.Kind == "PersistentVolumeClaim" {
			continue
		}
		live, err := a.live(ctx, id)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if live == nil || !live.GetDeletionTimestamp().IsZero() || a.ours(live) != nil {
			continue
		}
		uid := live.GetUID()
		err = a.client.Delete(ctx, live, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
		if client.IgnoreNotFound(err) != nil {
			failed = append(failed, fmt.Errorf("delete %s %s: %w", id.Kind, id.Name, err))
		}
	}
	return errors.Join(failed...)
}

// live returns the metadata of an object, or nil where it is not there.
func (a *applier) live(ctx context.Context, id ID) (*metav1.PartialObjectMetadata, error) {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(id.GroupVersionKind)
	err := a.client.Get(ctx, client.ObjectKey{Namespace: a.owner.GetNamespace(), Name: id.Name}, live)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("get %s %s: %w", id.Kind, id.Name, err)
	}
	live.SetGroupVersionKind(id.GroupVersionKind)
	return live, nil
}
