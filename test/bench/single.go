package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// amongNew measures Ats that are due one every 100 ms while the operator tries the Jobs of many new ones, which are due
// in a year, by server-side dry runs. The new ones are deleted afterwards.
func (b *bench) amongNew(ctx context.Context, n, others int) error {
	jobs, err := b.prepare(ctx, "among-new")
	if err != nil {
		return err
	}
	defer jobs.stop()
	first := time.Now().Add(settle)
	due, err := b.createSingles(ctx, "among-new", n, first)
	if err != nil {
		return err
	}
	time.Sleep(time.Until(first.Add(-settle / 2)))
	if err := b.newNamespace(ctx, "new"); err != nil {
		return err
	}
	far := time.Now().AddDate(1, 0, 0)
	err = controlplane.InParallel(others, func(i int) error { return b.createAt(ctx, "new", fmt.Sprintf("new-%d", i), far) })
	if err != nil {
		return err
	}
	if time.Now().After(first) {
		return fmt.Errorf("creating %d Ats took more than %s", others, settle/2)
	}
	if err := jobs.await(ctx, n, 2*time.Minute); err != nil {
		return err
	}
	untried, err := b.untried(ctx, "new")
	if err != nil {
		return err
	}
	if untried == 0 {
		return errors.New("the Jobs of all new Ats had been tried before the last At was due: create more")
	}
	jobs.latenessOf(due).print("among_new")
	fmt.Printf("among_new_others=%d\namong_new_others_still_untried=%d\n", others, untried)
	at := &unstructured.Unstructured{}
	at.SetGroupVersionKind(atKind)
	return b.client.DeleteAllOf(ctx, at, client.InNamespace("new"))
}

var atKind = schema.GroupVersionKind{Group: "cnat.programming-kubernetes.info", Version: "v1alpha1", Kind: "At"}

// untried is how many Ats of a namespace the operator has reported nothing of.
func (b *bench) untried(ctx context.Context, namespace string) (untried int, err error) {
	ats := &unstructured.UnstructuredList{}
	ats.SetGroupVersionKind(atKind.GroupVersion().WithKind("AtList"))
	if err := b.client.List(ctx, ats, client.InNamespace(namespace)); err != nil {
		return 0, fmt.Errorf("listing Ats: %w", err)
	}
	for _, at := range ats.Items {
		if _, reported := at.Object["status"]; !reported {
			untried++
		}
	}
	return untried, nil
}
