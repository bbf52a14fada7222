package at

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	crontabv1 "example.com/cnat-operator/api/crontab/v1"
)

// newCronJob is one that a CronTab can be like in all.
func newCronJob(namespace string) *batchv1.CronJob {
	job := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "nightly", Labels: map[string]string{"app": "shop"}}}
	job.Spec = batchv1.CronJobSpec{
		Schedule: "30 2 * * *", TimeZone: ptr.To("Etc/UTC"), ConcurrencyPolicy: batchv1.ForbidConcurrent,
		StartingDeadlineSeconds: ptr.To[int64](600), SuccessfulJobsHistoryLimit: ptr.To[int32](5),
	}
	run := &job.Spec.JobTemplate.Spec
	run.BackoffLimit, run.ActiveDeadlineSeconds = ptr.To[int32](0), ptr.To[int64](3600)
	run.Template.Spec = corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "main", Image: "alpine"}}}
	return job
}

func TestImport(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	store(t, newCronJob(namespace))
	imported := kubectlAt(t, namespace, "", "import", "cronjob/nightly")
	imported.expect(t, 0, "crontab.stable.example.com/nightly created\n", "!kubectl at resume ct/nightly --namespace="+namespace)
	if strings.Contains(imported.err, "differs:") {
		t.Errorf("it differs: %s", imported.err)
	}
	tab := &crontabv1.CronTab{}
	if err := api.Get(t.Context(), clientKey(namespace, "nightly"), tab); err != nil {
		t.Fatal(err)
	}
	spec := &tab.Spec
	if spec.CronSpec != "30 2 * * *" || spec.TimeZone != "Etc/UTC" || !*spec.Suspend || spec.ConcurrencyPolicy != crontabv1.ForbidConcurrent ||
		spec.StartingDeadlineSeconds != 600 || spec.CatchUp != crontabv1.CatchUpLatest || *spec.SuccessfulRunsHistoryLimit != 5 ||
		*spec.FailedRunsHistoryLimit != 1 || *spec.BackoffLimit != 0 || spec.ActiveDeadlineSeconds != 3600 ||
		spec.Template.Spec.Containers[0].Image != "alpine" || tab.Labels["app"] != "shop" {
		t.Errorf("%+v", tab)
	}
	kubectlAt(t, namespace, "", "import", "cj/nightly", "--name=other", "--dry-run=client").
		expect(t, 0, "crontab.stable.example.com/other created (client dry run)")
	kubectlAt(t, namespace, "", "import", "cronjob/none").expect(t, 1, `!cronjobs.batch "none" not found`)
}

func TestImportReportsWhatDiffers(t *testing.T) {
	t.Parallel()
	for expected, change := range map[string]func(*batchv1.CronJob){
		"the zone of the cluster's control plane": func(j *batchv1.CronJob) { j.Spec.TimeZone = nil },
		"where clocks change":                     func(j *batchv1.CronJob) { j.Spec.TimeZone = ptr.To("Europe/Berlin") },
		"does not take this schedule":             func(j *batchv1.CronJob) { j.Spec.Schedule = "@every 1h" },
		"a step in one day field":                 func(j *batchv1.CronJob) { j.Spec.Schedule = "0 0 */2 * mon" },
		"completions and parallelism":             func(j *batchv1.CronJob) { j.Spec.JobTemplate.Spec.Completions = ptr.To[int32](3) },
		"restartPolicy OnFailure": func(j *batchv1.CronJob) {
			j.Spec.JobTemplate.Spec.Template.Spec.RestartPolicy = corev1.RestartPolicyOnFailure
		},
		"backoffLimit is at most 100":  func(j *batchv1.CronJob) { j.Spec.JobTemplate.Spec.BackoffLimit = ptr.To[int32](1000) },
		"podFailurePolicy is left out": func(j *batchv1.CronJob) { j.Spec.JobTemplate.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{} },
		"successPolicy is left out":    func(j *batchv1.CronJob) { j.Spec.JobTemplate.Spec.SuccessPolicy = &batchv1.SuccessPolicy{} },
		"backoffLimitPerIndex":         func(j *batchv1.CronJob) { j.Spec.JobTemplate.Spec.BackoffLimitPerIndex = ptr.To[int32](1) },
		"managedBy":                    func(j *batchv1.CronJob) { j.Spec.JobTemplate.Spec.ManagedBy = ptr.To("somebody") },
	} {
		job := newCronJob("ns")
		change(job)
		tab, differences := fromCronJob(job)
		if len(differences) != 1 || !strings.Contains(differences[0], expected) {
			t.Errorf("%q: %q", expected, differences)
		}
		if !*tab.Spec.Suspend || tab.Spec.Template.Spec.RestartPolicy != corev1.RestartPolicyNever {
			t.Errorf("%q: %+v", expected, tab.Spec)
		}
	}
	indexed := newCronJob("ns")
	run := &indexed.Spec.JobTemplate.Spec
	run.CompletionMode, run.Completions, run.Parallelism, run.BackoffLimit = ptr.To(batchv1.IndexedCompletion), ptr.To[int32](3), ptr.To[int32](3), nil
	if tab, differences := fromCronJob(indexed); tab.Spec.Replicas != 3 || len(differences) > 0 || *tab.Spec.BackoffLimit != 6 {
		t.Errorf("%q, %+v", differences, tab.Spec)
	}
}
