package e2eolm

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// everyMinute is a CronTab whose runs write their scheduled time into the table runs. None is missed for good.
func everyMinute(db *databasev1.Database) *crontabv1.CronTab {
	insert := `until psql --quiet --command="INSERT INTO runs VALUES ('` + minuteRun("$SCHEDULED_TIME") + `')"; do sleep 0.5; done`
	return &crontabv1.CronTab{
		ObjectMeta: objectMeta(db.Namespace, "every-minute"),
		Spec: crontabv1.CronTabSpec{
			CronSpec: "* * * * *", CatchUp: crontabv1.CatchUpAll,
			RunSpec: crontabv1.RunSpec{Run: runv1.Run{Containers: []corev1.Container{psql(db, insert)}}},
		},
	}
}

func minuteRun(scheduled string) string { return "every-minute-" + scheduled }

// haveRunEveryMinute suspends the CronTab that was created in the middle of the upgrade, and counts what was lost or done
// twice of all the minutes since.
func haveRunEveryMinute(ctx SpecContext) {
	tab := everyMinute(awaitReady(ctx, workNamespace, "wordpress"))
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(tab), tab)).To(Succeed())
		g.Expect(tab.Status.LastScheduleTime).NotTo(BeNil())
		g.Expect(tab.Status.LastScheduleTime.Sub(tab.CreationTimestamp.Time)).To(BeNumerically(">", 2*time.Minute))
	}).Should(Succeed())
	suspend := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"suspend":true}}`))
	Expect(k8s.Patch(ctx, tab, suspend)).To(Succeed())
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(tab), tab)).To(Succeed())
		g.Expect(tab.Status.ObservedGeneration).To(Equal(tab.Generation))
		g.Expect(tab.Status.Next).To(BeNil())
		g.Expect(ptr.Deref(tab.Status.Replicas, 1)).To(BeZero())
	}).Should(Succeed())

	var all []string
	first := tab.CreationTimestamp.Truncate(time.Minute).Add(time.Minute)
	for minute := first; !minute.After(tab.Status.LastScheduleTime.Time); minute = minute.Add(time.Minute) {
		all = append(all, minuteRun(minute.UTC().Format(time.RFC3339)))
	}
	lost, twice := count(runsOf(ctx, workNamespace), all)
	report("crontab_runs=%d lost=%d twice=%d", len(all), lost, twice)
	Expect(len(all)).To(BeNumerically(">=", 2))
	Expect([]int{lost, twice}).To(Equal([]int{0, 0}))
}
