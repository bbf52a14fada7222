package e2eolm

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	// statesNamespace has an At and a Database in each state that an upgrade may meet. From when they are in it until the
	// new version is installed, a policy refuses the operator's writes there: the old version changes nothing of it.
	statesNamespace = "e2e-olm-states"
	// failedNamespace has a quota that Helm fails by, and that refuses the Jobs of Ats.
	failedNamespace = "e2e-olm-failed"

	// oldFinalizer is what versions up to 0.2.0 put on Jobs.
	oldFinalizer = "cnat.programming-kubernetes.info/run"

	stateRows = 1000
)

// filled are the Databases with rows, one for each state that a release may be in.
var filled = []string{"deployed", "drifted", "pending", "by-hand"}

// reachStates brings Ats and Databases into every state, under the version before.
func reachStates(ctx SpecContext) {
	makeNamespace(ctx, statesNamespace)
	makeNamespace(ctx, failedNamespace)
	quota := &corev1.ResourceQuota{ObjectMeta: objectMeta(failedNamespace, "quota")}
	quota.Spec.Hard = corev1.ResourceList{
		"count/statefulsets.apps": resource.MustParse("0"), "count/jobs.batch": resource.MustParse("0"),
	}
	Expect(k8s.Create(ctx, quota)).To(Succeed())
	for _, name := range filled {
		createDatabase(ctx, statesNamespace, name)
	}
	createDatabase(ctx, failedNamespace, "failed")
	for _, name := range filled {
		db := awaitReady(ctx, statesNamespace, name)
		inServer(ctx, db, fmt.Sprintf("CREATE TABLE kept AS SELECT generate_series(1, %d) AS n", stateRows))
	}
	db := &databasev1.Database{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: failedNamespace, Name: "failed"}, db)).To(Succeed())
		g.Expect(db.Status.Release.Status).To(Equal("failed"))
	}).Should(Succeed())

	recorder := awaitReady(ctx, statesNamespace, "deployed")
	inServer(ctx, recorder, `CREATE TABLE runs (at text); CREATE TABLE tries (n int)`)
	inServer(ctx, recorder, `GRANT SELECT, INSERT ON runs, tries TO "`+recorder.Spec.User+`"`)
	endAts(ctx)
	holdUpAts(ctx, recorder)
	Expect(k8s.Create(ctx, recordingAt(recorder, "ended", time.Now(), 0))).To(Succeed())
	Expect(k8s.Create(ctx, recordingAt(recorder, "under-way", time.Now(), time.Minute))).To(Succeed())
	awaitPhase(ctx, statesNamespace, "ended", cnatv1.AtSucceeded)
	awaitPhase(ctx, statesNamespace, "under-way", cnatv1.AtRunning)

	freeze(ctx)
	Expect(k8s.Create(ctx, recordingAt(recorder, "not-started", time.Now(), 0))).To(Succeed())
	for _, name := range []string{"ended", "under-way"} {
		job := jobOf(ctx, name)
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":["`+oldFinalizer+`"]}}`))
		Expect(k8s.Patch(ctx, job, patch)).To(Succeed())
	}
	drift := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"selector":{"app.kubernetes.io/name":"nobody"}}}`))
	Expect(k8s.Patch(ctx, &corev1.Service{ObjectMeta: objectMeta(statesNamespace, "drifted-database")}, drift)).To(Succeed())
	breakOffUpgrade(ctx, "pending-database")
	chart := typeIn(ctx, "rm -rf dist/chart-before && mkdir -p dist/chart-before && git archive $(cat released/"+beforeVersion+
		"/commit) helm-charts | tar -x -C dist/chart-before && echo dist/chart-before/helm-charts/database")
	report("%s", typeIn(ctx, "helm upgrade by-hand-database "+chart+" --namespace "+statesNamespace+
		" --reuse-values --set-string parameters.work_mem=5MB --description 'by hand' | grep ^REVISION"))
}

func createDatabase(ctx SpecContext, namespace, name string) {
	GinkgoHelper()
	db := &databasev1.Database{ObjectMeta: objectMeta(namespace, name)}
	db.Spec.User = "app"
	Expect(k8s.Create(ctx, db)).To(Succeed())
}

// inServer runs SQL as the superuser in the server's pod, which needs neither the Service nor the operator.
func inServer(ctx SpecContext, db *databasev1.Database, sql string) string {
	GinkgoHelper()
	var answer string
	Eventually(ctx, func(g Gomega) {
		output, err := run(ctx, "kubectl", "--namespace="+db.Namespace, "exec", db.Name+"-database-0", "--container=postgres", "--",
			"psql", "-XAtqU", "postgres", "-d", db.Status.DatabaseName, "-v", "ON_ERROR_STOP=1", "-c", sql)
		g.Expect(err).NotTo(HaveOccurred(), output)
		answer = lastLine(output)
	}).Should(Succeed())
	return answer
}

// jobOf is the Job of an At in the frozen namespace.
func jobOf(ctx SpecContext, name string) *batchv1.Job {
	GinkgoHelper()
	at := &cnatv1alpha1.At{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: statesNamespace, Name: name}, at)).To(Succeed())
	job := &batchv1.Job{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: statesNamespace, Name: at.Status.JobName}, job)).To(Succeed())
	Expect(job.UID).To(Equal(at.Status.JobUID))
	return job
}

// takeUpStates lets the new version write, and expects that it takes all of it up. It returns what is lost of the rows,
// and the runs of each At.
func takeUpStates(ctx SpecContext) (rowsLost int, runs map[string]int) {
	thaw(ctx)
	Expect(k8s.Delete(ctx, &corev1.ResourceQuota{ObjectMeta: objectMeta(failedNamespace, "quota")})).To(Succeed())
	for _, name := range filled {
		db := awaitUpgraded(ctx, statesNamespace, name)
		kept, err := strconv.Atoi(inServer(ctx, db, "SELECT count(DISTINCT n) FROM kept"))
		Expect(err).NotTo(HaveOccurred())
		rowsLost += stateRows - kept
		report("%s: revision %d of chart %s", name, db.Status.Release.Revision, db.Status.Release.ChartVersion)
	}
	awaitUpgraded(ctx, failedNamespace, "failed")
	service := &corev1.Service{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: statesNamespace, Name: "drifted-database"}, service)).To(Succeed())
	Expect(service.Spec.Selector).NotTo(HaveKeyWithValue("app.kubernetes.io/name", "nobody"))

	recorder := awaitReady(ctx, statesNamespace, "deployed")
	takeUpAts(ctx, recorder)
	names := []string{"ended", "under-way", "not-started", "retrying"}
	for _, name := range names {
		awaitPhase(ctx, statesNamespace, name, cnatv1.AtSucceeded)
		Eventually(ctx, func() []string { return jobOf(ctx, name).Finalizers }).
			ShouldNot(ContainElement(oldFinalizer), "nobody else takes it from the Job, which could not be deleted")
	}
	runs = map[string]int{}
	for _, name := range names {
		count, err := strconv.Atoi(inServer(ctx, recorder, "SELECT count(*) FROM runs WHERE at = '"+name+"'"))
		Expect(err).NotTo(HaveOccurred())
		runs[name] = count
	}

	By("deleting all of it, which nothing blocks")
	for _, namespace := range []string{statesNamespace, failedNamespace} {
		removeWorkIn(ctx, namespace)
		Eventually(ctx, func(g Gomega) {
			jobs := &batchv1.JobList{}
			g.Expect(k8s.List(ctx, jobs, client.InNamespace(namespace))).To(Succeed())
			g.Expect(jobs.Items).To(BeEmpty())
		}).Should(Succeed())
	}
	return rowsLost, runs
}

// awaitUpgraded waits until a Database is ready, of the chart of this version.
func awaitUpgraded(ctx SpecContext, namespace, name string) *databasev1.Database {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(root, "helm-charts", "database", "Chart.yaml"))
	Expect(err).NotTo(HaveOccurred())
	chart := regexp.MustCompile(`(?m)^version: (.*)$`).FindStringSubmatch(string(text))
	Expect(chart).To(HaveLen(2))
	db := &databasev1.Database{}
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, db)).To(Succeed())
		g.Expect(db.Status.Release.ChartVersion).To(Equal(chart[1]), "%s: %+v", name, db.Status.Conditions)
		g.Expect(db.Status.Release.Status).To(Equal("deployed"))
	}).Should(Succeed())
	return awaitReady(ctx, namespace, name)
}

// removeWorkIn deletes the custom resources of a namespace while the operator is there to take them down.
func removeWorkIn(ctx SpecContext, namespace string) {
	GinkgoHelper()
	for _, kind := range kinds {
		Expect(client.IgnoreNotFound(k8s.DeleteAllOf(ctx, kind, client.InNamespace(namespace)))).To(Succeed())
	}
	Eventually(ctx, func(g Gomega) {
		for _, list := range []client.ObjectList{&crontabv1.CronTabList{}, &cnatv1alpha1.AtList{}, &databasev1.DatabaseList{}} {
			g.Expect(k8s.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
			g.Expect(list).To(HaveField("Items", BeEmpty()))
		}
	}).Should(Succeed())
}
