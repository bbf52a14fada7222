package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
)

// manifests are CronTabs as users wrote them, and at which minutes each is due.
var manifests = []struct {
	file, name string
	due        func(time.Time) bool
}{
	{"crontab-finalizer.yaml", "my-finalized-cron-object", func(minute time.Time) bool { return minute.Minute()%5 == 0 }},
	{
		"crontab-my-new-cron-object.yaml", "my-new-cron-object",
		func(minute time.Time) bool { return minute.Weekday()%5 == 0 },
	}, // Sunday and Friday
}

// manifestsNamespace is where they run, beside all other specs, so that watching them takes no time of its own.
var manifestsNamespace string

func applyManifests(ctx SpecContext) {
	manifestsNamespace = newNamespace(ctx)
	for _, user := range manifests {
		manifest, err := os.ReadFile(filepath.Join("..", "inputs", user.file))
		Expect(err).NotTo(HaveOccurred())
		runnable := strings.ReplaceAll(string(manifest), "my-awesome-cron-image", shellImage)
		Expect(runnable).NotTo(Equal(string(manifest)))
		Expect(create(ctx, manifestsNamespace, runnable)).To(Succeed())
		DeferCleanup(func(ctx SpecContext) { // the finalizer is its author's
			tab := &crontabv1.CronTab{}
			Expect(k8s.Get(ctx, client.ObjectKey{Namespace: manifestsNamespace, Name: user.name}, tab)).To(Succeed())
			Expect(k8s.Patch(ctx, tab, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))).
				To(Succeed())
		})
	}
}

// dueBetween are the minutes after an instant, and before another, at which a CronTab is due.
func dueBetween(after, before time.Time, due func(time.Time) bool) []time.Time {
	var minutes []time.Time
	for minute := after.Truncate(time.Minute).Add(time.Minute); minute.Before(before); minute = minute.Add(time.Minute) {
		if due(minute.UTC()) {
			minutes = append(minutes, minute.UTC())
		}
	}
	return minutes
}

// succeededRuns are the scheduled times of a CronTab's runs that succeeded, in order.
func succeededRuns(ctx SpecContext, tab *crontabv1.CronTab) []time.Time {
	ats := &cnatv1.AtList{}
	Expect(k8s.List(ctx, ats, client.InNamespace(tab.Namespace))).To(Succeed())
	var runs []time.Time
	for _, at := range ats.Items {
		if at.OwnerReferences[0].UID == tab.UID && at.Status.Phase == cnatv1.AtSucceeded {
			runs = append(runs, at.Spec.Schedule.UTC())
		}
	}
	slices.SortFunc(runs, time.Time.Compare)
	return runs
}

var _ = Describe("CronTabs as users wrote them", func() {
	const kept = 3 // successful runs, by default
	It("run at every minute that they should, for two minutes and more, and at no other", func(ctx SpecContext) {
		for _, user := range manifests {
			Eventually(ctx, func(g Gomega) {
				tab := &crontabv1.CronTab{}
				g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: manifestsNamespace, Name: user.name}, tab)).To(Succeed())
				created, ended := tab.CreationTimestamp.Time, time.Now().Add(-20*time.Second)
				g.Expect(ended).To(BeTemporally(">", created.Add(2*time.Minute)))
				expected := dueBetween(created, ended, user.due)
				if user.file == "crontab-finalizer.yaml" {
					g.Expect(expected).NotTo(BeEmpty())
				}
				runs := succeededRuns(ctx, tab)
				g.Expect(runs).To(HaveExactElements(expected[max(0, len(expected)-kept):]))
				g.Expect(tab.Status.NextScheduleTime).NotTo(BeNil())
				g.Expect(tab.Status.NextScheduleTime.UTC()).To(Equal(dueBetween(ended, ended.AddDate(0, 0, 8), user.due)[0]))
				g.Expect(ptr.Deref(tab.Status.MissedRuns, 0)).To(BeZero())
			}).WithTimeout(6*time.Minute).Should(Succeed(), user.name)
		}
	}, SpecTimeout(13*time.Minute))
})
