package crontab

import (
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/crontab/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
	"example.com/cnat-operator/internal/schedule"
)

// Each form becomes the At's template, and each of its containers knows the scheduled time.
func TestRender(t *testing.T) {
	run := schedule.Run{Scheduled: day("13:00:00"), At: day("13:00:07")}
	for name, spec := range map[string]v1.RunSpec{
		"image":      {Image: "i"},
		"command":    {Run: runv1.Run{Command: "echo $HOME"}},
		"containers": {Run: runv1.Run{Containers: []corev1.Container{{Name: "a", Image: "i"}, {Name: "b", Image: "i"}}}},
		"template": {Run: runv1.Run{Template: &corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"theirs": "x"}, Annotations: map[string]string{"their": "s"}},
			Spec: corev1.PodSpec{
				InitContainers: []corev1.Container{{Name: "i", Image: "i"}}, Containers: []corev1.Container{{Name: "a", Image: "i"}},
			},
		}}},
	} {
		t.Run(name, func(t *testing.T) {
			tab := &v1.CronTab{
				ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "nightly", UID: "uid", Generation: 4, Labels: map[string]string{queueLabel: "q", "l": "x"}},
				Spec:       v1.CronTabSpec{CronSpec: "0 * * * *", RunSpec: spec},
			}
			tab.Spec.ActiveDeadlineSeconds, tab.Spec.PendingDeadlineSeconds = 5, 6
			tab.Spec.BackoffLimit, tab.Spec.Replicas, tab.Spec.TTLSecondsAfterFinished = ptr.To[int32](2), 3, ptr.To[int32](9)
			before := tab.DeepCopy()
			at := renderScheduled(tab, run, "sh-image")
			if at.Name != "nightly-1803906000" || at.Namespace != "ns" || !owns(tab, at) || !*at.Spec.Suspend || !at.Spec.Schedule.Time.Equal(run.At) {
				t.Errorf("At %+v", at)
			}
			if at.Labels[queueLabel] != "q" || at.Labels["l"] != "" || at.Labels[labelGeneration] != "4" || at.Labels[labelRevision] != revisionOf(tab) {
				t.Errorf("labels %v", at.Labels)
			}
			got := at.Spec
			if got.ActiveDeadlineSeconds != 5 || got.PendingDeadlineSeconds != 6 || *got.BackoffLimit != 2 || got.Replicas != 3 || *got.TTLSecondsAfterFinished != 9 {
				t.Errorf("spec %+v", got)
			}
			pod := got.Template
			if pod.Labels[labelCronTab] != "nightly" || pod.Annotations[annotationScheduled] != "2027-03-01T13:00:00Z" {
				t.Errorf("pod %+v", pod.ObjectMeta)
			}
			for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
				if len(container.Env) != 1 || container.Env[0] != (corev1.EnvVar{Name: "SCHEDULED_TIME", Value: "2027-03-01T13:00:00Z"}) {
					t.Errorf("container %s: %v", container.Name, container.Env)
				}
			}
			if !reflect.DeepEqual(tab, before) {
				t.Error("rendering has changed the CronTab")
			}
		})
	}
}

// A variable that the user set holds.
func TestUsersVariable(t *testing.T) {
	own := []corev1.EnvVar{{Name: "SCHEDULED_TIME", Value: "mine"}}
	if got := withVariable(own, corev1.EnvVar{Name: "SCHEDULED_TIME", Value: "x"}); len(got) != 1 || got[0].Value != "mine" {
		t.Errorf("%v", got)
	}
}

// One request has one name, another has another; the run is due at once.
func TestRenderRequested(t *testing.T) {
	tab := &v1.CronTab{ObjectMeta: metav1.ObjectMeta{Name: "nightly", UID: "uid"}, Spec: v1.CronTabSpec{RunSpec: v1.RunSpec{Image: "i"}}}
	first := renderRequested(tab, "a", day("13:00:00").Add(time.Millisecond), "")
	if first.Name == renderRequested(tab, "b", day("13:00:00"), "").Name || first.Name != requestedAtName(tab, "a") || len(first.Name) != len("nightly")+11 {
		t.Errorf("names %s", first.Name)
	}
	if first.Labels[labelScheduled] != "" || first.Annotations[annotationRequest] != "a" || first.Spec.Template.Annotations[annotationRequest] != "a" {
		t.Errorf("At %+v", first.ObjectMeta)
	}
}

// The cache holds nothing of a CronTab that its user may make large, and knows its revision all the same.
func TestSlim(t *testing.T) {
	tab := &v1.CronTab{
		ObjectMeta: metav1.ObjectMeta{
			UID: "uid", Labels: map[string]string{"l": "x", queueLabel: "q"},
			Annotations: map[string]string{"a": "x", annotationRevision: "forged", v1.AnnotationRunRequest: "now"},
		},
		Spec: v1.CronTabSpec{CronSpec: "@daily", RunSpec: v1.RunSpec{Run: runv1.Run{Command: "c", Containers: []corev1.Container{{}}, Template: &corev1.PodTemplateSpec{}}}},
	}
	revision := revisionOf(tab)
	if _, err := slim(tab); err != nil {
		t.Fatal(err)
	}
	if tab.Spec.Command != "" || tab.Spec.Containers != nil || tab.Spec.Template != nil || tab.Spec.CronSpec != "@daily" {
		t.Errorf("spec %+v", tab.Spec)
	}
	if len(tab.Annotations) != 2 || tab.Annotations[annotationRevision] != revision || requestOf(tab) != "now" || len(tab.Labels) != 1 {
		t.Errorf("metadata %+v", tab.ObjectMeta)
	}
}

// What a list brings goes through the transform a second time: the revision is still that of what the API server holds.
func TestSlimTwice(t *testing.T) {
	for what, runs := range map[string]v1.RunSpec{
		"image": {Image: "i"}, "command": {Run: runv1.Run{Command: "c"}}, "containers": {Run: runv1.Run{Containers: []corev1.Container{{Name: "c"}}}},
		"template": {Run: runv1.Run{Template: &corev1.PodTemplateSpec{}}},
	} {
		runs.Replicas = 1
		tab := &v1.CronTab{
			ObjectMeta: metav1.ObjectMeta{UID: "uid", Labels: map[string]string{queueLabel: "q"}},
			Spec:       v1.CronTabSpec{CronSpec: "@daily", RunSpec: runs, SpreadSeconds: ptr.To[int32](3)},
		}
		revision := revisionOf(tab)
		for range 2 {
			if _, err := slim(tab); err != nil {
				t.Fatal(err)
			}
			if tab.Annotations[annotationRevision] != revision {
				t.Errorf("%s: revision %s, want %s", what, tab.Annotations[annotationRevision], revision)
			}
		}
	}
}
