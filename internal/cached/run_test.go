package cached

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// stuffed is the metadata of an object into which somebody writes as much as the API server takes.
func stuffed() metav1.ObjectMeta {
	meta := metav1.ObjectMeta{
		Name: "n", UID: "uid", ResourceVersion: "5", Generation: 3,
		Labels:          map[string]string{"app.kubernetes.io/part-of": "cnat-operator", "kueue.x-k8s.io/queue-name": "q"},
		Annotations:     map[string]string{domain + "generation": "3", domain + "started-at": strings.Repeat("x", 100_000)},
		OwnerReferences: []metav1.OwnerReference{{Kind: "At", Name: "owner", UID: "at-uid", Controller: ptr.To(true)}},
		Finalizers:      []string{domain + "prepared"},
	}
	for i := range 2000 {
		text := fmt.Sprintf("example.com/%0200d", i)
		meta.Labels[text], meta.Annotations[text] = "x", "x"
		meta.OwnerReferences = append(meta.OwnerReferences, metav1.OwnerReference{Kind: "ConfigMap", Name: text})
		meta.Finalizers = append(meta.Finalizers, text)
	}
	return meta
}

// transformedAgain is what the cache makes of what it holds already, as it does with what a list brings.
func transformedAgain(t *testing.T, kept any) []byte {
	t.Helper()
	var err error
	switch object := kept.(type) {
	case *cnatv1.At:
		kept, err = At(object.DeepCopy())
	case *batchv1.Job:
		kept, err = Job(object.DeepCopy())
	case *corev1.Pod:
		kept, err = Pod(object.DeepCopy())
	}
	text, marshalErr := json.Marshal(kept)
	if err != nil || marshalErr != nil {
		t.Fatal(err, marshalErr)
	}
	return text
}

// What the controllers look at stays, and no more than a few KiB, whatever somebody writes into an At or a Job.
func TestRunsAreBounded(t *testing.T) {
	at := &cnatv1.At{ObjectMeta: stuffed(), Spec: cnatv1.AtSpec{Run: runv1.Run{Command: strings.Repeat("x", 100_000)}, Suspend: ptr.To(true)}}
	job := &batchv1.Job{ObjectMeta: stuffed(), Spec: batchv1.JobSpec{
		Suspend: ptr.To(true), ManagedBy: ptr.To("m"), ActiveDeadlineSeconds: ptr.To[int64](1), BackoffLimit: ptr.To[int32](2),
		Selector: &metav1.LabelSelector{MatchLabels: stuffed().Labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: stuffed()},
	}}
	job.Status.CompletedIndexes = strings.Repeat("1,", 50_000)
	keptAt, atErr := At(at)
	keptJob, jobErr := Job(job)
	for _, kept := range []any{keptAt, keptJob} {
		text, err := json.Marshal(kept)
		meta := kept.(metav1.Object)
		if atErr != nil || jobErr != nil || err != nil || len(text) > 2000 {
			t.Errorf("%T: %d bytes are kept: %.500s", kept, len(text), text)
		}
		if again := transformedAgain(t, kept); string(again) != string(text) {
			t.Errorf("%T: a second time it became %.1000s", kept, again)
		}
		if meta.GetUID() != "uid" || meta.GetGeneration() != 3 || len(meta.GetLabels()) != 2 || meta.GetLabels()["kueue.x-k8s.io/queue-name"] != "q" ||
			metav1.GetControllerOf(meta) == nil || !slices.Contains(meta.GetFinalizers(), domain+"prepared") || len(meta.GetFinalizers()) != 2 {
			t.Errorf("%T: %.1000s", kept, text)
		}
	}
	if spec := job.Spec; !*spec.Suspend || *spec.ManagedBy != "m" || *spec.ActiveDeadlineSeconds != 1 || *spec.BackoffLimit != 2 || !*at.Spec.Suspend {
		t.Errorf("became %+v", spec)
	}
	if marks := job.Annotations; len(marks) != 2 || marks[domain+"generation"] != "3" || marks[domain+"started-at"] == "" {
		t.Errorf("annotations %v", marks)
	}
}

// Of what is small, metadata is as it was.
func TestSmallMetadataIsKept(t *testing.T) {
	meta := stuffed()
	want := metav1.ObjectMeta{Labels: map[string]string{"theirs": "x"}, OwnerReferences: meta.OwnerReferences[:3], Finalizers: meta.Finalizers[:4]}
	at := &cnatv1.At{ObjectMeta: *want.DeepCopy()}
	if _, err := At(at); err != nil || len(at.Labels) != 1 || len(at.OwnerReferences) != 3 || len(at.Finalizers) != 4 {
		t.Errorf("became %+v, %v", at, err)
	}
}

// A Job that can be started is whole, so that it can be written back; one that was started, or is large, is not.
func TestJobsToStartAreWhole(t *testing.T) {
	job := func(suspended bool, command string) *batchv1.Job {
		container := corev1.Container{Name: "c", Command: []string{command}}
		return &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{
				Name: "n", Annotations: map[string]string{"theirs": "x"}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}},
			},
			Spec: batchv1.JobSpec{
				Suspend: &suspended, Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{container}}},
			},
		}
	}
	for name, test := range map[string]struct {
		job  *batchv1.Job
		want bool
	}{
		"suspended":       {job(true, "true"), true},
		"running":         {job(false, "true"), false},
		"suspended large": {job(true, strings.Repeat("x", maxWhole)), false},
	} {
		want := test.job.DeepCopy()
		want.ManagedFields = nil
		if _, err := Job(test.job); err != nil || reflect.DeepEqual(want, test.job) != test.want {
			t.Errorf("%s: became %+v, %v", name, test.job, err)
		}
	}
}
