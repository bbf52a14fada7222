package database

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/helm"
)

// owned is what the chart's objects are found to be.
type owned struct {
	// stored are those of the stored release that drift is repaired by; nil: by all of it.
	stored      helm.Objects
	statefulSet *appsv1.StatefulSet
	// cronJob makes backups; nil: there are none.
	cronJob *batchv1.CronJob
	// drift names each object that is missing or not as the chart made it, with its version where it has one.
	drift []string
	// serverDrift: one of them is the server's, and not only for backups.
	serverDrift bool
	// widened are objects, as the chart makes them, to which was added what changes their meaning.
	widened []client.Object
}

// add notes an object with drift.
func (o *owned) add(object client.Object, what string) {
	o.drift = append(o.drift, what)
	if object.GetLabels()[labelComponent] != componentBackup {
		o.serverDrift = true
	}
}

// inspect compares the chart's objects with those in the cache.
func (r *Reconciler) inspect(ctx context.Context, objects helm.Objects) (owned, error) {
	var found owned
	for _, rendered := range objects {
		name := fmt.Sprintf("%s %s", rendered.GetKind(), rendered.GetName())
		want, err := r.typed(rendered.Object, rendered.GroupVersionKind().GroupVersion().String(), rendered.GetKind())
		if err != nil {
			return found, fmt.Errorf("chart's %s: %w", name, err)
		}
		live := want.DeepCopyObject().(client.Object)
		err = r.Client.Get(ctx, client.ObjectKeyFromObject(want), live)
		if apierrors.IsNotFound(err) {
			found.add(want, name+" (missing)")
			continue
		}
		if err != nil {
			return found, fmt.Errorf("get %s: %w", name, err)
		}
		switch live := live.(type) {
		case *appsv1.StatefulSet:
			found.statefulSet = live
		case *batchv1.CronJob:
			found.cronJob = live
		}
		same, err := holds(live, want)
		if err != nil {
			return found, fmt.Errorf("compare %s: %w", name, err)
		}
		if narrow := sameReach(live, want); !same || !narrow {
			found.add(want, fmt.Sprintf("%s (changed, version %s)", name, live.GetResourceVersion()))
			if !narrow {
				found.widened = append(found.widened, want)
			}
		}
	}
	return found, nil
}

// typed returns a rendered object as its Go type, by which "1024Mi" and "1Gi" become the same.
func (r *Reconciler) typed(content map[string]any, apiVersion, kind string) (client.Object, error) {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	object, err := r.Client.Scheme().New(gvk)
	if err != nil {
		return nil, err
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, object); err != nil {
		return nil, err
	}
	typed, ok := object.(client.Object)
	if !ok {
		return nil, fmt.Errorf("%s is no object with metadata", kind)
	}
	return typed, nil
}

// holds tells whether a live object holds all that the chart says of it. What the chart says nothing of, such as
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
	return covers(liveContent, wantContent), nil
}

// covers tells whether have has everything in want.
func covers(have, want any) bool {
	switch want := want.(type) {
	case nil:
		return true
	case map[string]any:
		fields, ok := have.(map[string]any)
		if !ok && len(want) > 0 {
			return false
		}
		for key, value := range want {
			if !covers(fields[key], value) {
				return false
			}
		}
		return true
	case []any:
		items, _ := have.([]any)
		return coversList(items, want)
	case string:
		// The Go type of an object may have the field where the chart has not.
		return want == "" || want == have
	default:
		return reflect.DeepEqual(have, want)
	}
}

// coversList compares lists as a strategic merge does: items with a name may have others between them, other lists are
// as a whole what the chart says. A rule that was added to a NetworkPolicy counts, a container that was added does not.
func coversList(have, want []any) bool {
	if len(want) == 0 {
		return true
	}
	if first, ok := want[0].(map[string]any); ok && first["name"] != nil {
		for _, item := range want {
			if !anyCovers(have, item) {
				return false
			}
		}
		return true
	}
	if len(have) != len(want) {
		return false
	}
	for i := range want {
		if !covers(have[i], want[i]) {
			return false
		}
	}
	return true
}

func anyCovers(have []any, want any) bool {
	for _, item := range have {
		if covers(item, want) {
			return true
		}
	}
	return false
}

// repairRetry is after what time the same drift is repaired again.
const repairRetry = time.Minute

// repairs remembers the drift of each Database that a repair was last tried for. An object that is still as it was then
// has something that a repair can't set, or the cache is behind: trying again at each event would be a loop.
type repairs struct {
	mu    sync.Mutex
	tried map[types.UID]repair
}

type repair struct {
	drift []string
	at    time.Time
}

// wait is for how long not to repair this drift. Where that is zero, the repair is remembered.
func (r *repairs) wait(uid types.UID, drift []string, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last, known := r.tried[uid]; known && slices.Equal(last.drift, drift) {
		if wait := repairRetry - now.Sub(last.at); wait > 0 {
			return min(wait, repairRetry)
		}
	}
	if r.tried == nil {
		r.tried = map[types.UID]repair{}
	}
	r.tried[uid] = repair{drift, now}
	return 0
}

// forget drops what is remembered of a Database: it has no drift any more, or is gone.
func (r *repairs) forget(uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.tried, uid)
}
