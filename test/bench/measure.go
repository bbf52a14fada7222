package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// rawJob is as the operator creates them, with as many labels and annotations,
// but not suspended, and nobody's: it is not the operator's to look after.
func rawJob(i int) *batchv1.Job {
	name := fmt.Sprintf("raw-%d", i)
	labels := map[string]string{
		"app.kubernetes.io/name": "raw", "app.kubernetes.io/instance": name, "app.kubernetes.io/component": "run",
		"app.kubernetes.io/managed-by": "bench", "app.kubernetes.io/part-of": "bench",
	}
	spec := jobSpec()
	spec.BackoffLimit = ptr.To[int32](0)
	spec.Template.Labels, spec.Template.Annotations = labels, map[string]string{"example.com/raw": name}
	spec.Template.Spec.Containers[0].TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: labels,
			Annotations: map[string]string{
				"example.com/started-at": time.Now().UTC().Format(time.RFC3339Nano), "example.com/generation": "1",
			},
		},
		Spec: spec,
	}
}

// burst measures n Jobs that are created directly, and n Ats that are due at
// one instant, several times in turn: the machine may be slower for a while.
func (b *bench) burst(ctx context.Context, prefix string, n, times int) (raw, ats rounds, err error) {
	for round := range times {
		progress("round %d: %d Jobs created directly by 32 clients", round, n)
		one, err := b.rawBurst(ctx, fmt.Sprintf("%sraw-%d", prefix, round), n)
		if err != nil {
			return nil, nil, err
		}
		raw = append(raw, one)
		progress("round %d: p99 %s; %d Ats due at one instant", round, one.percentile(99), n)
		namespace := fmt.Sprintf("%sat-%d", prefix, round)
		if one, err = b.atBurst(ctx, namespace, n); err != nil {
			return nil, nil, err
		}
		ats = append(ats, one)
		progress("round %d: p99 %s", round, one.percentile(99))
		if err := b.released(ctx, namespace); err != nil {
			return nil, nil, err
		}
	}
	return raw, ats, nil
}

// released waits until the operator has recorded the runs of a namespace and
// released its Ats: what it has to do for a burst is over then.
func (b *bench) released(ctx context.Context, namespace string) error {
	for {
		ats := &metav1.PartialObjectMetadataList{}
		ats.SetGroupVersionKind(atKind.GroupVersion().WithKind("AtList"))
		if err := b.client.List(ctx, ats, client.InNamespace(namespace)); err != nil {
			return fmt.Errorf("listing Ats: %w", err)
		}
		if !slices.ContainsFunc(ats.Items, func(at metav1.PartialObjectMetadata) bool { return len(at.Finalizers) > 0 }) {
			return nil
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// rawBurst is the limit: Jobs created as fast as the API server takes them.
func (b *bench) rawBurst(ctx context.Context, namespace string, n int) (distribution, error) {
	seen, err := b.prepare(ctx, namespace)
	if err != nil {
		return nil, err
	}
	defer seen.stop()
	due := time.Now()
	err = controlplane.InParallel(n, func(i int) error {
		_, err := b.clientset.BatchV1().Jobs(namespace).Create(ctx, rawJob(i), metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("creating Jobs: %w", err)
	}
	if err := seen.await(ctx, n, 2*time.Minute); err != nil {
		return nil, err
	}
	return seen.lateness(due), nil
}

// atBurst makes Ats that are due at one instant.
func (b *bench) atBurst(ctx context.Context, namespace string, n int) (distribution, error) {
	seen, err := b.prepare(ctx, namespace)
	if err != nil {
		return nil, err
	}
	defer seen.stop()
	due := time.Now().Add(settle).Truncate(time.Second)
	if err := controlplane.InParallel(n, func(i int) error { return b.createAt(ctx, namespace, fmt.Sprintf("at-%d", i), due) }); err != nil {
		return nil, err
	}
	if left := time.Until(due); left < 5*time.Second {
		return nil, fmt.Errorf("creating the Ats took so long that only %s were left until they were due", left)
	}
	if err := seen.await(ctx, n, time.Until(due)+2*time.Minute); err != nil {
		return nil, err
	}
	return seen.lateness(due), nil
}

// settle is how long before they are due objects are made: enough for the work
// of their creation to be over.
const settle = 60 * time.Second

// createAt writes the schedule with fractions of a second, which metav1.Time would drop.
func (b *bench) createAt(ctx context.Context, namespace, name string, due time.Time) error {
	return b.create(ctx, namespace, name, due, "command", "true")
}

// create creates an At with one field that says what to run.
func (b *bench) create(ctx context.Context, namespace, name string, due time.Time, field string, value any) error {
	at := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "cnat.programming-kubernetes.info/v1",
		"kind":       "At",
		"metadata":   map[string]any{"namespace": namespace, "name": name},
		"spec":       map[string]any{"schedule": due.UTC().Format(time.RFC3339Nano), field: value},
	}}
	if err := b.client.Create(ctx, at); err != nil {
		return fmt.Errorf("creating At %s: %w", name, err)
	}
	return nil
}

// fatAts creates Ats of 1 MB each that are due in a year.
func (b *bench) fatAts(ctx context.Context, namespace string, n int) error {
	if err := b.newNamespace(ctx, namespace); err != nil {
		return fmt.Errorf("creating namespace %s: %w", namespace, err)
	}
	return controlplane.InParallel(n, func(i int) error {
		return b.create(ctx, namespace, fmt.Sprintf("fat-%d", i), time.Now().AddDate(1, 0, 0), "containers", []any{
			map[string]any{"name": "fat", "image": "busybox", "args": []any{strings.Repeat("x", 1_000_000)}},
		})
	})
}

// fatMemory measures by how much the operator grows when somebody creates n Ats of 1 MB: at rest after that, and at most.
func (b *bench) fatMemory(ctx context.Context, n int) error {
	before, _, err := b.operator.Memory()
	if err != nil {
		return err
	}
	if err := b.operator.ResetPeak(); err != nil {
		return err
	}
	if err := b.fatAts(ctx, "fat", n); err != nil {
		return err
	}
	if err := b.atRest(ctx, "fat_ats", n); err != nil {
		return err
	}
	after, peak, err := b.operator.Memory()
	if err != nil {
		return err
	}
	const mib = 1 << 20
	fmt.Printf("fat_ats_rss_growth_mib=%.0f\nfat_ats_rss_peak_growth_mib=%.0f\n", float64(after-before)/mib, float64(peak-before)/mib)
	return nil
}

// cronJobBurst makes CronJobs that are due at the next minute but one, and
// ends with the first Job of each.
func (b *bench) cronJobBurst(ctx context.Context, namespace string, n int) (distribution, error) {
	seen, err := b.prepare(ctx, namespace)
	if err != nil {
		return nil, err
	}
	defer seen.stop()
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
		_, err := b.clientset.BatchV1().CronJobs(namespace).Create(ctx, cronJob, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("creating CronJobs: %w", err)
	}
	if err := seen.await(ctx, n, time.Until(due)+5*time.Minute); err != nil {
		return nil, err
	}
	return seen.lateness(due), nil
}

// prepare creates a namespace and watches its Jobs, or their pods.
func (b *bench) prepare(ctx context.Context, namespace string) (*watcher, error) {
	if err := b.newNamespace(ctx, namespace); err != nil {
		return nil, fmt.Errorf("creating namespace %s: %w", namespace, err)
	}
	return b.watch(namespace, b.resource)
}
