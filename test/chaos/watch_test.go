package main

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestNote(t *testing.T) {
	job := func(suspend bool, deadline *int64) *batchv1.Job {
		return &batchv1.Job{
			ObjectMeta: metav1.ObjectMeta{UID: "j", OwnerReferences: []metav1.OwnerReference{{Name: "a", Controller: ptr.To(true)}}},
			Spec:       batchv1.JobSpec{Suspend: &suspend, ActiveDeadlineSeconds: deadline},
		}
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		UID: "p", Annotations: map[string]string{atAnnotation: "a"}, CreationTimestamp: metav1.NewTime(time.Unix(1000, 0)),
	}}
	tests := map[string]struct {
		seen          []any
		allowed, pods int
		limited       bool
	}{
		"prepared":              {[]any{job(true, nil)}, 0, 0, false},
		"allowed to run":        {[]any{job(true, nil), job(false, nil), pod, job(false, nil)}, 1, 1, false},
		"given a deadline":      {[]any{job(false, nil), job(false, ptr.To[int64](1))}, 1, 0, true},
		"suspended as it ran":   {[]any{job(false, nil), job(true, nil)}, 1, 0, true},
		"another's":             {[]any{&batchv1.Job{}, &corev1.Pod{}}, 0, 0, false},
		"a deadline beforehand": {[]any{job(true, ptr.To[int64](1))}, 0, 0, false},
	}
	for name, test := range tests {
		c := &chaos{ats: map[string]*history{"a": {}}}
		for _, object := range test.seen {
			c.note(object)
		}
		if at := c.ats["a"]; len(at.allowed) != test.allowed || len(at.pods) != test.pods || at.limited != test.limited {
			t.Errorf("%s: %+v", name, at)
		}
	}
}
