package crontab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/test/apimodel"
)

// world is a model of a cluster with one CronTab: the API server, and the At controller, which does one thing at a time.
// What must never be is noted as a violation.
type world struct {
	*apimodel.Server
	random     *rand.Rand
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
		Server: apimodel.New(time.Date(2027, 3, 1, 12, 0, 30, 0, time.UTC)),
		random: random, runs: map[string]int{}, skipped: map[string]bool{},
	}
	if err := w.Create(&v1.CronTab{ObjectMeta: metav1.ObjectMeta{Name: tabName}, Spec: spec}); err != nil {
		panic(err)
	}
	return w
}

func (w *world) tab() *v1.CronTab {
	return apimodel.Get[*v1.CronTab](w.Objects, apimodel.Key{Kind: "CronTab", Name: tabName})
}

func (w *world) ats() []*cnatv1.At { return apimodel.List[*cnatv1.At](w.Objects) }

func (w *world) violated(format string, values ...any) {
	w.violations = append(w.violations, w.Now.Format("15:04:05.000 ")+fmt.Sprintf(format, values...))
}

// edit changes an object, whatever it is by now.
func (w *world) edit(object client.Object, change func(client.Object)) {
	next := object.DeepCopyObject().(client.Object)
	change(next)
	w.Store(next)
}

// playAt does one thing of those that the At controller may do about an At now, by its guarantees.
func (w *world) playAt(at *cnatv1.At) {
	suspended := ptr.Deref(at.Spec.Suspend, false)
	status := func(change func(*cnatv1.AtStatus)) {
		w.edit(at, func(object client.Object) {
			next := &object.(*cnatv1.At).Status
			next.ObservedGeneration = at.Generation
			change(next)
		})
	}
	finish := func(phase cnatv1.AtPhase) {
		status(func(s *cnatv1.AtStatus) {
			s.Phase, s.CompletionTime, s.PreparedJobUID = phase, ptr.To(metav1.NewTime(w.Now.Truncate(time.Second))), ""
		})
	}
	late := w.Now.Sub(at.DueTime().Time)
	limit := time.Duration(at.Spec.StartingDeadlineSeconds) * time.Second
	switch {
	case at.Status.Finished():
		if w.ttl {
			w.Remove(apimodel.KeyOf(at))
		}
	case ptr.Deref(at.Spec.Cancel, false):
		finish(cnatv1.AtCancelled)
	case started(at):
		finish([]cnatv1.AtPhase{cnatv1.AtSucceeded, cnatv1.AtFailed}[w.random.IntN(2)])
	case suspended && (at.Status.PreparedJobUID != "" || at.Status.ObservedGeneration != at.Generation):
		status(func(s *cnatv1.AtStatus) { s.PreparedJobUID = "" })
	case suspended:
	case limit > 0 && late > limit:
		finish(cnatv1.AtMissed)
	case at.Status.PreparedJobUID == "" && late > -30*time.Second:
		status(func(s *cnatv1.AtStatus) { s.PreparedJobUID = "job-" + at.UID })
	case at.Status.PreparedJobUID != "" && late >= 0:
		w.start(at)
		status(func(s *cnatv1.AtStatus) { s.JobUID, s.PreparedJobUID = "job-"+at.UID, "" })
	}
}

// start checks what must hold when a run starts.
func (w *world) start(at *cnatv1.At) {
	of := at.Labels[labelScheduled] + at.Annotations[annotationRequest]
	w.runs[of]++
	if w.runs[of] > 1 {
		w.violated("%s runs twice", at.Name)
	}
	if w.skipped[of] {
		w.violated("%s runs though it was skipped", at.Name)
	}
	if unix, err := strconv.ParseInt(at.Labels[labelScheduled], 10, 64); err == nil {
		if w.Now.Unix() < unix {
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
	if !w.suspended.IsZero() && w.Now.Sub(w.suspended) > 0 {
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

// Get implements client.Reader by the cache.
func (l *leader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	if err := l.Back(l.behind).Read(key.Name, into); err != nil {
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
	ats, ok := into.(*cnatv1.AtList)
	if !ok {
		return nil // nobody else is due with it
	}
	list(l.Back(l.atsBehind), ats)
	return nil
}

func list(objects apimodel.Objects, ats *cnatv1.AtList) {
	for _, at := range apimodel.List[*cnatv1.At](objects) {
		if len(ownerOf(at)) > 0 {
			ats.Items = append(ats.Items, *at.DeepCopy())
		}
	}
}

// Create implements client.Writer.
func (l *leader) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	return l.call(func() error {
		at := object.(*cnatv1.At)
		if !ptr.Deref(at.Spec.Suspend, false) {
			l.violated("At %s is created and not suspended", at.Name)
		}
		created := at.DeepCopy()
		if err := l.Server.Create(created); err != nil {
			return err
		}
		created.DeepCopyInto(at)
		return nil
	})
}

// Patch implements client.Writer.
func (l *leader) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.PatchOption) error {
	return l.call(func() error {
		next, err := l.Patched(object, patch)
		if err != nil {
			return err
		}
		l.edit(l.Objects[apimodel.KeyOf(object)], func(stored client.Object) {
			at := stored.(*cnatv1.At)
			status := at.Status
			next.(*cnatv1.At).DeepCopyInto(at)
			at.Status = status
		})
		return l.Objects.Read(object.GetName(), object)
	})
}

// Delete implements client.Writer.
func (l *leader) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	return l.call(func() error {
		k, asked := apimodel.KeyOf(object), (&client.DeleteOptions{}).ApplyOptions(options).Preconditions
		if err := l.Check(k, *asked.ResourceVersion, *asked.UID); err != nil {
			return err
		}
		if at := l.Objects[k].(*cnatv1.At); started(at) && !at.Status.Finished() || at.Status.PreparedJobUID != "" {
			l.violated("At %s is deleted while it runs", at.Name)
		}
		l.Remove(k)
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
		next, err := s.Patched(object, patch)
		if err != nil {
			return err
		}
		stored := s.tab().DeepCopy()
		stored.Status = next.(*v1.CronTab).Status
		s.Store(stored)
		if meta.IsStatusConditionTrue(stored.Status.Conditions, v1.ConditionSuspended) && stored.Status.Next == nil && s.suspended.IsZero() &&
			ptr.Deref(stored.Spec.Suspend, false) {
			s.suspended = s.Now
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
