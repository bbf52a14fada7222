package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/test/controlplane"
)

// pendingAts measures what many Ats cost while they wait: memory, CPU over 60 s,
// and how soon a new operator runs one that is due.
func (b *bench) pendingAts(ctx context.Context, name string, n int) error {
	b.operator.Stop()
	jobs, err := b.prepare(ctx, name)
	if err != nil {
		return err
	}
	defer jobs.stop()
	progress("%s: the operator's cost with %d pending Ats", name, n)
	far := time.Now().AddDate(1, 0, 0)
	if err := controlplane.InParallel(n, func(i int) error { return b.createAt(ctx, name, fmt.Sprintf("at-%d", i), far) }); err != nil {
		return err
	}
	if err := b.createAt(ctx, name, "due", time.Now()); err != nil {
		return err
	}
	started := time.Now()
	if err := b.startOperator(); err != nil {
		return err
	}
	if err := jobs.await(ctx, 1, 2*time.Minute); err != nil {
		return err
	}
	fmt.Printf("%s_start_to_first_run_seconds=%.3f\n", name, jobs.lateness(started)[0].Seconds())

	progress("%s: waiting until the operator has reported all of them", name)
	if err := b.awaitReported(ctx, name, n); err != nil {
		return err
	}
	return b.atRest(ctx, name, n)
}

// awaitReported waits until the operator has tried and reported the Ats of a namespace. A hundred of them are looked at.
func (b *bench) awaitReported(ctx context.Context, namespace string, n int) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Minute)
	defer cancel()
	at := &unstructured.Unstructured{}
	at.SetGroupVersionKind(atKind)
	for i := 0; i < n; i += max(1, n/100) {
		for {
			if err := b.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: fmt.Sprintf("at-%d", i)}, at); err != nil {
				return fmt.Errorf("waiting until Ats are reported: %w", err)
			}
			if observed, _, err := unstructured.NestedInt64(at.Object, "status", "observedGeneration"); err != nil || observed > 0 {
				break
			}
			select {
			case <-time.After(5 * time.Second):
			case <-ctx.Done():
				return fmt.Errorf("waiting until At %s is reported: %w", at.GetName(), ctx.Err())
			}
		}
	}
	return nil
}

// atRest measures what the operator costs when it has nothing to do: memory, and CPU over 60 s.
func (b *bench) atRest(ctx context.Context, name string, n int) error {
	progress("%s: waiting until the operator is quiet", name)
	if err := b.quiet(ctx); err != nil {
		return err
	}
	before, err := b.operator.CPUTime()
	if err != nil {
		return err
	}
	const period = time.Minute
	select {
	case <-time.After(period):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := b.operator.CPUTime()
	if err != nil {
		return err
	}
	memory, _, err := b.operator.Memory()
	if err != nil {
		return err
	}
	fmt.Printf("%s_n=%d\n", name, n)
	fmt.Printf("%s_cpu_percent_of_a_core=%.2f\n", name, 100*(after-before).Seconds()/period.Seconds())
	fmt.Printf("%s_rss_mib=%.0f\n", name, float64(memory)/(1<<20))
	return nil
}

// quiet waits until the operator uses less than a tenth of a core for 5 s.
func (b *bench) quiet(ctx context.Context) error {
	deadline := time.Now().Add(15 * time.Minute)
	for {
		before, err := b.operator.CPUTime()
		if err != nil {
			return err
		}
		select {
		case <-time.After(5 * time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
		after, err := b.operator.CPUTime()
		if err != nil {
			return err
		}
		if after-before < 500*time.Millisecond {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited 15 min for the operator to be quiet; its log is %s", b.operator.Log)
		}
	}
}
