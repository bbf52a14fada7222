package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"example.com/cnat-operator/test/controlplane"
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
	due, err := b.createSingles(ctx, namespace, n, time.Now().Add(settle))
	if err != nil {
		return nil, err
	}
	if err := jobs.await(ctx, n, 2*time.Minute+settle); err != nil {
		return nil, err
	}
	return jobs.latenessOf(due), nil
}

// createSingles creates Ats that are due one every 100 ms, and returns when each is.
func (b *bench) createSingles(ctx context.Context, namespace string, n int, first time.Time) (map[string]time.Time, error) {
	due := map[string]time.Time{}
	for i := range n {
		name := fmt.Sprintf("at-%d", i)
		due[name] = first.Add(time.Duration(i) * 100 * time.Millisecond).Truncate(time.Millisecond)
		if err := b.createAt(ctx, namespace, name, due[name]); err != nil {
			return nil, err
		}
	}
	return due, nil
}

// amongNew measures the same while 32 clients create Ats that are due in a year as fast as the API server takes them, and
// the operator tries the Job of each by a dry run. Thousands wait for that when the Ats that are measured are created.
func (b *bench) amongNew(ctx context.Context, n int) error {
	progress("among_new: Jobs that are created, and Ats that are due, while new Ats are created as fast as possible")
	measure := func(name string, singles func(context.Context, string, int) (distribution, error)) (distribution, error) {
		namespace := name + "-others"
		stop, err := b.createNew(ctx, namespace)
		if err != nil {
			return nil, err
		}
		lateness, err := singles(ctx, name, n)
		others, stopErr := stop()
		if err := errors.Join(err, stopErr); err != nil {
			return nil, err
		}
		if others < 10*n {
			return nil, fmt.Errorf("only %d Ats were created meanwhile", others)
		}
		name = strings.ReplaceAll(name, "-", "_")
		lateness.print(name)
		fmt.Printf("%s_others=%d\n", name, others)
		return lateness, nil
	}
	raw, err := measure("among-new-raw", b.rawSingles)
	if err != nil {
		return err
	}
	at, err := measure("among-new", b.singleAts)
	if err != nil {
		return err
	}
	fmt.Printf("among_new_p99/among_new_raw_p99=%.2f\n", at.percentile(99).Seconds()/raw.percentile(99).Seconds())
	if worst := at.percentile(100) - raw.percentile(100); worst > time.Second {
		return fmt.Errorf("an At among new ones was %s later than any Job", worst)
	}
	return nil
}

// createNew creates Ats that are due in a year, until it is stopped. That gives how many.
func (b *bench) createNew(ctx context.Context, namespace string) (stop func() (int, error), err error) {
	if err := b.newNamespace(ctx, namespace); err != nil {
		return nil, fmt.Errorf("creating namespace %s: %w", namespace, err)
	}
	creating, cancel := context.WithCancel(ctx)
	var created atomic.Int64
	done := make(chan error, 1)
	far := time.Now().AddDate(1, 0, 0)
	go func() {
		done <- controlplane.InParallel(1_000_000, func(i int) error {
			if creating.Err() != nil {
				return nil
			}
			created.Add(1)
			return b.createAt(ctx, namespace, fmt.Sprintf("new-%d", i), far)
		})
	}()
	return func() (int, error) {
		cancel()
		err := <-done
		return int(created.Load()), err
	}, nil
}

var atKind = schema.GroupVersionKind{Group: "cnat.programming-kubernetes.info", Version: "v1", Kind: "At"}
