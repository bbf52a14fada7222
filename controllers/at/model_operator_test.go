package at

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/go-logr/logr"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/apimodel"
)

// operator is a process of the operator at the model: a Reconciler with a wall
// clock, a cache and a queue of its own. As in a cache of informers, each kind
// of object lags by itself.
type operator struct {
	clock.WithTicker // none: the Reconciler asks for the time only
	*Reconciler

	model *model
	skew  time.Duration // of its clock from the true time
	cache apimodel.Objects
	read  map[string]int       // by kind, how much of the history the cache has seen
	queue map[string]bool      // the Ats to be looked at
	later map[string]time.Time // Ats to be looked at again, by the monotonic clock: the true time
	look
	calls int   // to the API server in this reconcile
	fault fault // of one of them
	busy  bool  // a reconcile is going on
	dead  bool  // the process ended in it

	before func() // is called before each reconcile, for a planted bug; nil: there is none
}

// look is what an operator knows when it decides: a write may land when it knows more.
type look struct {
	at      *cnatv1.At // as it last got it, from the cache or the API server
	sawPods int        // how much had happened when it last listed the pods live, or began this reconcile
	since   time.Time  // what its clock said at the beginning of this reconcile
}

func newOperator(m *model, plant func(*operator)) *operator {
	o := &operator{model: m}
	o.Reconciler = &Reconciler{
		Client:       &cachedClient{operator: o},
		APIReader:    &liveReader{operator: o},
		Recorder:     &recorder{m},
		Clock:        o,
		CommandImage: "busybox",
	}
	if plant != nil {
		plant(o)
	}
	o.restart(0)
	return o
}

// Now implements clock.Clock: the operator's wall clock. As a time of Go's comes
// with a reading of the monotonic clock, this one does with the true time, as
// the name of its zone.
func (o *operator) Now() time.Time {
	now := o.model.Now.Add(o.skew).In(time.FixedZone(o.model.Now.Format(time.RFC3339Nano), 0))
	if o.since.IsZero() {
		o.since = now
	}
	return now
}

// Since implements clock.Clock: what has passed on the monotonic clock.
func (o *operator) Since(moment time.Time) time.Duration {
	if moment.IsZero() {
		return math.MaxInt64
	}
	read, err := time.Parse(time.RFC3339Nano, moment.Location().String())
	if err != nil {
		panic(err)
	}
	return o.model.Now.Sub(read)
}

// restart begins a new process. Its cache begins with what an API server that
// is behind by some changes lists.
func (o *operator) restart(behind int) {
	o.cache, o.read = apimodel.Objects{}, map[string]int{}
	o.queue, o.later = map[string]bool{}, map[string]time.Time{}
	o.refusals.byUID.Clear()
	o.accepted.byUID.Clear()
	o.at, o.dead = nil, false
	for _, kind := range kinds {
		o.catchUp(kind, max(0, len(o.model.History)-behind))
	}
}

// saw notes an At that the operator got.
func (o *operator) saw(object client.Object, err error) error {
	if at, ok := object.(*cnatv1.At); ok && err == nil {
		o.at = at.DeepCopy()
	}
	return err
}

// catchUp lets the cache of a kind see so much more of the history.
func (o *operator) catchUp(kind string, changes int) {
	end := min(o.read[kind]+changes, len(o.model.History))
	for _, revised := range o.model.History[o.read[kind]:end] {
		if revised.Key.Kind != kind {
			continue
		}
		before := o.cache[revised.Key]
		if revised.Object == nil {
			delete(o.cache, revised.Key)
		} else if kind == kindAt || revised.Object.GetLabels()[labelPartOf] == partOf {
			o.cache[revised.Key] = revised.Object
		}
		old, was := before.(*cnatv1.At)
		if at, is := revised.Object.(*cnatv1.At); was && is && !calls(old, at) {
			continue
		}
		for _, object := range []client.Object{before, revised.Object} {
			o.enqueue(object)
		}
	}
	o.read[kind] = end
}

// enqueue notes that the At that an object belongs to is to be looked at, as
// SetupWithManager has it.
func (o *operator) enqueue(object client.Object) {
	switch object := object.(type) {
	case *cnatv1.At:
		o.queue[object.Name] = true
	case *batchv1.Job:
		if owner := metav1.GetControllerOf(object); owner != nil {
			o.queue[owner.Name] = true
		}
	case nil:
	default:
		for _, request := range atOfPod(context.Background(), object) {
			o.queue[request.Name] = true
		}
	}
}

// stepClock steps the wall clock. The clock watch notices.
func (o *operator) stepClock(by time.Duration) {
	o.skew += by
	for _, at := range apimodel.List[*cnatv1.At](o.cache) {
		if !at.Status.Finished() {
			o.queue[at.Name] = true
		}
	}
}

// awake moves the Ats whose time to be looked at again has come into the queue.
func (o *operator) awake() {
	for name, moment := range o.later {
		if !moment.After(o.model.Now) {
			delete(o.later, name)
			o.queue[name] = true
		}
	}
}

// reconcile looks at an At, with a fault in one of the calls to the API server.
func (o *operator) reconcile(name string, with fault) {
	if o.busy {
		return // a controller never looks at one At twice at a time
	}
	delete(o.queue, name)
	delete(o.later, name)
	o.busy, o.calls, o.fault, o.since, o.sawPods = true, 0, with, time.Time{}, len(o.model.History)
	o.at = nil
	if o.before != nil {
		o.before()
	}
	request := ctrl.Request{}
	request.Namespace, request.Name = "default", name
	result, err := o.Reconcile(log.IntoContext(context.Background(), logr.Discard()), request)
	o.busy, o.fault = false, fault{} // what comes outside a reconcile meets no fault of its
	switch {
	case o.dead:
		o.restart(with.behind)
	case err != nil:
		o.later[name] = o.model.Now.Add(firstRetry)
	case result.RequeueAfter > 0:
		o.later[name] = o.model.Now.Add(result.RequeueAfter)
	}
}

// TestFaultEnds: a fault that a reconcile did not come to is not met by what
// the operator asks after it.
func TestFaultEnds(t *testing.T) {
	o := newOperator(newModel(), nil)
	o.reconcile("cnrex", fault{kind: failBefore, call: 1})
	for range 3 {
		if err := o.call(func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}
