package at

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// crashes are what goes wrong at a write.
var crashes = map[string]faultKind{
	"fails before": failBefore,
	"fails after":  failAfter,
	"ends before":  crashBefore,
	"ends after":   crashAfter,
}

// breakingClient lets one write go wrong. It counts the writes of all the
// operators that use it, one after the other.
type breakingClient struct {
	client.Client
	shared *breaking
	ended  bool // this operator's process has
}

type breaking struct {
	sync.Mutex
	at     write
	kind   faultKind
	writes map[string]int
	broke  bool          // the write has gone wrong
	end    chan struct{} // is sent to when a process is to end
}

// write is one of an operator's: the first, counted from 0, or a later one of a verb.
type write struct {
	verb   string
	number int
}

// do writes, or doesn't.
func (c *breakingClient) do(verb string, do func() error) error {
	b := c.shared
	b.Lock()
	defer b.Unlock()
	if c.ended {
		return errCrash
	}
	number := b.writes[verb]
	b.writes[verb]++
	if b.at != (write{verb, number}) {
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
	return c.do("create", func() error { return c.Client.Create(ctx, object, options...) })
}

// Patch implements client.Writer.
func (c *breakingClient) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return c.do("patch", func() error { return c.Client.Patch(ctx, object, patch, options...) })
}

// Delete implements client.Writer.
func (c *breakingClient) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	return c.do("delete", func() error { return c.Client.Delete(ctx, object, options...) })
}

// Status implements client.Client.
func (c *breakingClient) Status() client.SubResourceWriter {
	return &breakingStatus{c.Client.Status(), c}
}

type breakingStatus struct {
	client.SubResourceWriter
	client *breakingClient
}

// Update implements client.SubResourceWriter.
func (s *breakingStatus) Update(ctx context.Context, object client.Object, options ...client.SubResourceUpdateOption) error {
	return s.client.do("status", func() error { return s.SubResourceWriter.Update(ctx, object, options...) })
}

// startBreaking runs an operator whose process may end at a write, and then
// another one, with a fresh cache.
func startBreaking(t *testing.T, namespace string, b *breaking) {
	t.Helper()
	run := func() (stop func() error, err error) {
		return runOperator(namespace, func(r *Reconciler) { r.Client = &breakingClient{Client: r.Client, shared: b} })
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
	cancel bool          // the run is cancelled
	writes []write       // that are to go wrong, each in turn
}

// live lets an At live while one write goes wrong. What must never be is what the model holds to be so.
func (l life) live(t *testing.T, b *breaking) {
	t.Helper()
	namespace := newNamespace(t)
	schedule := time.Now().Add(l.lead).Truncate(time.Second)
	w := watchAll(t, namespace, schedule)
	startBreaking(t, namespace, b)
	at := &cnatv1alpha1.At{}
	at.Name, at.Namespace = "cnrex", namespace
	at.Spec.Schedule, at.Spec.Command = ptr.To(metav1.NewTime(schedule)), "echo YAY"
	at.Spec.TTLSecondsAfterFinished = ptr.To[int32](0)
	if err := api.Create(t.Context(), at); err != nil {
		t.Fatal(err)
	}

	job := awaitJob(t, at)
	playPod(t, job, running())
	w.await(t, cnatv1alpha1.AtRunning)
	want, condition := cnatv1alpha1.AtSucceeded, batchv1.JobComplete
	if l.cancel {
		want, condition = cnatv1alpha1.AtCancelled, batchv1.JobFailed
		change(t, at, func() { at.Spec.Cancel = ptr.To(true) })
	}
	eventually(t, "the Job to be released and, if the At is cancelled, stopped", func() (bool, error) {
		err := api.Get(t.Context(), client.ObjectKeyFromObject(job), job)
		stopped := ptr.Deref(job.Spec.ActiveDeadlineSeconds, 0) == 1
		return err == nil && len(job.Finalizers) == 0 && stopped == l.cancel, err
	})
	playEnd(t, job, condition)
	w.await(t, want)
	awaitGone(t, at)
	w.check(t)
}

// An At runs once, whatever goes wrong at whichever of the operator's writes.
func TestCrashes(t *testing.T) {
	lives := map[string]life{
		"waits": {lead: 6 * time.Second, writes: []write{
			{"status", 0}, // Pending
			{"create", 0},
		}},
		"is due": {writes: []write{
			{"create", 0},
			{"status", 0}, // the Job is recorded
			{"patch", 0},  // it is released
			{"status", 1}, // Running
			{"status", 2}, // Succeeded, if the first two were not one
			{"delete", 0}, // after the time to live
		}},
		"is cancelled": {cancel: true, writes: []write{
			{"patch", 1}, // the Job is stopped
			{"status", 2},
		}},
	}
	for name, l := range lives {
		for _, at := range l.writes {
			for what, kind := range crashes {
				t.Run(fmt.Sprintf("%s, %s %d %s", name, at.verb, at.number, what), func(t *testing.T) {
					t.Parallel()
					b := &breaking{at: at, kind: kind, writes: map[string]int{}, end: make(chan struct{}, 1)}
					l.live(t, b)
					b.Lock()
					defer b.Unlock()
					if !b.broke && at.number == 0 {
						t.Error("the write did not go wrong")
					}
				})
			}
		}
	}
}
