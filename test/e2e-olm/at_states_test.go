package e2eolm

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	databasev1 "example.com/cnat-operator/api/database/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// ending is what is final of an At that has ended: it stays as the version before has written it.
type ending struct {
	phase     cnatv1.AtPhase
	jobUID    types.UID
	exitCode  *int32
	completed metav1.Time
	reason    string
	message   string
}

// ends are the ways in which an At of the version before ends: what is made, what is done to it once it runs, and how
// it ends.
var ends = map[string]struct {
	spec   cnatv1.AtSpec
	cancel bool
	phase  cnatv1.AtPhase
}{
	"cancelled-waiting": {spec: cnatv1.AtSpec{
		Schedule: ptr.To(metav1.NewTime(time.Now().Add(time.Hour))), Run: runv1.Run{Command: "true"},
	}, cancel: true, phase: cnatv1.AtCancelled},
	"missed": {spec: cnatv1.AtSpec{
		Schedule: ptr.To(metav1.NewTime(time.Now().Add(-time.Hour))), Run: runv1.Run{Command: "true"}, StartingDeadlineSeconds: 1,
	}, phase: cnatv1.AtMissed},
	"exit-3": {spec: cnatv1.AtSpec{
		Schedule: ptr.To(metav1.Now()), Run: runv1.Run{Command: "exit 3", BackoffLimit: ptr.To[int32](1)},
	}, phase: cnatv1.AtFailed},
	"too-long": {spec: cnatv1.AtSpec{
		Schedule: ptr.To(metav1.Now()), Run: runv1.Run{Command: "sleep 60", ActiveDeadlineSeconds: 2},
	}, phase: cnatv1.AtFailed},
}

// endings are how they ended, under the version before.
var endings = map[string]ending{}

// endAts creates the Ats of ends, and cancels one that runs.
func endAts(ctx SpecContext) {
	GinkgoHelper()
	for name, end := range ends {
		at := &cnatv1alpha1.At{ObjectMeta: objectMeta(statesNamespace, name), Spec: end.spec}
		Expect(k8s.Create(ctx, at)).To(Succeed())
		if end.cancel {
			cancelAt(ctx, name)
		}
	}
	running := dueNow(statesNamespace)
	running.Name, running.Spec.Command = "cancelled-running", "sleep 60"
	Expect(k8s.Create(ctx, running)).To(Succeed())
	awaitPhase(ctx, statesNamespace, running.Name, cnatv1.AtRunning)
	cancelAt(ctx, running.Name)

	for name, end := range ends {
		endings[name] = endingOf(awaitPhase(ctx, statesNamespace, name, end.phase))
	}
	endings[running.Name] = endingOf(awaitPhase(ctx, statesNamespace, running.Name, cnatv1.AtCancelled))
}

func endingOf(at *cnatv1alpha1.At) ending {
	GinkgoHelper()
	Expect(at.Status.CompletionTime).NotTo(BeNil(), "%+v", at.Status)
	status := at.Status
	return ending{status.Phase, status.JobUID, status.ExitCode, *status.CompletionTime, status.Reason, status.Message}
}

func cancelAt(ctx SpecContext, name string) {
	GinkgoHelper()
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"cancel":true}}`))
	Expect(k8s.Patch(ctx, &cnatv1alpha1.At{ObjectMeta: objectMeta(statesNamespace, name)}, patch)).To(Succeed())
}

// holdUpAts creates an At that is being retried, one whose image can't be pulled, and one whose Job is refused.
func holdUpAts(ctx SpecContext, recorder *databasev1.Database) {
	GinkgoHelper()
	retrying := recordingAt(recorder, "retrying", time.Now(), 0)
	retrying.Spec.BackoffLimit = ptr.To[int32](3)
	// Two attempts fail. The third waits for the new version, which creates the table.
	retrying.Spec.Containers[0].Command[2] = `tried=$(psql -Atqc "INSERT INTO tries VALUES (1); SELECT count(*) FROM tries")
		[ "$tried" = 3 ] || exit 1
		until psql -qc "SELECT FROM upgraded"; do sleep 0.5; done; ` + retrying.Spec.Containers[0].Command[2]
	Expect(k8s.Create(ctx, retrying)).To(Succeed())

	notPulled := dueNow(statesNamespace)
	notPulled.Name, notPulled.Spec.Command = "not-pulled", ""
	notPulled.Spec.Containers = []corev1.Container{{Name: "none", Image: registry + "/there-is-none:1"}}
	Expect(k8s.Create(ctx, notPulled)).To(Succeed())

	refused := dueNow(failedNamespace)
	refused.Name = "refused"
	Expect(k8s.Create(ctx, refused)).To(Succeed())

	Eventually(ctx, func(g Gomega) {
		job := &batchv1.Job{}
		key := client.ObjectKey{Namespace: statesNamespace, Name: awaitPhase(ctx, statesNamespace, "retrying", cnatv1.AtRunning).Status.JobName}
		g.Expect(k8s.Get(ctx, key, job)).To(Succeed())
		g.Expect(job.Status.Failed).To(BeEquivalentTo(2), "%+v", job.Status)
	}).Should(Succeed())
	awaitStalled(ctx, statesNamespace, "not-pulled", cnatv1.ReasonPodNotStarting)
	Expect(awaitStalled(ctx, failedNamespace, "refused", cnatv1.ReasonJobRefused).Status.JobUID).To(BeEmpty())
}

// awaitStalled waits until an At says that it does not go on, and why.
func awaitStalled(ctx SpecContext, namespace, name, reason string) *cnatv1alpha1.At {
	GinkgoHelper()
	at := &cnatv1alpha1.At{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, at)).To(Succeed())
		stalled := meta.FindStatusCondition(at.Status.Conditions, cnatv1.ConditionStalled)
		g.Expect(stalled).NotTo(BeNil(), "%+v", at.Status)
		g.Expect(stalled.Status).To(Equal(metav1.ConditionTrue), "%+v", at.Status)
		g.Expect(stalled.Reason).To(Equal(reason))
	}).Should(Succeed())
	return at
}

// takeUpAts expects that the new version goes on with each At from where it was, and changes no end.
func takeUpAts(ctx SpecContext, recorder *databasev1.Database) {
	GinkgoHelper()
	inServer(ctx, recorder, `CREATE TABLE upgraded (); GRANT SELECT ON upgraded TO PUBLIC`)
	retried := awaitPhase(ctx, statesNamespace, "retrying", cnatv1.AtSucceeded)
	Expect(retried.Status.Retries).To(HaveValue(BeEquivalentTo(2)))
	Expect(retried.Status.ExitCode).To(HaveValue(BeZero()))
	Expect(jobOf(ctx, "retrying").UID).To(Equal(retried.Status.JobUID))

	Expect(awaitStalled(ctx, statesNamespace, "not-pulled", cnatv1.ReasonPodNotStarting).Status.JobUID).
		To(Equal(jobOf(ctx, "not-pulled").UID))
	cancelAt(ctx, "not-pulled")
	awaitPhase(ctx, statesNamespace, "not-pulled", cnatv1.AtCancelled)

	refused := awaitPhase(ctx, failedNamespace, "refused", cnatv1.AtSucceeded)
	jobs := &batchv1.JobList{}
	Expect(k8s.List(ctx, jobs, client.InNamespace(failedNamespace))).To(Succeed())
	Expect(jobs.Items).To(HaveLen(1))
	Expect(jobs.Items[0].UID).To(Equal(refused.Status.JobUID))

	for name, before := range endings {
		at := &cnatv1alpha1.At{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: statesNamespace, Name: name}, at)).To(Succeed())
		Expect(endingOf(at)).To(Equal(before), name)
		report("%s: %s (%s), as before", name, at.Status.Phase, at.Status.Reason)
	}
}
