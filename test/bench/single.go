package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// single measures Jobs that are created directly, one every 100 ms, and Ats that are due so, several times in turn.
func (b *bench) single(ctx context.Context, n int) error {
	var raws, ats rounds
	for round := range 3 {
		progress("single: round %d, %d Jobs created directly, one every 100 ms", round, n)
		raw, err := b.rawSingles(ctx, fmt.Sprintf("single-raw-%d", round), n)
		if err != nil {
			return err
		}
		progress("single: round %d, p99 %s; %d Ats, one every 100 ms", round, raw.percentile(99), n)
		at, err := b.singleAts(ctx, fmt.Sprintf("single-%d", round), n)
		if err != nil {
			return err
		}
		progress("single: round %d, p99 %s", round, at.percentile(99))
		raws, ats = append(raws, raw), append(ats, at)
	}
	raws.print("single_raw")
	ats.print("single")
	fmt.Printf("single_p99/single_raw_p99=%.2f\n", ats.median().percentile(99).Seconds()/raws.median().percentile(99).Seconds())
	return nil
}

// rawSingles creates Jobs one every 100 ms: the least that the machine takes for it.
func (b *bench) rawSingles(ctx context.Context, namespace string, n int) (distribution, error) {
	jobs, err := b.prepare(ctx, namespace)
	if err != nil {
		return nil, err
	}
	defer jobs.stop()
	due := map[string]time.Time{}
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for i := range n {
		<-ticker.C
		job := rawJob(i)
		due[job.Name] = time.Now()
		if _, err := b.clientset.BatchV1().Jobs(namespace).Create(ctx, job, metav1.CreateOptions{}); err != nil {
			return nil, fmt.Errorf("creating Jobs: %w", err)
		}
	}
	if err := jobs.await(ctx, n, time.Minute); err != nil {
		return nil, err
	}
	return jobs.latenessOf(due), nil
}

// singleAts makes Ats that are due one every 100 ms, on a system that is idle otherwise.
func (b *bench) singleAts(ctx context.Context, namespace string, n int) (distribution, error) {
	jobs, err := b.prepare(ctx, namespace)
	if err != nil {
		return nil, err
	}
	defer jobs.stop()
	first := time.Now().Add(settle)
	due := map[string]time.Time{}
	for i := range n {
		due[fmt.Sprintf("at-%d", i)] = first.Add(time.Duration(i) * 100 * time.Millisecond).Truncate(time.Millisecond)
	}
	for name, moment := range due {
		if err := b.createAt(ctx, namespace, name, moment); err != nil {
			return nil, err
		}
	}
	if err := jobs.await(ctx, n, 2*time.Minute+settle); err != nil {
		return nil, err
	}
	return jobs.latenessOf(due), nil
}
