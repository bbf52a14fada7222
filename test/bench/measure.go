package main

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"example.com/cnat-operator/test/controlplane"
)

func (b *bench) newNamespace(ctx context.Context, name string) error {
	_, err := b.clientset.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	return err
}

func jobSpec() batchv1.JobSpec {
	return batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever,
		Containers:    []corev1.Container{{Name: "command", Image: "busybox", Command: []string{"sh", "-c", "true"}}},
	}}}
}

// rawBurst is the limit: Jobs created as fast as the API server takes them.
func (b *bench) rawBurst(ctx context.Context, n int) (distribution, error) {
	jobs, err := b.prepare(ctx, "raw")
	if err != nil {
		return nil, err
	}
	defer jobs.stop()
	due := time.Now()
	err = controlplane.InParallel(n, func(i int) error {
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("raw-%d", i)}, Spec: jobSpec()}
		_, err := b.clientset.BatchV1().Jobs("raw").Create(ctx, job, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("creating Jobs: %w", err)
	}
	if err := jobs.await(ctx, n, time.Minute); err != nil {
		return nil, err
	}
	return jobs.lateness(due), nil
}

// atBurst makes Ats that are due at one instant.
func (b *bench) atBurst(ctx context.Context, n int) (distribution, error) {
	jobs, err := b.prepare(ctx, "burst")
	if err != nil {
		return nil, err
	}
	defer jobs.stop()
	due := time.Now().Add(settle).Truncate(time.Second)
	if err := controlplane.InParallel(n, func(i int) error { return b.createAt(ctx, "burst", fmt.Sprintf("at-%d", i), due) }); err != nil {
		return nil, err
	}
	if left := time.Until(due); left < 5*time.Second {
		return nil, fmt.Errorf("creating the Ats took so long that only %s were left until they were due", left)
	}
	if err := jobs.await(ctx, n, time.Until(due)+2*time.Minute); err != nil {
		return nil, err
	}
	return jobs.lateness(due), nil
}

// settle is how long before they are due objects are made: enough for the work
// of their creation to be over.
const settle = 30 * time.Second

// singleAts makes Ats that are due one every 100 ms, on a system that is idle otherwise.
func (b *bench) singleAts(ctx context.Context, n int) (distribution, error) {
	jobs, err := b.prepare(ctx, "single")
	if err != nil {
		return nil, err
	}
	defer jobs.stop()
	// What the burst before left to do must be over.
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	first := time.Now().Add(settle)
	due := map[string]time.Time{}
	for i := range n {
		due[fmt.Sprintf("at-%d", i)] = first.Add(time.Duration(i) * 100 * time.Millisecond).Truncate(time.Millisecond)
	}
	for name, moment := range due {
		if err := b.createAt(ctx, "single", name, moment); err != nil {
			return nil, err
		}
	}
	if err := jobs.await(ctx, n, 2*time.Minute+settle); err != nil {
		return nil, err
	}
	return jobs.latenessOf(due), nil
}

// createAt writes the schedule with fractions of a second, which metav1.Time would drop.
func (b *bench) createAt(ctx context.Context, namespace, name string, due time.Time) error {
	at := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cnat.programming-kubernetes.info/v1alpha1",
		"kind":       "At",
		"metadata":   map[string]any{"namespace": namespace, "name": name},
		"spec":       map[string]any{"schedule": due.UTC().Format(time.RFC3339Nano), "command": "true"},
	}}
	if err := b.client.Create(ctx, at); err != nil {
		return fmt.Errorf("creating At %s: %w", name, err)
	}
	return nil
}

// cronJobBurst makes CronJobs that are due at the next minute but one, and
// ends with the first Job of each.
func (b *bench) cronJobBurst(ctx context.Context, n int) (distribution, error) {
	jobs, err := b.prepare(ctx, "cronjob")
	if err != nil {
		return nil, err
	}
	defer jobs.stop()
	due := time.Now().Add(settle + time.Minute).Truncate(time.Minute).UTC()
	schedule := fmt.Sprintf("%d %d * * *", due.Minute(), due.Hour())
	utc := "Etc/UTC"
	err = controlplane.InParallel(n, func(i int) error {
		cronJob := &batchv1.CronJob{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("cronjob-%d", i)},
			Spec: batchv1.CronJobSpec{
				Schedule: schedule, TimeZone: &utc,
				JobTemplate: batchv1.JobTemplateSpec{Spec: jobSpec()},
			},
		}
		_, err := b.clientset.BatchV1().CronJobs("cronjob").Create(ctx, cronJob, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("creating CronJobs: %w", err)
	}
	if err := jobs.await(ctx, n, time.Until(due)+5*time.Minute); err != nil {
		return nil, err
	}
	return jobs.lateness(due), nil
}

// prepare makes a namespace and watches its Jobs.
func (b *bench) prepare(ctx context.Context, namespace string) (*watcher, error) {
	if err := b.newNamespace(ctx, namespace); err != nil {
		return nil, fmt.Errorf("creating namespace %s: %w", namespace, err)
	}
	return watchJobs(ctx, b.clientset, namespace)
}
