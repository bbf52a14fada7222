package crontab

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/test/apimodel"
)

// live reads from the API server.
type live struct{ *leader }

// Get implements client.Reader.
func (r live) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	return r.call(func() error { return r.Objects.Read(key.Name, into) })
}

// List implements client.Reader.
func (r live) List(_ context.Context, into client.ObjectList, _ ...client.ListOption) error {
	return r.call(func() error {
		list(r.Objects, into.(*cnatv1.AtList))
		return nil
	})
}

// reconcile lets a leader look at the CronTab once.
func (w *world) reconcile(l *leader) reconcile.Result {
	r := &Reconciler{
		Client: l, APIReader: live{l}, Recorder: events.NewFakeRecorder(1000), Clock: clocktesting.NewFakeClock(w.Now), CommandImage: "sh",
	}
	result, _ := r.Reconcile(context.Background(), reconcile.Request{NamespacedName: types.NamespacedName{Namespace: apimodel.Namespace, Name: tabName}})
	return result
}

// healthy lets a leader whose cache is up to date look until nothing more changes.
func (w *world) healthy() {
	for range 50 {
		before := len(w.History)
		w.reconcile(&leader{world: w, pauseAt: -1})
		for _, at := range w.ats() {
			if !started(at) || at.Status.Finished() || w.random.IntN(3) == 0 {
				w.playAt(at)
			}
		}
		if len(w.History) == before {
			return
		}
	}
	w.violated("it never comes to rest")
}

// deepest is how many leaders stand still at one time.
const deepest = 2

// tick lets something happen that may: time, users, the At controller, and leaders that lag, stand still or end.
func (w *world) tick(depth int, user bool) {
	switch w.random.IntN(12) {
	case 0, 1:
		w.Now = w.Now.Add(time.Duration(w.random.IntN(20_000)) * time.Millisecond)
	case 2, 3, 4:
		if ats := w.ats(); len(ats) > 0 {
			w.playAt(ats[w.random.IntN(len(ats))])
		}
	case 5:
		if user {
			w.user()
		}
	default:
		l := &leader{world: w, behind: w.random.IntN(4) * (1 + 5*w.random.IntN(2)), atsBehind: w.random.IntN(4), pauseAt: -1}
		if depth < deepest && w.random.IntN(2) == 0 {
			l.pauseAt, l.crash = w.random.IntN(8), w.random.IntN(3) == 0
			l.meanwhile = func() {
				for range w.random.IntN(12) {
					w.tick(depth+1, user)
				}
			}
		}
		w.reconcile(l)
	}
}

// user does what users do.
func (w *world) user() {
	tab := w.tab()
	kind := w.random.IntN(6)
	if kind == 0 && ptr.Deref(tab.Spec.Suspend, false) && !w.suspended.IsZero() {
		w.dark = append(w.dark, [2]time.Time{w.suspended, w.Now})
	}
	if kind < 3 {
		w.edited, w.suspended = true, time.Time{}
	}
	switch kind {
	case 0:
		w.edit(tab, func(o client.Object) {
			spec := &o.(*v1.CronTab).Spec
			spec.Suspend = ptr.To(!ptr.Deref(spec.Suspend, false))
		})
	case 1:
		w.edit(tab, func(o client.Object) {
			o.(*v1.CronTab).Spec.CronSpec = []string{"* * * * *", "*/2 * * * *", "30 2 30 fri *"}[w.random.IntN(3)]
		})
	case 2:
		w.edit(tab, func(o client.Object) { o.(*v1.CronTab).Spec.Image = fmt.Sprint("image-", len(w.History)) })
	case 3:
		w.edit(tab, func(o client.Object) {
			o.SetAnnotations(map[string]string{v1.AnnotationRunRequest: fmt.Sprint("request-", len(w.History))})
		})
	case 4: // skip the next run
		for _, at := range w.ats() {
			if next := tab.Status.Next; next != nil && next.UID == at.UID && released(at) && !retracted(at) && !started(at) && !at.Status.Finished() {
				w.skipped[at.Labels[labelScheduled]] = true
				w.edit(at, func(o client.Object) { o.(*cnatv1.At).Spec.Cancel = ptr.To(true) })
			}
		}
	case 5: // the operator is down
		w.Now = w.Now.Add(time.Duration(w.random.IntN(400)) * time.Second)
	}
}

func randomSpec(random *rand.Rand) v1.CronTabSpec {
	policies := []v1.ConcurrencyPolicy{"", v1.ForbidConcurrent, v1.ReplaceConcurrent, v1.QueueConcurrent}
	catchUps := []v1.CatchUpPolicy{"", v1.CatchUpLatest, v1.CatchUpAll}
	return v1.CronTabSpec{
		CronSpec: "* * * * *", ConcurrencyPolicy: policies[random.IntN(4)], CatchUp: catchUps[random.IntN(3)],
		StartingDeadlineSeconds: []int64{0, 0, 200}[random.IntN(3)], RunSpec: v1.RunSpec{Image: "image"},
	}
}

// life is what happens to a CronTab, as random says, as long as it goes on.
func life(random *rand.Rand, goesOn func(tick int) bool) *world {
	w := newWorld(random, randomSpec(random))
	w.ttl = random.IntN(3) == 0
	steady := random.IntN(2) // leaders lag, and do not stand still
	for tick := 0; goesOn(tick); tick++ {
		w.tick(deepest*steady, true)
	}
	w.healthy()
	return w
}

// No scheduled time runs twice, early, beside another that its policy forbids, or after it was skipped or the CronTab
// suspended, whatever leaders, users and the At controller do and in whatever order.
func TestRandomLives(t *testing.T) {
	const lives = 500
	total := 0
	for seed := range lives {
		w := life(rand.New(rand.NewPCG(uint64(seed), 7)), func(tick int) bool { return tick < 120 })
		if len(w.violations) > 0 {
			t.Fatalf("seed %d: %q", seed, w.violations)
		}
		total += len(w.runs)
	}
	if total < 2*lives {
		t.Errorf("only %d runs in %d lives", total, lives)
	}
}

// dictated is a source of randomness that bytes choose: each is the highest bits of a number.
type dictated struct {
	bytes []byte
	rest  *rand.PCG
}

// Uint64 implements rand.Source.
func (s *dictated) Uint64() uint64 {
	number := s.rest.Uint64()
	if len(s.bytes) > 0 {
		number = uint64(s.bytes[0])<<56 | number>>8
		s.bytes = s.bytes[1:]
	}
	return number
}

// FuzzLives is TestRandomLives with lives that a fuzzer chooses.
func FuzzLives(f *testing.F) {
	for seed := range uint64(20) {
		random, input := rand.NewPCG(seed, 9), make([]byte, 400)
		for i := range input {
			input[i] = byte(random.Uint64())
		}
		f.Add(input)
	}
	f.Fuzz(func(t *testing.T, input []byte) {
		source := &dictated{input[:min(len(input), 600)], rand.NewPCG(1, 1)}
		if w := life(rand.New(source), func(int) bool { return len(source.bytes) > 0 }); len(w.violations) > 0 {
			t.Errorf("%q", w.violations)
		}
	})
}

// With catchUp All each scheduled time has its run, though leaders end and stand still and their caches lag.
func TestNothingIsLost(t *testing.T) {
	for seed := range 200 {
		random := rand.New(rand.NewPCG(uint64(seed), 8))
		w := newWorld(random, v1.CronTabSpec{CronSpec: "* * * * *", CatchUp: v1.CatchUpAll, RunSpec: v1.RunSpec{Image: "image"}})
		w.ttl = random.IntN(2) == 0
		began := w.Now
		for range 150 {
			w.tick(0, false)
		}
		w.healthy()
		for at := began.Truncate(time.Minute).Add(time.Minute); !at.After(w.Now); at = at.Add(time.Minute) {
			if n := w.runs[strconv.FormatInt(at.Unix(), 10)]; n != 1 {
				t.Fatalf("seed %d: %s ran %d times by %s: %v", seed, at, n, w.Now, w.violations)
			}
		}
		if len(w.violations) > 0 {
			t.Fatalf("seed %d: %q", seed, w.violations)
		}
	}
}

// A release reaches only the At that is recorded, and only while it is not retracted.
func TestReleaseReachesOnlyTheRecordedAt(t *testing.T) {
	for name, change := range map[string]func(*cnatv1.At){
		"another of that name": func(at *cnatv1.At) { at.UID = "another" },
		"retracted":            func(at *cnatv1.At) { delete(at.Labels, labelRevision) },
		"for something else":   func(at *cnatv1.At) { at.Labels[labelRevision] = "another" },
		"none":                 nil,
	} {
		w := newWorld(rand.New(rand.NewPCG(1, 1)), v1.CronTabSpec{CronSpec: "* * * * *", RunSpec: v1.RunSpec{Image: "image"}})
		l := &leader{world: w, pauseAt: 3} // after the reading, the creation and the record
		l.meanwhile = func() {
			at := w.ats()[0]
			if w.tab().Status.Next == nil || released(at) {
				t.Fatal("this is not the release")
			}
			w.Remove(apimodel.KeyOf(at))
			if change != nil {
				w.edit(at, func(o client.Object) { change(o.(*cnatv1.At)) })
			}
		}
		w.reconcile(l)
		if ats := w.ats(); len(ats) > 0 && released(ats[0]) {
			t.Errorf("%s: it is released", name)
		}
	}
}
