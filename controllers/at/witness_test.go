package at

import (
	"slices"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	apiwatch "k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// witness sees all that happens to the one At of a namespace, and to Jobs.
type witness struct {
	sync.Mutex
	schedule time.Time
	status   cnatv1.AtStatus
	jobs     []types.UID // all that ever were let run
	wrong    []string
}

// watchAll lets a witness see a namespace, in which an At is due at schedule.
func watchAll(t *testing.T, namespace string, schedule time.Time) *witness {
	t.Helper()
	w := &witness{schedule: schedule}
	watcher, err := client.NewWithWatch(apiConfig, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []client.ObjectList{&cnatv1.AtList{}, &batchv1.JobList{}} {
		events, err := watcher.Watch(t.Context(), kind, client.InNamespace(namespace))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(events.Stop)
		go func() {
			for event := range events.ResultChan() {
				w.see(event)
			}
		}()
	}
	return w
}

func (w *witness) see(event apiwatch.Event) {
	w.Lock()
	defer w.Unlock()
	switch object := event.Object.(type) {
	case *cnatv1.At:
		if wrong := backwards(&w.status, &object.Status); wrong != "" {
			w.wrong = append(w.wrong, wrong)
		}
		w.status = object.Status
	case *batchv1.Job:
		if slices.Contains(w.jobs, object.UID) || !started(object) {
			return
		}
		w.jobs = append(w.jobs, object.UID)
		made, err := time.Parse(time.RFC3339Nano, object.Annotations[startedAtAnnotation])
		if err != nil || made.Before(w.schedule) {
			w.wrong = append(w.wrong, "a Job was started at "+made.String()+", and due at "+w.schedule.String())
		}
	}
}

// await waits until the At has been seen in a phase.
func (w *witness) await(t *testing.T, phase cnatv1.AtPhase) {
	t.Helper()
	eventually(t, string(phase), func() (bool, error) {
		w.Lock()
		defer w.Unlock()
		return w.status.Phase == phase, nil
	})
}

// check fails the test if the witness has seen what must not be.
func (w *witness) check(t *testing.T) {
	t.Helper()
	w.Lock()
	defer w.Unlock()
	for _, wrong := range w.wrong {
		t.Error(wrong)
	}
	if len(w.jobs) != 1 || w.status.JobUID != w.jobs[0] {
		t.Errorf("there were the Jobs %v, and the status names %q", w.jobs, w.status.JobUID)
	}
}
