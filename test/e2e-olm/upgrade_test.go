package e2eolm

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

// upgrade approves the upgrade while Ats wait, are suspended, run, have ended and are due, and while the Databases of
// reachStates are in every state, and counts what is lost or done twice.
func upgrade(ctx SpecContext) {
	db := awaitReady(ctx, workNamespace, "wordpress")
	startClient(ctx, db)
	query(ctx, workNamespace, "CREATE TABLE runs (at text, time timestamptz DEFAULT now())")
	query(ctx, workNamespace, fmt.Sprintf("CREATE TABLE kept AS SELECT generate_series(1, %d) AS n", rowsKept))
	plan := awaitPlan(ctx, operatorNamespace, now)

	Expect(k8s.Create(ctx, recordingAt(db, "finished", time.Now(), 0))).To(Succeed())
	finished := awaitPhase(ctx, workNamespace, "finished", cnatv1.AtSucceeded)
	failed := failingAt(ctx)
	suspended := recordingAt(db, "suspended", time.Now(), 0)
	suspended.Spec.Suspend = ptr.To(true)
	Expect(k8s.Create(ctx, suspended)).To(Succeed())
	Expect(k8s.Create(ctx, recordingAt(db, "running", time.Now(), 20*time.Second))).To(Succeed())
	running := awaitPhase(ctx, workNamespace, "running", cnatv1.AtRunning)

	due := bringUpgrade(ctx, db, plan)
	latest := time.Duration(0)
	for _, name := range append(due, "running") {
		at := awaitPhase(ctx, workNamespace, name, cnatv1.AtSucceeded)
		latest = max(latest, at.Status.StartLatency.Duration)
	}
	awaitReady(ctx, workNamespace, "wordpress")
	Expect(uidOfRun(ctx, "finished")).To(Equal(finished.Status.JobUID))
	Expect(uidOfRun(ctx, "running")).To(Equal(running.Status.JobUID))
	Expect(uidOfRun(ctx, "failed")).To(Equal(failed))
	Expect(runsOf(ctx, workNamespace)["suspended"]).To(BeZero(), "it is suspended")
	resume := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspend":false}}`))
	Expect(k8s.Patch(ctx, suspended, resume)).To(Succeed())
	awaitPhase(ctx, workNamespace, "suspended", cnatv1.AtSucceeded)

	kept, err := strconv.Atoi(query(ctx, workNamespace, "SELECT count(DISTINCT n) FROM kept"))
	Expect(err).NotTo(HaveOccurred())
	lost, twice := count(runsOf(ctx, workNamespace), append(due, "finished", "suspended", "running"))
	stateRowsLost, stateRuns := takeUpStates(ctx)
	stateLost, stateTwice := count(stateRuns, []string{"ended", "under-way", "not-started", "retrying"})
	lost, twice = lost+stateLost, twice+stateTwice
	rowsLost := rowsKept - kept + stateRowsLost
	report("ats=%d databases=%d latest_seconds=%.3f", len(due)+len(stateRuns)+len(endings)+6, len(filled)+2, latest.Seconds())
	report("lost=%d twice=%d rows_lost=%d", lost, twice, rowsLost)
	Expect([]int{lost, twice, rowsLost}).To(Equal([]int{0, 0, 0}))
	Expect(latest).To(BeNumerically("<", failoverLimit))
}

// bringUpgrade approves the plan, and creates Ats that are due in each of the seconds in which the leader changes,
// whenever that is, and a CronTab as soon as there is one. It returns the Ats' names.
func bringUpgrade(ctx SpecContext, db *databasev1.Database, plan *v1alpha1.InstallPlan) []string {
	GinkgoHelper()
	approve(ctx, plan)
	approved := time.Now()
	Expect(k8s.Create(ctx, recordingAt(db, "pending", approved.Add(90*time.Second), 0))).To(Succeed())
	names := []string{"pending"}
	Eventually(ctx, func(g Gomega) {
		name := fmt.Sprintf("due-%d", len(names))
		Expect(k8s.Create(ctx, recordingAt(db, name, time.Now().Add(3*time.Second), 0))).To(Succeed())
		names = append(names, name)
		g.Expect(k8s.Create(ctx, everyMinute(db))).To(Or(Succeed(), Satisfy(apierrors.IsAlreadyExists)), "its kind comes with "+version)
		g.Expect(phaseOf(ctx, operatorNamespace, now)).To(Equal(v1alpha1.CSVPhaseSucceeded))
		g.Expect(phaseOf(ctx, operatorNamespace, before)).To(BeEmpty(), "the version before, with its pods, is to be deleted")
	}).WithPolling(2 * time.Second).Should(Succeed())
	report("%s is installed %.1f s after the approval", version, time.Since(approved).Seconds())
	return names
}

// haveRewritten expects that all Ats are stored as v1, and that those of the version before are the same in both versions.
// Those of the frozen namespace could not be rewritten at first.
func haveRewritten(ctx SpecContext) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Name: "ats.cnat.programming-kubernetes.info"}, crd)).To(Succeed())
		g.Expect(crd.Status.StoredVersions).To(Equal([]string{"v1"}))
	}).WithTimeout(15 * time.Minute).Should(Succeed())
	for _, name := range []string{"cnrex", "yay", "finished", "failed", "suspended", "running"} {
		old, at := &cnatv1alpha1.At{}, &cnatv1.At{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: workNamespace, Name: name}, old)).To(Succeed())
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: workNamespace, Name: name}, at)).To(Succeed())
		Expect(at.Status.Finished()).To(BeTrue(), name)
		Expect(*at).To(Equal(cnatv1.At{TypeMeta: at.TypeMeta, ObjectMeta: old.ObjectMeta, Spec: old.Spec, Status: old.Status}))
	}
}

// failingAt is the UID of the Job of an At that has failed.
func failingAt(ctx SpecContext) types.UID {
	GinkgoHelper()
	at := dueNow(workNamespace)
	at.Name, at.Spec.Command = "failed", "false"
	Expect(k8s.Create(ctx, at)).To(Succeed())
	return awaitPhase(ctx, workNamespace, at.Name, cnatv1.AtFailed).Status.JobUID
}

func uidOfRun(ctx SpecContext, name string) types.UID {
	GinkgoHelper()
	at := &cnatv1alpha1.At{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: workNamespace, Name: name}, at)).To(Succeed())
	return at.Status.JobUID
}

// runsOf is how often each At has run.
func runsOf(ctx SpecContext, namespace string) map[string]int {
	GinkgoHelper()
	runs := map[string]int{}
	for at := range strings.FieldsSeq(query(ctx, namespace, "SELECT at FROM runs")) {
		runs[at]++
	}
	return runs
}

// count is how many of the Ats have not run, and how many more than once.
func count(runs map[string]int, names []string) (lost, twice int) {
	for _, name := range names {
		switch {
		case runs[name] == 0:
			lost++
		case runs[name] > 1:
			twice++
		}
	}
	return lost, twice
}
