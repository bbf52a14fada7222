package at

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/internal/cli"
)

// over is an At that ended.
func over(t *testing.T, at *cnatv1.At, phase cnatv1.AtPhase) {
	t.Helper()
	at.Status = cnatv1.AtStatus{
		Phase: phase, ObservedGeneration: at.Generation, JobName: at.Name, JobUID: "job", Reason: "ContainerFailed", ExitCode: ptr.To[int32](3),
		Message: "container main failed: \x1b[31mred", StartTime: &metav1.Time{Time: present}, CompletionTime: &metav1.Time{Time: present},
	}
	storeStatus(t, at)
}

func TestList(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	kubectlAt(t, namespace, "", "list").expect(t, 0, "!No Ats are due.")
	later, sooner, failed := newAt(namespace, "later", time.Hour), newAt(namespace, "sooner", time.Minute), newAt(namespace, "failed", 0)
	store(t, later)
	store(t, sooner)
	store(t, failed)
	over(t, failed, cnatv1.AtFailed)
	listed := kubectlAt(t, namespace, "", "list")
	listed.expect(t, 0, "sooner   Sat 2027-03-27 12:35:56 CET   in 60s   Pending   <none>\nlater   Sat 2027-03-27 13:34:56 CET   in 60m")
	if strings.Contains(listed.out, "failed") {
		t.Error("what is over is listed")
	}
	kubectlAt(t, namespace, "", "ls", "--all", "-o", "wide").
		expect(t, 0, "failed   Sat 2027-03-27 12:34:56 CET   now", "ContainerFailed   failed   3   container main failed:  [31mred\n")
	kubectlAt(t, namespace, "", "q", "-o", "name").expect(t, 0,
		"at.cnat.programming-kubernetes.info/sooner\nat.cnat.programming-kubernetes.info/later\n")
	kubectlAt(t, "other", "", "list", "-A").expect(t, 0, "NAMESPACE", namespace+"   sooner")
	kubectlAt(t, namespace, "", "list", "-o", "xml").expect(t, 1, "!unable to match a printer")
	kubectlAt(t, namespace, "", "list", "--as=nobody").expect(t, 1, `!a right is missing: ats.cnat.programming-kubernetes.info is forbidden`)
}

func TestCancel(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	waits, runs, ended := newAt(namespace, "waits", time.Hour), newAt(namespace, "runs", 0), newAt(namespace, "ended", 0)
	store(t, waits)
	store(t, runs)
	store(t, ended)
	runs.Status = cnatv1.AtStatus{Phase: cnatv1.AtRunning, JobName: "runs", JobUID: "job", ObservedGeneration: 1}
	storeStatus(t, runs)
	over(t, ended, cnatv1.AtSucceeded)
	kubectlAt(t, namespace, "", "rm", "at/waits", "runs", "ended", "missing").expect(t, 1,
		"at/waits cancelled before it started\nat/runs cancelled while it runs\n", "!at/ended is over: Succeeded", `!"missing" not found`)
	for name, cancelled := range map[string]bool{"waits": true, "runs": true, "ended": false} {
		if ptr.Deref(storedAt(t, namespace, name).Spec.Cancel, false) != cancelled {
			t.Errorf("%s: spec.cancel is not %t", name, cancelled)
		}
	}
	kubectlAt(t, namespace, "", "cancel", "pod/waits").expect(t, 1, "!write NAME or at/NAME")
}

func TestShow(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	line := newAt(namespace, "line", time.Hour)
	line.Spec.Command = "echo one\necho two"
	store(t, line)
	kubectlAt(t, namespace, "", "show", "line").expect(t, 0,
		"# at/line in namespace "+namespace+"\n# runs at Sat 2027-03-27 13:34:56 CET (in 60m)\n# phase Pending\necho one\necho two\n")
	over(t, line, cnatv1.AtFailed)
	kubectlAt(t, namespace, "", "show", "line").expect(t, 0, "# phase Failed ContainerFailed\n", "# exit code 3\n# container main failed:  [31mred\n")
	kubectlAt(t, namespace, "", "show", "line", "-o", "jsonpath={.status.phase}").expect(t, 0, "Failed")
	kubectlAt(t, namespace, "", "16:00", "--name=containers", "--image=alpine", "--", "date").expect(t, 0)
	kubectlAt(t, namespace, "", "show", "containers").expect(t, 0, "containers:\n- command:\n  - date\n  image: alpine\n")
}

func TestMove(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	after := newAt(namespace, "after", 0)
	after.Spec.Schedule, after.Spec.After = nil, &metav1.Duration{Duration: time.Hour}
	started, ofCronTab := newAt(namespace, "started", 0), newAt(namespace, "run", time.Hour)
	ofCronTab.OwnerReferences = []metav1.OwnerReference{{
		APIVersion: "stable.example.com/v1", Kind: "CronTab", Name: "tab", UID: "tab", Controller: ptr.To(true),
	}}
	for _, at := range []*cnatv1.At{after, started, ofCronTab} {
		store(t, at)
	}
	started.Status = cnatv1.AtStatus{Phase: cnatv1.AtRunning, JobUID: "job", JobName: "started", ObservedGeneration: 1}
	storeStatus(t, started)
	kubectlAt(t, namespace, "", "move", "after", "noon", "tomorrow").
		expect(t, 0, "at/after moved: it runs at Sun 2027-03-28 12:00:00 CEST (in 22h)")
	if at := storedAt(t, namespace, "after"); at.Spec.After != nil || at.Spec.Schedule.UTC().Format(time.RFC3339) != "2027-03-28T10:00:00Z" {
		t.Errorf("%+v", at.Spec)
	}
	kubectlAt(t, namespace, "", "move", "after", "-t", "07030400").expect(t, 0, "Sat 2027-07-03 04:00:00 CEST")
	kubectlAt(t, namespace, "", "move", "after", "yesterday").expect(t, 1, `!"yesterday" is not a time or a date`)
	kubectlAt(t, namespace, "", "move", "started", "16:00").expect(t, 1, "!at/started has started")
	kubectlAt(t, namespace, "", "move", "run", "16:00").expect(t, 1, "!at/run is a run of crontab/tab: see kubectl at run, skip, pause and resume ct/tab")
	kubectlAt(t, namespace, "", "run", "at/after").expect(t, 0, "at/after is to run now: it runs at Sat 2027-03-27 12:34:56 CET (now)")
}

// newTab is a CronTab with a next run, as the operator would report it.
func newTab(t *testing.T, namespace, name string) (*crontabv1.CronTab, *cnatv1.At) {
	t.Helper()
	tab := &crontabv1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	tab.Spec.CronSpec, tab.Spec.TimeZone, tab.Spec.Image = "30 2 * * *", "America/New_York", "alpine"
	store(t, tab)
	at := newAt(namespace, name+"-next", 18*time.Hour)
	at.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(tab, crontabv1.GroupVersion.WithKind("CronTab"))}
	store(t, at)
	tab.Status = crontabv1.CronTabStatus{
		ObservedGeneration: 1,
		Next:               &crontabv1.ScheduledRun{Name: at.Name, UID: at.UID, ScheduledTime: at.Spec.Schedule},
	}
	storeStatus(t, tab)
	return tab, at
}

func TestSkip(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	tab, at := newTab(t, namespace, "tab")
	kubectlAt(t, namespace, "", "skip", "ct/tab").expect(t, 0, "crontab/tab skips its run of Sun 2027-03-28 07:34:56 CEST (in 18h) (at/tab-next)")
	if !ptr.Deref(storedAt(t, namespace, at.Name).Spec.Cancel, false) {
		t.Error("the next run is not cancelled")
	}
	tab.Status.Next.UID = types.UID("another")
	storeStatus(t, tab)
	kubectlAt(t, namespace, "", "skip", "tab").expect(t, 1, "!at/tab-next is not the next run of crontab/tab any more: try again")
	tab.Status.Next = nil
	storeStatus(t, tab)
	kubectlAt(t, namespace, "", "skip", "tab").expect(t, 1, "!crontab/tab has no next run")
}

func TestPauseAndResume(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	newTab(t, namespace, "tab")
	store(t, newAt(namespace, "at", time.Hour))
	store(t, newAt(namespace, "tab", time.Hour))
	kubectlAt(t, namespace, "", "pause", "tab").expect(t, 1, `!there is a CronTab and an At of the name "tab": write ct/tab or at/tab`)
	kubectlAt(t, namespace, "", "pause", "ct/tab").expect(t, 0, "crontab/tab paused\n")
	kubectlAt(t, namespace, "", "pause", "ct/tab").expect(t, 0, "crontab/tab was already paused\n")
	kubectlAt(t, namespace, "", "next", "tab").expect(t, 0, "!crontab/tab is suspended")
	kubectlAt(t, namespace, "", "resume", "crontab/tab").expect(t, 0, "crontab/tab resumed\n")
	kubectlAt(t, namespace, "", "pause", "at").expect(t, 0, "at/at paused\n")
	kubectlAt(t, namespace, "", "run", "at/at").expect(t, 1, "!at/at is suspended: kubectl at resume at/at first")
	kubectlAt(t, namespace, "", "pause", "at/tab-next").expect(t, 1, "!is a run of crontab/tab")
	kubectlAt(t, namespace, "", "pause", "none").expect(t, 1, `!there is neither a CronTab nor an At of the name "none" in namespace `+namespace)
}

func TestNext(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	newTab(t, namespace, "tab")
	listed := kubectlAt(t, namespace, "", "next", "tab", "-n", namespace)
	listed.expect(t, 0, "WHEN", "SCHEDULED (America/New_York)",
		"Sun 2027-03-28 08:30:00 CEST   in 18h   2027-03-28T02:30:00-04:00")
	if lines := strings.Count(listed.out, "\n"); lines != 11 {
		t.Errorf("%d lines", lines)
	}
	kubectlAt(t, namespace, "", "next", "tab", "--count=2").expect(t, 0, "Mon 2027-03-29 08:30:00 CEST")
	kubectlAt(t, namespace, "", "next", "tab", "--count=0").expect(t, 1, "!must be 1 to 10000")
	kubectlAt(t, namespace, "", "next", "none").expect(t, 1, `!crontabs.stable.example.com "none" not found`)
	ended := &crontabv1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ended"}}
	ended.Spec.CronSpec, ended.Spec.Image, ended.Spec.NotAfter = "* * * * *", "alpine", &metav1.Time{Time: present}
	store(t, ended)
	kubectlAt(t, namespace, "", "next", "ended").expect(t, 1, "!it never runs again")
	fall := &crontabv1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "fall"}}
	fall.Spec.CronSpec, fall.Spec.TimeZone, fall.Spec.Image = "30 2 * 3,10 sun", "Europe/Berlin", "alpine"
	store(t, fall)
	kubectlAt(t, namespace, "", "next", "fall", "--count=40").expect(t, 0,
		"Sun 2027-03-28 03:00:00 CEST   in 13h", "2027-03-28T03:00:00+02:00   02:30 does not exist on this day: it runs at 03:00",
		"02:30 occurs twice: it runs the first time")
}

func TestRunACronTab(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	newTab(t, namespace, "tab")
	kubectlAt(t, namespace, "", "run", "tab").expect(t, 0, "crontab/tab is to run now\n")
	tab := &crontabv1.CronTab{}
	if err := api.Get(t.Context(), clientKey(namespace, "tab"), tab); err != nil ||
		tab.Annotations[crontabv1.AnnotationRunRequest] != "2027-03-27T11:34:56Z" {
		t.Errorf("%v, %v", tab.Annotations, err)
	}
}

// However often the cluster was asked before, a wait that times out says so, and not that a client limits itself.
func TestWaitAfterManyRequests(t *testing.T) {
	t.Parallel()
	at := newAt(newNamespace(t), "waits", time.Hour)
	store(t, at)
	tool := cli.NewTool(genericiooptions.NewTestIOStreamsDiscard())
	config := kubeconfig
	tool.Flags.KubeConfig = &config
	cluster, err := tool.Connect()
	if err != nil {
		t.Fatal(err)
	}
	for range rest.DefaultBurst + 1 {
		if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(at), at); err != nil {
			t.Fatal(err)
		}
	}
	err = waitUntilOver(t.Context(), cluster, at, 50*time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "at/waits is not over after 50ms") {
		t.Error(err)
	}
}

func TestWaitAndLogs(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	waits, failed, succeeded := newAt(namespace, "waits", time.Hour), newAt(namespace, "failed", 0), newAt(namespace, "succeeded", 0)
	for _, at := range []*cnatv1.At{waits, failed, succeeded} {
		store(t, at)
	}
	over(t, failed, cnatv1.AtFailed)
	over(t, succeeded, cnatv1.AtSucceeded)
	kubectlAt(t, namespace, "", "wait", "succeeded").expect(t, 0, "at/succeeded Succeeded\n")
	kubectlAt(t, namespace, "", "wait", "failed").expect(t, 3, "!error: at/failed: Failed, ContainerFailed: container main failed:  [31mred")
	kubectlAt(t, namespace, "", "wait", "waits", "--timeout=1s").expect(t, 1, "!at/waits is not over after 1s: it is Pending")
	kubectlAt(t, namespace, "", "logs", "waits").expect(t, 1, "!at/waits has not started: it runs at Sat 2027-03-27 13:34:56 CET (in 60m); -f waits for it")
	kubectlAt(t, namespace, "", "logs", "failed").expect(t, 1, "!at/failed has no log: Failed ContainerFailed container main failed")
}
