package database

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

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

// owned is what the chart's objects are found to be.
type owned struct {
	// drift are the objects that are missing or not as they were rendered.
	drift []difference
	// server: the StatefulSet is among them.
	server bool
	// cronJob creates backups, as it was rendered; nil: it is not there.
	cronJob *batchv1.CronJob
}

// difference is an object that is not as it was rendered.
type difference struct {
	rendered *unstructured.Unstructured
	version  string // of the object that is there; empty: it is missing
}

func (d difference) String() string {
	what := "missing"
	if d.version != "" {
		what = "changed, version " + d.version
	}
	return fmt.Sprintf("%s %s (%s)", d.rendered.GetKind(), d.rendered.GetName(), what)
}

// withoutData leaves out what a repair of would restart the server, or give it an empty volume.
func (o owned) withoutData() owned {
	drift := slices.DeleteFunc(slices.Clone(o.drift), func(d difference) bool {
		return d.rendered.GetKind() == "StatefulSet" || d.rendered.GetKind() == "PersistentVolumeClaim"
	})
	return owned{drift: drift, cronJob: o.cronJob}
}

// missing are the objects that are not there.
func (o owned) missing() []difference {
	return slices.DeleteFunc(slices.Clone(o.drift), func(d difference) bool { return d.version != "" })
}

// inspect compares rendered objects with those in the cache.
func (r *Reconciler) inspect(ctx context.Context, objects helm.Objects) (owned, error) {
	var found owned
	for _, rendered := range objects {
		name := fmt.Sprintf("%s %s", rendered.GetKind(), rendered.GetName())
		want, err := r.typed(rendered)
		if err != nil {
			return found, fmt.Errorf("chart's %s: %w", name, err)
		}
		if config, ok := want.(*corev1.ConfigMap); ok {
			digestData(config) // as it is cached
		}
		live := want.DeepCopyObject().(client.Object)
		err = r.Client.Get(ctx, client.ObjectKeyFromObject(want), live)
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

// holds reports whether a live object holds all that the chart says of it. What the chart says nothing of, such as
// defaults of the API server and additions of others, is not looked at.
func holds(live, want client.Object) (bool, error) {
	liveContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return false, err
	}
	wantContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want)
	if err != nil {
		return false, err
	}
	// A live object of the cache has no kind, and its status is not the chart's to say.
	for _, key := range []string{"apiVersion", "kind", "status"} {
		delete(wantContent, key)
	}
	return step.Covers(liveContent, wantContent), nil
}

// fingerprint reports whether an object of the release was changed since it was last computed. Volume claims are left out:
// they may grow.
func (r *Reconciler) fingerprint(ctx context.Context, db *v1.Database) (string, error) {
	sum := sha256.New()
	for _, id := range ChartObjects(db) {
		if id.Kind == "PersistentVolumeClaim" {
			continue
		}
		object, err := r.Client.Scheme().New(id.GroupVersionKind)
		if err != nil {
			return "", err
		}
		live := object.(client.Object)
		if err := r.Client.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: id.Name}, live); client.IgnoreNotFound(err) != nil {
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
func (r *Reconciler) typed(rendered *unstructured.Unstructured) (client.Object, error) {
	object, err := r.Client.Scheme().New(rendered.GroupVersionKind())
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

const (
	// freeRepairs is how often an object is repaired at once. From then on each repair makes the wait before the next
	// longer, up to maxBackoff: somebody else changes it each time, or it can't be repaired.
	freeRepairs = 5

	// repairMemory is for how long without a repair earlier ones count.
	repairMemory = 10 * time.Minute
)

// repairs bounds the rate at which drift is repaired, by the object.
type repairs map[string]repair

type repair struct {
	count int
	last  time.Time
	// drift is what was last repaired. Until the cache shows something else, it may be behind.
	drift string
}

// wait is for how long not to repair an object, and whether it is a fight. Where the wait is zero, a repair is noted.
func (r repairs) wait(object, drift string, now time.Time) (wait time.Duration, fight bool) {
	known := r[object]
	elapsed := now.Sub(known.last)
	switch {
	case known.count == 0 || elapsed >= repairMemory:
		known.count = 0
	case drift == known.drift && elapsed < firstBackoff:
		return firstBackoff - elapsed, false
	case known.count >= freeRepairs:
		if wait := backoff(int32(min(known.count-freeRepairs, 10)+1)) - elapsed; wait > 0 {
			return wait, true
		}
	}
	r[object] = repair{count: known.count + 1, last: now, drift: drift}
	return 0, false
}

// due are the objects that may be repaired now. Of the others it says when to check again, and names one that somebody
// else keeps changing.
func (r repairs) due(drift []difference, now time.Time) (due []difference, wait time.Duration, contested *unstructured.Unstructured) {
	for _, different := range drift {
		object := different.rendered
		left, fight := r.wait(object.GetKind()+" "+object.GetName(), different.String(), now)
		if left == 0 {
			due = append(due, different)
		}
		if wait = step.Sooner(wait, left); fight {
			contested = object
		}
	}
	return due, wait, contested
}

// contested says who sets the first drifted object back, by its managedFields. The cache has none.
func (r *Reconciler) contested(ctx context.Context, object *unstructured.Unstructured) *step.Problem {
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(object.GroupVersionKind())
	who := "nobody that is recorded"
	if err := r.APIReader.Get(ctx, client.ObjectKeyFromObject(object), live); err == nil {
		var last *metav1.ManagedFieldsEntry
		for i := range live.ManagedFields {
			entry := &live.ManagedFields[i]
			if entry.Manager != helm.FieldManager && entry.Subresource == "" && (last == nil || last.Time.Before(entry.Time)) {
				last = entry
			}
		}
		if last != nil {
			who = fmt.Sprintf("%q", step.Shortened(last.Manager, 100))
		}
	}
	return step.NewProblem(v1.ReasonContested, "%s %s is changed again and again, last by %s. It is restored at longer and longer intervals, "+
		"of at most %s: stop the other writer, or change the Database instead", object.GetKind(), object.GetName(), who, maxBackoff)
}
