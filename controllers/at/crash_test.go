package at

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// crashes are what goes wrong at a write.
var crashes = map[string]faultKind{
	"fails before": failBefore,
	"fails after":  failAfter,
	"ends before":  crashBefore,
	"ends after":   crashAfter,
}

// breakingClient lets one write go wrong, of all the operators that use it, one
// after the other.
type breakingClient struct {
	client.Client
	shared *breaking
	ended  bool // this operator's process has
}

type breaking struct {
	sync.Mutex
	write string // which is to go wrong, by its name
	kind  faultKind
	broke bool          // it has
	end   chan struct{} // is sent to when a process is to end
}

// namePatch names what a patch of an At or a Job is for.
func namePatch(object client.Object, patch client.Patch) string {
	at, ok := object.(*cnatv1.At)
	switch {
	case patch.Type() == types.JSONPatchType:
		return "start by a patch"
	case !ok && object.GetAnnotations()[generationAnnotation] == "":
		return "retract"
	case !ok:
		return "stop"
	case atPinned(at):
		return "hold"
	default:
		return "release"
	}
}

// nameStatus names a write of a status by what it says.
func nameStatus(object client.Object, patch client.Patch) string {
	at, ok := object.(*cnatv1.At)
	data, err := patch.Data(object)
	switch {
	case !ok || err != nil:
		return "unknown"
	case at.Status.PreparedJobUID != "":
		return "record"
	case at.Status.JobUID == "" && strings.Contains(string(data), `"preparedJobUID":null`):
		return "forget"
	default:
		return string(at.Status.Phase)
	}
}

// do writes, or doesn't.
func (c *breakingClient) do(write string, do func() error) error {
	b := c.shared
	b.Lock()
	defer b.Unlock()
	if c.ended {
		return errCrash
	}
	if b.write != write || b.broke {
		return do()
	}
	b.broke = true
	var err error
	if b.kind == failAfter || b.kind == crashAfter {
		err = do()
	}
	if b.kind == crashBefore || b.kind == crashAfter {
		c.ended = true
		b.end <- struct{}{}
		return errCrash
	}
	return errors.Join(err, errFault)
}

// Create implements client.Writer.
func (c *breakingClient) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	write := "prepare"
	if len((&client.CreateOptions{}).ApplyOptions(options).DryRun) > 0 {
		write = "try"
	}
	return c.do(write, func() error { return c.Client.Create(ctx, object, options...) })
}

// Patch implements client.Writer.
func (c *breakingClient) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return c.do(namePatch(object, patch), func() error { return c.Client.Patch(ctx, object, patch, options...) })
}

// Update implements client.Writer.
func (c *breakingClient) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	return c.do("start", func() error { return c.Client.Update(ctx, object, options...) })
}

// Delete implements client.Writer.
func (c *breakingClient) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	write := "expire"
	if _, ok := object.(*batchv1.Job); ok {
		write = "collect"
	}
	return c.do(write, func() error { return c.Client.Delete(ctx, object, options...) })
}

// Status implements client.Client.
func (c *breakingClient) Status() client.SubResourceWriter {
	return &breakingStatus{c.Client.Status(), c}
}

type breakingStatus struct {
	client.SubResourceWriter
	client *breakingClient
}

// Patch implements client.SubResourceWriter.
func (s *breakingStatus) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	return s.client.do(nameStatus(object, patch), func() error { return s.SubResourceWriter.Patch(ctx, object, patch, options...) })
}

// startBreaking runs an operator whose process may end at a write, and then
// another one, with a fresh cache.
func startBreaking(t *testing.T, namespace string, b *breaking, clock clock.WithTicker) {
	t.Helper()
	run := func() (stop func() error, err error) {
		return runOperator(namespace, func(r *Reconciler) {
			r.Client, r.Clock = &breakingClient{Client: r.Client, shared: b}, clock
		})
	}
	stop, err := run()
	if err != nil {
		t.Fatal(err)
	}
	over, ended := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-b.end:
				if err = stop(); err == nil {
					stop, err = run()
				}
				if err != nil {
					ended <- err
					return
				}
			case <-over:
				ended <- stop()
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(over)
		if err := <-ended; err != nil {
			t.Errorf("the operator: %v", err)
		}
	})
}

// life is one of an At at the API server.
type life struct {
	lead   time.Duration // from now until the At is due
	edit   bool          // it is edited when it is prepared
	cancel bool          // the run is cancelled
	large  bool          // its Job is too large to be cached as a whole
	writes []string      // that are to go wrong, each in turn
}

// live lets an At live while one write goes wrong. What must never be is what the model holds to be so.
func (l life) live(t *testing.T, b *breaking) {
	t.Helper()
	namespace := newNamespace(t)
	schedule := time.Now().Add(l.lead).Truncate(time.Second)
	w := watchAll(t, namespace, schedule)
	clock := &heldClock{until: schedule.Add(-minLead / 2)}
	clock.free.Store(!l.edit)
	startBreaking(t, namespace, b, clock)
	at := &cnatv1.At{}
	at.Name, at.Namespace = "cnrex", namespace
	at.Spec.Schedule, at.Spec.Command = ptr.To(metav1.NewTime(schedule)), "echo YAY"
	if l.large {
		at.Spec.Command += strings.Repeat(" ", 8<<10)
	}
	at.Spec.TTLSecondsAfterFinished = ptr.To[int32](0)
	if err := api.Create(t.Context(), at); err != nil {
		t.Fatal(err)
	}

	if l.edit {
		awaitAt(t, at, "the prepared Job", func(status *cnatv1.AtStatus) bool { return status.PreparedJobUID != "" })
		before := at.Status.PreparedJobUID
		change(t, at, func() { at.Spec.Command = "echo YEA" })
		awaitAt(t, at, "another prepared Job", func(status *cnatv1.AtStatus) bool {
			return status.PreparedJobUID != "" && status.PreparedJobUID != before
		})
		clock.free.Store(true)
	}
	job := awaitJob(t, at)
	if l.edit && job.Spec.Template.Spec.Containers[0].Command[2] != "echo YEA" {
		t.Errorf("what was prepared first runs: %+v", job.Spec.Template.Spec)
	}
	playPod(t, job, running())
	w.await(t, cnatv1.AtRunning)
	want, condition := cnatv1.AtSucceeded, batchv1.JobComplete
	if l.cancel {
		want, condition = cnatv1.AtCancelled, batchv1.JobFailed
		change(t, at, func() { at.Spec.Cancel = ptr.To(true) })
	}
	eventually(t, "the At to be released and, if it is cancelled, its Job stopped", func() (bool, error) {
		err := errors.Join(api.Get(t.Context(), client.ObjectKeyFromObject(job), job), api.Get(t.Context(), client.ObjectKeyFromObject(at), at))
		stopped := ptr.Deref(job.Spec.ActiveDeadlineSeconds, 0) == 1
		return err == nil && !atPinned(at) && stopped == l.cancel, err
	})
	playEnd(t, job, condition)
	w.await(t, want)
	awaitGone(t, at)
	w.check(t)
}

// An At runs once, whatever goes wrong at whichever of the operator's writes.
func TestCrashes(t *testing.T) {
	lives := map[string]life{
		"waits":        {lead: 6 * time.Second, writes: []string{"try", "Pending", "prepare", "start"}},
		"is edited":    {lead: 6 * time.Second, edit: true, writes: []string{"retract", "forget", "collect"}},
		"is due":       {writes: []string{"hold", "prepare", "record", "start", "Running", "release", "Succeeded", "expire"}},
		"is large":     {lead: 6 * time.Second, large: true, writes: []string{"start by a patch"}},
		"is cancelled": {cancel: true, writes: []string{"stop", "Cancelled"}},
	}
	for name, l := range lives {
		for _, write := range l.writes {
			for what, kind := range crashes {
				t.Run(fmt.Sprintf("%s, %s %s", name, write, what), func(t *testing.T) {
					t.Parallel()
					b := &breaking{write: write, kind: kind, end: make(chan struct{}, 1)}
					l.live(t, b)
					b.Lock()
					defer b.Unlock()
					if !b.broke {
						t.Error("the write did not go wrong")
					}
				})
			}
		}
	}
}
