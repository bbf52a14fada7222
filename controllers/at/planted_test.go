//go:build plantedbugs

package at

import (
	"context"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// noFinalizer makes Jobs that nothing holds.
type noFinalizer struct{ client.Client }

func (c noFinalizer) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	job := object.DeepCopyObject().(*batchv1.Job)
	job.Finalizers = nil
	return c.Client.Create(ctx, job, options...)
}

// noAge lets an operator believe that every look was taken just now.
func noAge(o *operator) {
	o.before = func() {
		o.looks.byName.Range(func(name, last any) bool {
			o.looks.byName.Store(name, look{last.(look).resourceVersion, o.Now()})
			return true
		})
	}
}

// noVersion lets an operator believe that every look was at what the cache has now.
func noVersion(o *operator) {
	o.before = func() {
		o.looks.byName.Range(func(name, last any) bool {
			if at := get[*cnatv1alpha1.At](o.cache, key{kindAt, "cnrex"}); at != nil {
				o.looks.byName.Store(name, look{at.ResourceVersion, last.(look).taken})
			}
			return true
		})
	}
}

// The model finds the bugs that it is there to find: one is planted, and the
// lives that FuzzAt begins with show it.
func TestPlantedBugs(t *testing.T) {
	tests := map[string]struct {
		plant func(*operator)
		want  string // what is said to be wrong
	}{
		"the finalizer is left out": {
			func(o *operator) { o.Client = noFinalizer{o.Client} }, "a second Job",
		},
		"the live read is left out": {
			func(o *operator) { o.APIReader = o.Client }, "a second Job",
		},
		"the live read is left out, and the At is moved": {
			func(o *operator) { o.APIReader = o.Client }, "before its time",
		},
		"the live read is left out, and the At is suspended": {
			func(o *operator) { o.APIReader = o.Client }, "is suspended",
		},
		"the live read is left out, and a container has started": {
			func(o *operator) { o.APIReader = o.Client }, "which has started",
		},
		"a look is never too old": {
			noAge, "is suspended",
		},
		"a look is at any version": {
			noVersion, "Job of",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(seeds) {
				if wrong := strings.Join(live(randomInput(seed), test.plant), "\n"); strings.Contains(wrong, test.want) {
					t.Logf("found by seed %d: %s", seed, wrong)
					return
				}
			}
			t.Errorf("not found: %q", test.want)
		})
	}
}
