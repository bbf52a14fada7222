package main

import (
	"context"
	"fmt"
	"time"

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

	return b.atRest(ctx, name, n)
}

// atRest measures what the operator costs when it has nothing to do: memory, and CPU over 60 s.
func (b *bench) atRest(ctx context.Context, name string, n int) error {
	progress("%s: waiting until the operator has reported all of them", name)
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

// quiet waits until the operator uses less than a tenth of a core.
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
