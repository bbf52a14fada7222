package helm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Query implements driver.Queryor. Helm asks for all revisions of the release, or for those of one status.
func (s *storage) Query(labels map[string]string) ([]*release.Release, error) {
	if err := s.load(); err != nil {
		return nil, err
	}
	var found []*release.Release
	for _, record := range s.records {
		if status := labels["status"]; status == "" || status == record.release.Info.Status.String() {
			found = append(found, record.release)
		}
	}
	if len(found) == 0 {
		return nil, driver.ErrReleaseNotFound
	}
	return found, nil
}

// List implements driver.Queryor.
func (s *storage) List(filter func(*release.Release) bool) ([]*release.Release, error) {
	found, err := s.Query(nil)
	return slices.DeleteFunc(found, func(r *release.Release) bool { return !filter(r) }), err
}

// Get implements driver.Queryor.
func (s *storage) Get(key string) (*release.Release, error) {
	if err := s.load(); err != nil {
		return nil, err
	}
	if i := s.find(key); i >= 0 {
		return s.records[i].release, nil
	}
	return nil, driver.ErrReleaseNotFound
}

// Create implements driver.Creator.
func (s *storage) Create(key string, stored *release.Release) error {
	if err := s.create(key, stored); err != nil {
		return err
	}
	s.records = append(s.records, &record{
		release: stored, status: stored.Info.Status, verified: true, owner: string(s.owner.GetUID()), namespace: stored.Namespace,
	})
	return nil
}

func (s *storage) create(key string, stored *release.Release) error {
	stored.Labels = map[string]string{labelOwner: string(s.owner.GetUID())}
	err := s.Driver.Create(key, stored)
	if !errors.Is(err, driver.ErrReleaseExists) {
		return err
	}
	if err := s.removeUnlabeled(key); err != nil {
		return err
	}
	return s.Driver.Create(key, stored)
}

// removeUnlabeled deletes a Secret that has the name of a new revision and was not listed, since somebody took the labels off
// it: where it is this owner's.
func (s *storage) removeUnlabeled(key string) error {
	secret, err := s.secrets.Get(s.ctx, key, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("read Secret %s, which is there already: %w", key, err)
	}
	listed := true
	for label, value := range s.labels() {
		listed = listed && secret.Labels[label] == value
	}
	switch {
	case secret.DeletionTimestamp != nil && len(secret.Finalizers) > 0:
		return fmt.Errorf("the Secret %s is deleted but for its finalizer %s: have whoever set that remove it", key, secret.Finalizers[0])
	case listed: // another process created it meanwhile
		return fmt.Errorf("store Secret %s: %w", key, driver.ErrReleaseExists)
	case !metav1.IsControlledBy(secret, s.owner):
		return fmt.Errorf("the Secret %s is there already: %w. Delete it", key, ErrNotOurs)
	}
	return client.IgnoreNotFound(s.secrets.Delete(s.ctx, key, metav1.DeleteOptions{}))
}

// Update implements driver.Updator. A revision that is replaced and that nobody vouches for is removed: a rollback to it
// would bring back what somebody else wrote into it, or nothing at all.
func (s *storage) Update(key string, stored *release.Release) error {
	i := s.find(key)
	if i < 0 {
		return driver.ErrReleaseNotFound
	}
	old, replaced := s.records[i], stored.Info.Status == release.StatusSuperseded
	stored.Labels = map[string]string{labelOwner: string(s.owner.GetUID())}
	if old.verified || !replaced {
		err := s.Driver.Update(key, stored)
		if err == nil {
			old.status = stored.Info.Status
		}
		// Somebody made the Secret immutable, or of another type.
		if !apierrors.IsInvalid(err) {
			return err
		}
	}
	if _, err := s.Delete(key); err != nil || replaced {
		return err
	}
	if err := s.create(key, stored); err != nil {
		return err
	}
	s.records = slices.Insert(s.records, i, &record{
		release: stored, status: stored.Info.Status, verified: old.verified, owner: string(s.owner.GetUID()), namespace: stored.Namespace,
	})
	return nil
}

// Delete implements driver.Deletor.
func (s *storage) Delete(key string) (*release.Release, error) {
	i := s.find(key)
	if i < 0 {
		return nil, driver.ErrReleaseNotFound
	}
	old := s.records[i]
	if err := s.secrets.Delete(s.ctx, key, metav1.DeleteOptions{}); client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	s.records = slices.Delete(s.records, i, i+1)
	return old.release, nil
}

// Get implements typedv1.SecretInterface.
func (o ownedSecrets) Get(ctx context.Context, name string, options metav1.GetOptions) (*corev1.Secret, error) {
	return o.note(o.SecretInterface.Get(ctx, name, options))
}

// Create implements typedv1.SecretInterface.
func (o ownedSecrets) Create(ctx context.Context, secret *corev1.Secret, options metav1.CreateOptions) (*corev1.Secret, error) {
	return o.note(o.SecretInterface.Create(ctx, o.own(secret), options))
}

// Update implements typedv1.SecretInterface. The API server refuses another UID than the object has.
func (o ownedSecrets) Update(ctx context.Context, secret *corev1.Secret, options metav1.UpdateOptions) (*corev1.Secret, error) {
	secret.UID = o.known[secret.Name]
	return o.SecretInterface.Update(ctx, o.own(secret), options)
}

// Delete implements typedv1.SecretInterface.
func (o ownedSecrets) Delete(ctx context.Context, name string, options metav1.DeleteOptions) error {
	options.Preconditions = &metav1.Preconditions{UID: ptr.To(o.known[name])}
	return o.SecretInterface.Delete(ctx, name, options)
}
