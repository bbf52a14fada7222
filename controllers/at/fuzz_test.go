package at

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"example.com/cnat-operator/test/apimodel"
)

// drive is a life of an At, or of several one after the other, at the model:
// two operators that both act as leaders, and whatever else happens, as bytes
// describe it. The same bytes give the same life.
type drive struct {
	model     *model
	operators [2]*operator
	input     []byte
}

// maxInput bounds a life. What a few bytes can say needs no more.
const maxInput = 256

// live lives the life that the input describes, and what follows from it when no
// more faults happen. It returns what went wrong. plant makes the operators
// buggy; nil: it doesn't.
func live(input []byte, plant func(*operator)) []string {
	m := newModel()
	d := &drive{model: m, input: input[:min(len(input), maxInput)]}
	d.operators = [2]*operator{newOperator(m, plant), newOperator(m, plant)}
	m.makeAt(d.next())
	old := d.next()
	m.large = old&8 != 0
	if old%4 == 0 {
		m.startOld(old%8 == 0)
		for _, o := range d.operators {
			o.restart(0)
		}
	}
	for len(d.input) > 0 {
		d.step()
	}
	if d.settle() {
		m.lasting()
	} else {
		m.violated("it never comes to rest")
	}
	return m.wrong
}

// next takes a byte from the input: 0 when there is none left.
func (d *drive) next() byte {
	if len(d.input) == 0 {
		return 0
	}
	b := d.input[0]
	d.input = d.input[1:]
	return b
}

// times are steps of the clocks.
var times = []time.Duration{100 * time.Millisecond, time.Second, 3 * time.Second, 20 * time.Second, time.Minute, time.Hour}

// step does one thing.
func (d *drive) step() {
	m, what, how := d.model, d.next(), d.next()
	o := d.operators[how&1]
	how >>= 1
	switch what % 16 {
	case 0, 1:
		d.pass(times[int(how)%len(times)])
	case 2:
		by := times[int(how>>1)%len(times)]
		if how&1 == 1 {
			by = -by
		}
		o.stepClock(by)
	case 3, 4:
		o.reconcile("cnrex", fault{})
	case 5, 6, 7:
		d.faulty(o, how)
	case 8, 9:
		for i, kind := range kinds {
			if how>>i&1 == 0 {
				o.catchUp(kind, 1+int(how>>3))
			}
		}
	case 10:
		if !o.busy {
			o.restart(int(how) % 4)
		}
	case 11, 12:
		m.land()
		m.collectGarbage()
		for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
			m.play(job, how&1 == 1, how&6 == 6)
		}
	case 13:
		d.deleteByHand(how)
	case 14:
		m.editAt(how&7, how>>3)
	case 15:
		d.replaceByHand(how)
	}
}

// pass lets time pass. What the operators put off until then comes into their queues.
func (d *drive) pass(span time.Duration) {
	d.model.Now = d.model.Now.Add(span)
	for _, o := range d.operators {
		o.awake()
	}
}

// faulty lets an operator look at the At while something goes wrong.
func (d *drive) faulty(o *operator, how byte) {
	where := d.next()
	with := fault{kind: 1 + faultKind(how)%(faultKinds-1), call: int(where % 12), behind: int(where / 12 % 4)}
	with.meanwhile = func() {
		for range 1 + d.next()%8 {
			d.step()
		}
	}
	o.reconcile("cnrex", with)
}

func (d *drive) deleteByHand(how byte) {
	m := d.model
	if how&3 == 0 {
		m.deleteAt(how&4 != 0)
		return
	}
	for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
		if how&3 == 1 {
			m.Remove(key(kindPod, job.Name+"-pod"))
		} else {
			m.removeByHand(job)
		}
	}
}

func (d *drive) replaceByHand(how byte) {
	switch how & 7 {
	case 3:
		d.model.squat()
		return
	case 7:
		d.model.quota = !d.model.quota
		return
	}
	if how&3 == 2 {
		d.model.deleteAt(false)
	}
	d.model.makeAt(how >> 2)
}

// settle lets all go on without faults until nothing happens any more. Nobody
// looks at an At but who has reason to. It reports whether that came to be.
func (d *drive) settle() bool {
	m := d.model
	m.land()
	for range 3 {
		d.round()
	}
	m.quota = false
	for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
		if len(job.OwnerReferences) == 0 {
			m.Remove(apimodel.KeyOf(job)) // what stood in the way, as the quota did
		}
	}
	for range 100 {
		if !d.round() {
			return true
		}
	}
	return false
}

// round lets everybody do what is to be done now, and time pass until there is
// more. It reports whether there was anything, or will be.
func (d *drive) round() bool {
	m := d.model
	before := len(m.History)
	for range 20 {
		d.work()
	}
	wake, any := d.wakeTime()
	d.pass(max(time.Second, wake.Sub(m.Now)))
	return any || len(m.History) > before
}

// work lets every part of the cluster do what it has to do now.
func (d *drive) work() {
	m := d.model
	for _, o := range d.operators {
		for _, kind := range kinds {
			o.catchUp(kind, len(m.History))
		}
		if o.queue["cnrex"] {
			o.reconcile("cnrex", fault{})
		}
		if _, err := (&upgrade{client: o.Client, live: o.APIReader}).pass(context.Background()); err != nil {
			m.violated("the upgrade: %v", err)
		}
	}
	m.collectGarbage()
	for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
		m.play(job, false, false)
	}
}

// wakeTime is when an operator looks at the At again, if any is to.
func (d *drive) wakeTime() (wake time.Time, any bool) {
	for _, o := range d.operators {
		for _, moment := range o.later {
			if !any || moment.Before(wake) {
				wake, any = moment, true
			}
		}
	}
	return wake, any
}

// seeds are how many random lives the plain test lives.
const seeds = 2000

// randomInput is the same for the same seed.
func randomInput(seed uint64) []byte {
	random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // it must be the same each time
	input := make([]byte, 16+random.IntN(maxInput-16))
	for i := range input {
		input[i] = byte(random.Uint32())
	}
	return input
}

// FuzzAt: whatever happens, an At has one Job, not before its time, comes to an
// end, and its status goes forward only.
func FuzzAt(f *testing.F) {
	first := uint64(seeds)
	if fuzzing() {
		first = 20 // to find what each of them covers takes 30 ms
	}
	for seed := range first {
		f.Add(randomInput(seed))
	}
	f.Add([]byte("0180C08!+000+00000+088C18DC")) // a leader whose pods lag behind follows one that has seen the exit code
	// A pod whose container has started is deleted before an operator has seen it.
	f.Add([]byte("\x1b\x1b0D80C0\x05\xff\xeb\x0500+00\x0100+088\x00\x02\xad\x1a\xa9*y\"\xb5\x000\x00C"))
	f.Add([]byte("0180C0Z7+0Z$+0+0C18\xf4C")) // a leader whose Jobs lag behind reads one that it has yet to start
	f.Add([]byte("0$00Z$8$C"))                // a process whose Jobs lag behind follows version 0.2.0, which has created one
	f.Fuzz(func(t *testing.T, input []byte) {
		if wrong := live(input, nil); wrong != nil {
			t.Error(strings.Join(wrong, "\n"))
		}
	})
}
