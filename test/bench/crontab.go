package main

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"example.com/cnat-operator/test/controlplane"
)

// cronTabs measures CronTabs beside Jobs that are created directly, and CronJobs; then what idle ones cost.
func (b *bench) cronTabs(ctx context.Context, sizes sizes) error {
	n, idle := sizes.burst, sizes.idle
	var raws, tabs rounds
	for round := range sizes.rounds {
		progress("round %d: %d Jobs created directly by 32 clients", round, n)
		raw, err := b.rawBurst(ctx, fmt.Sprintf("raw-%d", round), n)
		if err != nil {
			return err
		}
		progress("round %d: p99 %s; %d CronTabs due at one minute", round, raw.percentile(99), n)
		tab, err := b.cronTabBurst(ctx, fmt.Sprintf("crontab-%d", round), n)
		if err != nil {
			return err
		}
		progress("round %d: p99 %s", round, tab.percentile(99))
		raws, tabs = append(raws, raw), append(tabs, tab)
		if err := b.quiet(ctx); err != nil {
			return err
		}
	}
	raws.print("raw")
	tabs.print("crontab")
	raw, tab := raws.median().percentile(99).Seconds(), tabs.median().percentile(99).Seconds()
	fmt.Printf("crontab_p99/raw_p99=%.2f\n", tab/raw)

	progress("cronjob: %d CronJobs due at one minute", n)
	cronJobs, err := b.cronJobBurst(ctx, "cronjob", n)
	if err != nil {
		return err
	}
	cronJobs.print("cronjob")
	fmt.Printf("cronjob_p99/crontab_p99=%.1f\n", cronJobs.percentile(99).Seconds()/tab)

	progress("idle: %d CronTabs whose next run is far", idle)
	if err := b.newNamespace(ctx, "idle"); err != nil {
		return err
	}
	far := time.Now().AddDate(0, 6, 0)
	err = controlplane.InParallel(idle, func(i int) error { return b.createCronTab(ctx, "idle", i, far) })
	if err != nil {
		return err
	}
	return b.atRest(ctx, "idle_crontabs", idle)
}

// cronTabBurst creates CronTabs that are due at one minute.
func (b *bench) cronTabBurst(ctx context.Context, namespace string, n int) (distribution, error) {
	seen, err := b.prepare(ctx, namespace)
	if err != nil {
		return nil, err
	}
	defer seen.stop()
	due := time.Now().Add(settle + time.Minute).Truncate(time.Minute)
	if err := controlplane.InParallel(n, func(i int) error { return b.createCronTab(ctx, namespace, i, due) }); err != nil {
		return nil, err
	}
	if err := seen.await(ctx, n, time.Until(due)+2*time.Minute); err != nil {
		return nil, err
	}
	return seen.lateness(due), nil
}

// createCronTab creates a CronTab that runs once a year.
func (b *bench) createCronTab(ctx context.Context, namespace string, i int, due time.Time) error {
	due = due.UTC()
	tab := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "stable.example.com/v1",
		"kind":       "CronTab",
		"metadata":   map[string]any{"namespace": namespace, "name": fmt.Sprintf("crontab-%d", i)},
		"spec": map[string]any{
			"cronSpec": fmt.Sprintf("%d %d %d %d *", due.Minute(), due.Hour(), due.Day(), due.Month()), "command": "true",
		},
	}}
	if err := b.client.Create(ctx, tab); err != nil {
		return fmt.Errorf("creating CronTab %s: %w", tab.GetName(), err)
	}
	return nil
}
