// Package storageversion rewrites Ats that are stored in an older version of their API, so that a later release can drop
// that version.
package storageversion

import (
	"context"
	"errors"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/write"
)

const (
	crdName = "ats.cnat.programming-kubernetes.info"

	// settle is how long after its start the leader begins. By then what was due during the failover has started, and each
	// API server has seen the CustomResourceDefinition that came with this release.
	settle = time.Minute
	// pause is between two writes, so that they are few beside those that start Ats.
	pause = 50 * time.Millisecond
	// retry is after what time it is tried again.
	retry = 10 * time.Minute
	// pageSize is how many Ats a list has.
	pageSize = 500
)

var errChanged = errors.New("the CustomResourceDefinition was changed meanwhile")

// Migration implements manager.Runnable. The leader runs it once: what is written later is stored in the new version.
type Migration struct {
	// Client writes to the API server.
	Client client.Client
	// APIReader reads from the API server.
	APIReader client.Reader
	// Clock is the wall clock.
	Clock clock.Clock
	// Namespaced means that the operator watches some namespaces only, and has no rights to the Ats of others.
	Namespaced bool
}

// +kubebuilder:rbac:roleName=storage-version,groups=apiextensions.k8s.io,resources=customresourcedefinitions,resourceNames=ats.cnat.programming-kubernetes.info,verbs=get
// +kubebuilder:rbac:roleName=storage-version,groups=apiextensions.k8s.io,resources=customresourcedefinitions/status,resourceNames=ats.cnat.programming-kubernetes.info,verbs=patch
// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats,verbs=list
// +kubebuilder:rbac:groups=cnat.programming-kubernetes.info,resources=ats/status,verbs=patch

// Start implements manager.Runnable.
func (m *Migration) Start(ctx context.Context) error {
	ctx = log.IntoContext(ctx, log.FromContext(ctx).WithName("storage-version"))
	for wait := settle; ; wait = retry {
		select {
		case <-ctx.Done():
			return nil
		case <-m.Clock.After(wait):
		}
		err := m.migrate(ctx)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		log.FromContext(ctx).Error(err, "Ats remain stored in an older version; it is tried again", "after", retry.String())
	}
}

// migrate rewrites all Ats, if any may be stored in an older version, and then removes that from the status of their
// CustomResourceDefinition.
func (m *Migration) migrate(ctx context.Context) error {
	crd, err := m.read(ctx)
	if err != nil {
		return err
	}
	current, older := versions(crd)
	logger := log.FromContext(ctx).WithValues("stored", current, "older", older)
	switch {
	case len(older) == 0:
		return nil
	case m.Namespaced:
		logger.Info("Ats may be stored in an older version. An operator that watches some namespaces only does not rewrite " +
			"them; docs/admin-guide.md says how to")
		return nil
	}
	ats, err := m.list(ctx, current)
	if err != nil {
		return err
	}
	logger.Info("Rewriting Ats, which may be stored in an older version", "ats", len(ats))
	if err := m.rewriteAll(ctx, current, ats); err != nil {
		return err
	}
	if err := m.finish(ctx, crd.Generation, current); err != nil {
		return err
	}
	logger.Info("All Ats are stored in the current version")
	return nil
}

func (m *Migration) read(ctx context.Context) (*apiextensionsv1.CustomResourceDefinition, error) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := m.APIReader.Get(ctx, client.ObjectKey{Name: crdName}, crd); err != nil {
		return nil, fmt.Errorf("reading the CustomResourceDefinition: %w", err)
	}
	return crd, nil
}

// versions are the one in which the API server stores what is written, and those in which objects may still be stored.
func versions(crd *apiextensionsv1.CustomResourceDefinition) (current string, older []string) {
	for _, version := range crd.Spec.Versions {
		if version.Storage {
			current = version.Name
		}
	}
	for _, stored := range crd.Status.StoredVersions {
		if stored != current {
			older = append(older, stored)
		}
	}
	return current, older
}

// list names all Ats.
func (m *Migration) list(ctx context.Context, version string) (ats []types.NamespacedName, err error) {
	page := &metav1.PartialObjectMetadataList{}
	page.SetGroupVersionKind(kind(version, "AtList"))
	for {
		if err := m.APIReader.List(ctx, page, client.Limit(pageSize), client.Continue(page.Continue)); err != nil {
			return nil, fmt.Errorf("listing the Ats: %w", err)
		}
		for i := range page.Items {
			ats = append(ats, client.ObjectKeyFromObject(&page.Items[i]))
		}
		if page.Continue == "" {
			return ats, nil
		}
	}
}

// rewriteAll rewrites Ats one by one. One that the API server refuses keeps no other from it.
func (m *Migration) rewriteAll(ctx context.Context, version string, ats []types.NamespacedName) error {
	var refused []error
	for _, name := range ats {
		err := m.rewrite(ctx, version, name)
		switch {
		case err == nil:
		case write.IsRefusal(err):
			refused = append(refused, err)
		default:
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-m.Clock.After(pause):
		}
	}
	if len(refused) > 0 {
		return fmt.Errorf("%d of %d Ats can't be rewritten; the first: %w", len(refused), len(ats), refused[0])
	}
	return nil
}

// rewrite has the API server store an At as it is, by a patch without changes: that writes where the version differs, and
// only there. It is one of the status, which admission policies and webhooks rarely judge.
func (m *Migration) rewrite(ctx context.Context, version string, name types.NamespacedName) error {
	at := &metav1.PartialObjectMetadata{}
	at.SetGroupVersionKind(kind(version, "At"))
	at.Namespace, at.Name = name.Namespace, name.Name
	err := m.Client.Status().Patch(ctx, at, client.RawPatch(types.MergePatchType, []byte("{}")))
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // deleted, or written by others meanwhile
		return nil
	}
	return fmt.Errorf("rewriting At %s: %w", name, err)
}

// finish removes the older versions from the status, unless the definition has changed since it was read: then Ats may be
// stored in another version.
func (m *Migration) finish(ctx context.Context, generation int64, version string) error {
	crd, err := m.read(ctx)
	if err != nil {
		return err
	}
	if crd.Generation != generation {
		return errChanged
	}
	before := crd.DeepCopy()
	crd.Status.StoredVersions = []string{version}
	if err := m.Client.Status().Patch(ctx, crd, write.Locked(before)); err != nil {
		return fmt.Errorf("removing older versions from the CustomResourceDefinition's status: %w", err)
	}
	return nil
}

func kind(version, name string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: cnatv1.GroupVersion.Group, Version: version, Kind: name}
}
