package crontab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	v1 "example.com/cnat-operator/api/crontab/v1"
)

// world is a model of a cluster with one CronTab: the API server with its versions and preconditions, and the At
// controller, which does one thing at a time. What must never be is noted as a violation.
type world struct {
	random     *rand.Rand
	now        time.Time
	version    int
	objects    map[string]client.Object
	history    []map[string]client.Object
	runs       map[string]int  // starts by scheduled time or request
	skipped    map[string]bool // that a user cancelled or deleted
	edited     bool            // the schedule, or spec.suspend
	suspended  time.Time       // since when the CronTab is, as far as a leader had time to act on it
	dark       [][2]time.Time  // from when to when it was
	violations []string
	paused     bool // a leader stood still
	ttl        bool // Ats are deleted as soon as they are over
}

const tabName = "tab"

func newWorld(random *rand.Rand, spec v1.CronTabSpec) *world {
	w := &world{
		random: random, now: time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC),
		objects: map[string]client.Object{}, runs: map[string]int{}, skipped: map[string]bool{},
	}
	tab := &v1.CronTab{ObjectMeta: metav1.ObjectMeta{
		Namespace: "ns", Name: tabName, UID: "tab-uid", Generation: 1, CreationTimestamp: metav1.NewTime(w.now),
	}, Spec: spec}
	w.store(tab)
	return w
}

func keyOf(object client.Object) string { return fmt.Sprintf("%T/%s", object, object.GetName()) }

func (w *world) tab() *v1.CronTab {
	tab, _ := w.objects[keyOf(&v1.CronTab{ObjectMeta: metav1.ObjectMeta{Name: tabName}})].(*v1.CronTab)
	return tab
}

func (w *world) ats() []*cnatv1alpha1.At {
	var ats []*cnatv1alpha1.At
	for _, key := range slices.Sorted(maps.Keys(w.objects)) {
		if at, ok := w.objects[key].(*cnatv1alpha1.At); ok {
			ats = append(ats, at)
		}
	}
	return ats
}

func (w *world) violated(format string, values ...any) {
	w.violations = append(w.violations, w.now.Format("15:04:05.000 ")+fmt.Sprintf(format, values...))
}

// store stores a new version of an object. Objects of the past stay as they were.
func (w *world) store(object client.Object) {
	w.version++
	object.SetResourceVersion(strconv.Itoa(w.version))
	next := maps.Clone(w.objects)
	next[keyOf(object)] = object
	w.objects = next
	w.history = append(w.history, next)
}

func (w *world) remove(key string) {
	w.version++
	next := maps.Clone(w.objects)
	delete(next, key)
	w.objects = next
	w.history = append(w.history, next)
}

// edit changes an object, and its generation with its spec.
func (w *world) edit(object client.Object, change func(client.Object)) {
	next := object.DeepCopyObject().(client.Object)
	change(next)
	if specOf(next) != specOf(object) {
		next.SetGeneration(object.GetGeneration() + 1)
	}
	w.store(next)
}

func specOf(object client.Object) string {
	var spec any
	switch object := object.(type) {
	case *v1.CronTab:
		spec = object.Spec
	case *cnatv1alpha1.At:
		spec = object.Spec
	}
	data, _ := json.Marshal(spec)
	return string(data)
}

// playAt does one thing of those that the At controller may do about an At now, by its guarantees.
func (w *world) playAt(at *cnatv1alpha1.At) {
	suspended := ptr.Deref(at.Spec.Suspend, false)
	status := func(change func(*cnatv1alpha1.AtStatus)) {
		w.edit(at, func(object client.Object) {
			next := &object.(*cnatv1alpha1.At).Status
			next.ObservedGeneration = at.Generation
			change(next)
		})
	}
	finish := func(phase cnatv1alpha1.AtPhase) {
		status(func(s *cnatv1alpha1.AtStatus) {
			s.Phase, s.CompletionTime, s.PreparedJobUID = phase, ptr.To(metav1.NewTime(w.now.Truncate(time.Second))), ""
		})
	}
	late := w.now.Sub(at.DueTime().Time)
	limit := time.Duration(at.Spec.StartingDeadlineSeconds) * time.Second
	switch {
	case at.DeletionTimestamp != nil:
		w.remove(keyOf(at))
	case at.Status.Finished():
		if w.ttl {
			w.remove(keyOf(at))
		}
	case ptr.Deref(at.Spec.Cancel, false):
		finish(cnatv1alpha1.AtCancelled)
	case started(at):
		finish([]cnatv1alpha1.AtPhase{cnatv1alpha1.AtSucceeded, cnatv1alpha1.AtFailed}[w.random.IntN(2)])
	case suspended && (at.Status.PreparedJobUID != "" || at.Status.ObservedGeneration != at.Generation):
		status(func(s *cnatv1alpha1.AtStatus) { s.PreparedJobUID = "" })
	case suspended:
	case limit > 0 && late > limit:
		finish(cnatv1alpha1.AtMissed)
	case at.Status.PreparedJobUID == "" && late > -30*time.Second:
		status(func(s *cnatv1alpha1.AtStatus) { s.PreparedJobUID = "job-" + at.UID })
	case at.Status.PreparedJobUID != "" && late >= 0:
		w.start(at)
		status(func(s *cnatv1alpha1.AtStatus) { s.JobUID, s.PreparedJobUID = "job-"+at.UID, "" })
	}
}

// start checks what must hold when a run starts.
func (w *world) start(at *cnatv1alpha1.At) {
	of := at.Labels[labelScheduled] + at.Annotations[annotationRequest]
	w.runs[of]++
	if w.runs[of] > 1 {
		w.violated("%s runs twice", at.Name)
	}
	if w.skipped[of] {
		w.violated("%s runs though it was skipped", at.Name)
	}
	if unix, err := strconv.ParseInt(at.Labels[labelScheduled], 10, 64); err == nil {
		if w.now.Unix() < unix {
			w.violated("%s runs early", at.Name)
		}
		for _, span := range w.dark {
			if scheduled := time.Unix(unix, 0); scheduled.After(span[0]) && !scheduled.After(span[1]) {
				w.violated("%s runs, which was due while the CronTab was suspended", at.Name)
			}
		}
	}
	tab := w.tab()
	if tab == nil || at.Labels[labelScheduled] == "" {
		return
	}
	if !w.suspended.IsZero() && w.now.Sub(w.suspended) > 0 {
		w.violated("%s runs while the CronTab is suspended", at.Name)
	}
	for _, other := range w.ats() {
		if !concurrent(&tab.Spec) && !w.edited && !w.paused && other.Name != at.Name && started(other) && !other.Status.Finished() {
			w.violated("%s runs beside %s", at.Name, other.Name)
		}
	}
}

// leader is an operator: the Reconciler on a view of the world, which may stand still at any of its calls.
type leader struct {
	client.Client // none: what is not here is not used
	*world
	behind    int    // by how many changes the cache of CronTabs lags
	atsBehind int    // and that of Ats
	pauseAt   int    // at which call it stands still; none below 0
	meanwhile func() // what happens then
	calls     int
	crash     bool // it ends instead
}

var errCrash = errors.New("the operator ended")

func (l *leader) call(do func() error) error {
	number := l.calls
	l.calls++
	if number == l.pauseAt {
		l.paused = true
		l.meanwhile()
		if l.crash {
			return errCrash
		}
	}
	return do()
}

// view is what the world was some changes ago.
func (l *leader) view(behind int) map[string]client.Object {
	return l.history[max(0, len(l.history)-1-behind)]
}

func notFound(name string) error {
	return apierrors.NewNotFound(schema.GroupResource{Resource: "objects"}, name)
}

func conflict(name string) error {
	return apierrors.NewConflict(schema.GroupResource{Resource: "objects"}, name, errors.New("it has changed"))
}

func load(objects map[string]client.Object, name string, into client.Object) error {
	into.SetName(name)
	found := objects[keyOf(into)]
	if found == nil {
		return notFound(name)
	}
	switch into := into.(type) {
	case *v1.CronTab:
		found.(*v1.CronTab).DeepCopyInto(into)
	case *cnatv1alpha1.At:
		found.(*cnatv1alpha1.At).DeepCopyInto(into)
	}
	return nil
}

// Get implements client.Reader by the cache.
func (l *leader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if err := load(l.view(l.behind), key.Name, into); err != nil {
		return err
	}
	if tab, ok := into.(*v1.CronTab); ok {
		for range 2 { // as of a list
			if _, err := slim(tab); err != nil {
				return err
			}
		}
	}
	return nil
}

// List implements client.Reader by the cache.
func (l *leader) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	ats, ok := into.(*cnatv1alpha1.AtList)
	if !ok {
		return nil // nobody else is due with it
	}
	l.list(l.view(l.atsBehind), ats)
	return nil
}

func (l *leader) list(view map[string]client.Object, ats *cnatv1alpha1.AtList) {
	for _, key := range slices.Sorted(maps.Keys(view)) {
		if at, ok := view[key].(*cnatv1alpha1.At); ok && len(ownerOf(at)) > 0 {
			ats.Items = append(ats.Items, *at.DeepCopy())
		}
	}
}

// Create implements client.Writer.
func (l *leader) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	return l.call(func() error {
		if l.objects[keyOf(object)] != nil {
			return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "ats"}, object.GetName())
		}
		at := object.(*cnatv1alpha1.At)
		if !ptr.Deref(at.Spec.Suspend, false) {
			l.violated("At %s is created and not suspended", at.Name)
		}
		at.UID, at.Generation, at.CreationTimestamp = types.UID(fmt.Sprintf("uid-%d", l.version)), 1, metav1.NewTime(l.now)
		l.store(at.DeepCopy())
		at.ResourceVersion = strconv.Itoa(l.version)
		return nil
	})
}

// patched is an object as a patch makes it, if its preconditions hold.
func (l *leader) patched(object client.Object, patch client.Patch) (client.Object, error) {
	stored := l.objects[keyOf(object)]
	if stored == nil {
		return nil, notFound(object.GetName())
	}
	data, err := patch.Data(object)
	if err != nil {
		return nil, err
	}
	before, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	var after []byte
	if patch.Type() == types.JSONPatchType {
		operations, err := jsonpatch.DecodePatch(data)
		if err != nil {
			return nil, err
		}
		if after, err = operations.Apply(before); err != nil {
			return nil, apierrors.NewGenericServerResponse(422, "", schema.GroupResource{}, object.GetName(), err.Error(), 0, false)
		}
	} else if after, err = jsonpatch.MergePatch(before, data); err != nil {
		return nil, err
	}
	next := stored.DeepCopyObject().(client.Object)
	switch object := next.(type) {
	case *v1.CronTab:
		*object = v1.CronTab{}
	case *cnatv1alpha1.At:
		*object = cnatv1alpha1.At{}
	}
	if err := json.Unmarshal(after, next); err != nil {
		return nil, err
	}
	if next.GetResourceVersion() != stored.GetResourceVersion() {
		return nil, conflict(object.GetName())
	}
	return next, nil
}

// Patch implements client.Writer.
func (l *leader) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return l.call(func() error {
		next, err := l.patched(object, patch)
		if err != nil {
			return err
		}
		l.edit(l.objects[keyOf(object)], func(stored client.Object) {
			at := stored.(*cnatv1alpha1.At)
			status := at.Status
			next.(*cnatv1alpha1.At).DeepCopyInto(at)
			at.Status = status
		})
		return load(l.objects, object.GetName(), object)
	})
}

// Delete implements client.Writer.
func (l *leader) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	return l.call(func() error {
		stored := l.objects[keyOf(object)]
		asked := (&client.DeleteOptions{}).ApplyOptions(options).Preconditions
		switch {
		case stored == nil:
			return notFound(object.GetName())
		case stored.GetResourceVersion() != *asked.ResourceVersion || stored.GetUID() != *asked.UID:
			return conflict(object.GetName())
		}
		if at := stored.(*cnatv1alpha1.At); started(at) && !at.Status.Finished() || at.Status.PreparedJobUID != "" {
			l.violated("At %s is deleted while it runs", at.Name)
		}
		l.remove(keyOf(object))
		return nil
	})
}

// Status implements client.Client.
func (l *leader) Status() client.SubResourceWriter { return &statusWriter{leader: l} }

type statusWriter struct {
	client.SubResourceWriter // none: what is not here is not used
	leader                   *leader
}

// Patch implements client.SubResourceWriter.
func (w *statusWriter) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	s := w.leader
	return s.call(func() error {
		next, err := s.patched(object, patch)
		if err != nil {
			return err
		}
		stored := s.objects[keyOf(object)].DeepCopyObject().(*v1.CronTab)
		stored.Status = next.(*v1.CronTab).Status
		s.store(stored)
		if meta.IsStatusConditionTrue(stored.Status.Conditions, v1.ConditionSuspended) && stored.Status.Next == nil && s.suspended.IsZero() &&
			ptr.Deref(stored.Spec.Suspend, false) {
			s.suspended = s.now
		}
		version, annotations, labels, spec := stored.ResourceVersion, object.GetAnnotations(), object.GetLabels(), object.(*v1.CronTab).Spec
		stored.DeepCopyInto(object.(*v1.CronTab))
		object.SetResourceVersion(version)
		object.SetAnnotations(annotations)
		object.SetLabels(labels)
		object.(*v1.CronTab).Spec = spec
		return nil
	})
}
