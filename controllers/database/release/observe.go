package release

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// observed is the second read phase: what can be read only once the chart was rendered.
type observed struct {
	// known is what the status says of the release, which only the operator writes.
	known v1.ReleaseStatus
	// unknown: what is to be restored is not known, and what is wanted is blocked.
	unknown bool
	// pinned: the release stays as it is stored, and wait is the slot that it waits for; empty: it is blocked.
	pinned bool
	wait   string
	// mark is what the objects of a pinned release look like. Where it is as before, nothing else was read.
	mark string
	// stored is Helm's release. It is read only where that may matter.
	stored *helm.Release
	found  owned
	// writer is who changes an object again and again, where somebody does.
	writer string
}

// observe reads what the decision needs, and no more: with nothing to do, it asks only the cache.
func (r *run) observe(ctx context.Context, want *helm.Desired) (observed, error) {
	seen := observed{known: r.db.Status.Release}
	seen.known.Name = want.Name
	switch {
	case seen.known.Digest == want.Digest:
	case seen.known.Status != statusDeployed && r.blocked:
		seen.unknown = true
		return seen, nil
	case seen.known.Status == statusDeployed:
		if err := r.observePinned(ctx, &seen); err != nil || seen.pinned {
			return seen, err
		}
	}
	r.memory.pinned = ""
	var err error
	if seen.found, err = r.inspect(ctx, want.Objects); err != nil {
		return seen, err
	}
	r.narrow(ctx, &seen)
	if !r.blocked && !settled(seen.known, want.Digest, len(seen.found.drift) > 0) {
		seen.stored, err = r.Releases.Observe(ctx, r.db, want.Name, want.Digest, seen.known.Digest)
	}
	return seen, err
}

// observePinned finds out whether the release is to stay as it is stored, as far as that is the operator's own, and
// reads it. Helm is asked only where an object changed.
func (r *run) observePinned(ctx context.Context, seen *observed) (err error) {
	if !r.blocked && isRollout(r.db, r.needs.Ready, r.memory.pinned != "") {
		if seen.wait, err = r.slot(ctx); err != nil {
			return err
		}
	}
	if !r.blocked && seen.wait == "" {
		return nil
	}
	seen.pinned = true
	if seen.mark, err = r.fingerprint(ctx, r.db); err != nil || seen.mark == r.memory.pinned {
		return err
	}
	stored, err := r.Releases.Observe(ctx, r.db, seen.known.Name, seen.known.Digest)
	if err != nil {
		return err
	}
	if stored == nil || !stored.Verified || stored.Status != statusDeployed {
		// There is nothing to wait with; but where it waits for no slot, what it is to be can't be installed either.
		seen.pinned = seen.wait == ""
		return nil
	}
	objects, err := helm.ParseManifest(stored.Manifest)
	if err != nil {
		return fmt.Errorf("release %s: %w", seen.known.Name, err)
	}
	if seen.found, err = r.inspect(ctx, withoutClaims(objects)); err != nil {
		return err
	}
	r.narrow(ctx, seen)
	return nil
}

// narrow leaves out what must not be repaired while the data is in danger, and finds out who else writes the rest.
func (r *run) narrow(ctx context.Context, seen *observed) {
	if r.needs.DataProblem {
		seen.found = seen.found.withoutData()
	}
	if _, _, contested := r.memory.repairs.due(seen.found.drift, r.now); contested != nil {
		seen.writer = r.lastWriter(ctx, contested)
	}
}

// inspect compares rendered objects with those in the cache.
func (s *Step) inspect(ctx context.Context, objects helm.Objects) (owned, error) {
	var found owned
	for _, rendered := range objects {
		name := fmt.Sprintf("%s %s", rendered.GetKind(), rendered.GetName())
		want, err := s.typed(rendered)
		if err != nil {
			return found, fmt.Errorf("chart's %s: %w", name, err)
		}
		if config, ok := want.(*corev1.ConfigMap); ok {
			DigestData(config) // as it is cached
		}
		live := want.DeepCopyObject().(client.Object)
		err = s.Client.Get(ctx, client.ObjectKeyFromObject(want), live)
		missing := apierrors.IsNotFound(err)
		if err != nil && !missing {
			return found, fmt.Errorf("get %s: %w", name, err)
		}
		if cronJob, ok := want.(*batchv1.CronJob); ok && !missing {
			found.cronJob = cronJob
		}
		if !missing {
			same, err := holds(live, want)
			if err != nil {
				return found, fmt.Errorf("compare %s: %w", name, err)
			}
			if same {
				continue
			}
		}
		different := difference{rendered: rendered}
		if !missing {
			different.version = live.GetResourceVersion()
		}
		found.drift = append(found.drift, different)
		if rendered.GetKind() == "StatefulSet" {
			found.server = true
		}
	}
	return found, nil
}

// fingerprint reports whether an object of the release was changed since it was last computed. Volume claims are left out:
// they may grow.
func (s *Step) fingerprint(ctx context.Context, db *v1.Database) (string, error) {
	sum := sha256.New()
	for _, id := range ChartObjects(db) {
		if id.Kind == "PersistentVolumeClaim" {
			continue
		}
		object, err := s.Client.Scheme().New(id.GroupVersionKind)
		if err != nil {
			return "", err
		}
		live := object.(client.Object)
		if err := s.Client.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: id.Name}, live); client.IgnoreNotFound(err) != nil {
			return "", fmt.Errorf("get %s %s: %w", id.Kind, id.Name, err)
		}
		version := live.GetResourceVersion()
		if live.GetGeneration() > 0 { // its version also changes with its status
			version = fmt.Sprint(live.GetGeneration(), live.GetLabels(), live.GetAnnotations())
			for _, owner := range live.GetOwnerReferences() {
				version += fmt.Sprint(" ", owner.UID, ptr.Deref(owner.Controller, false))
			}
		}
		_, _ = fmt.Fprintln(sum, id.Kind, id.Name, live.GetUID(), version)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// typed returns a rendered object as its Go type, by which "1024Mi" and "1Gi" become the same.
func (s *Step) typed(rendered *unstructured.Unstructured) (client.Object, error) {
	object, err := s.Client.Scheme().New(rendered.GroupVersionKind())
	if err != nil {
		return nil, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(rendered.Object, object); err != nil {
		return nil, err
	}
	typed, ok := object.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is no object with metadata", rendered.GetKind())
	}
	return typed, nil
}

// lastWriter is who last changed an object that is contested, by its managedFields. The cache has none.
func (s *Step) lastWriter(ctx context.Context, object *unstructured.Unstructured) string {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	var last *metav1.ManagedFieldsEntry
	if err := s.APIReader.Get(ctx, client.ObjectKeyFromObject(object), live); err == nil {
		for i := range live.ManagedFields {
			entry := &live.ManagedFields[i]
			if entry.Manager != helm.FieldManager && entry.Subresource == "" && (last == nil || last.Time.Before(entry.Time)) {
				last = entry
			}
		}
	}
	if last == nil {
		return "nobody that is recorded"
	}
	return fmt.Sprintf("%q", step.Shortened(last.Manager, 100))
}
