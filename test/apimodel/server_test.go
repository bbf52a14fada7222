package apimodel

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func newJob(t *testing.T) (*Server, Key) {
	t.Helper()
	s := New(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC))
	job := &batchv1.Job{}
	job.Name = "job"
	if err := s.Create(job); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(job.DeepCopy()); !apierrors.IsAlreadyExists(err) {
		t.Errorf("a second one of the name: %v", err)
	}
	return s, KeyOf(job)
}

func TestPreconditions(t *testing.T) {
	s, k := newJob(t)
	job := Get[*batchv1.Job](s.Objects, k)
	Edit(s, k, func(job *batchv1.Job) { job.Spec.Suspend = ptr.To(true) })
	for what, err := range map[string]error{
		"an old version": s.Check(k, job.ResourceVersion, ""),
		"another UID":    s.Check(k, "", "other"),
	} {
		if !apierrors.IsConflict(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := s.Check(k, "2", job.UID); err != nil {
		t.Errorf("the newest: %v", err)
	}
	if err := s.Check(Key{"Job", "none"}, "", ""); !apierrors.IsNotFound(err) {
		t.Errorf("none: %v", err)
	}
}

func TestPatches(t *testing.T) {
	s, k := newJob(t)
	job := Get[*batchv1.Job](s.Objects, k)
	for patch, refused := range map[string]func(error) bool{
		`[{"op":"test","path":"/metadata/uid","value":"Job-1"},{"op":"add","path":"/spec/suspend","value":true}]`: nil,
		`[{"op":"test","path":"/metadata/uid","value":"Job-2"},{"op":"add","path":"/spec/suspend","value":true}]`: apierrors.IsInvalid,
		`{"metadata":{"resourceVersion":"1"},"spec":{"suspend":true}}`:                                            nil,
		`{"metadata":{"resourceVersion":"7"},"spec":{"suspend":true}}`:                                            apierrors.IsConflict,
	} {
		kind := types.MergePatchType
		if patch[0] == '[' {
			kind = types.JSONPatchType
		}
		next, err := s.Patched(job, client.RawPatch(kind, []byte(patch)))
		switch {
		case refused != nil && !refused(err):
			t.Errorf("%s: %v", patch, err)
		case refused == nil && (err != nil || !*next.(*batchv1.Job).Spec.Suspend || job.Spec.Suspend != nil):
			t.Errorf("%s: %v, %+v of %+v", patch, err, next, job)
		}
	}
}

func TestStore(t *testing.T) {
	s, k := newJob(t)
	Edit(s, k, func(job *batchv1.Job) { job.Labels = map[string]string{"a": "b"} })
	Edit(s, k, func(job *batchv1.Job) { job.Spec.Suspend, job.Finalizers = ptr.To(true), []string{"a/b"} })
	if job := Get[*batchv1.Job](s.Objects, k); job.Generation != 2 || job.ResourceVersion != "3" {
		t.Errorf("generation %d, version %s", job.Generation, job.ResourceVersion)
	}
	if before := Get[*batchv1.Job](s.Back(2), k); before == nil || before.Labels != nil || before.Spec.Suspend != nil {
		t.Errorf("two changes ago it was %+v", before)
	}
	s.Remove(k)
	if job := Get[*batchv1.Job](s.Objects, k); job == nil || job.DeletionTimestamp == nil {
		t.Errorf("with a finalizer: %+v", job)
	}
	Edit(s, k, func(job *batchv1.Job) { job.Finalizers = nil })
	if err := s.Objects.Read("job", &batchv1.Job{}); !apierrors.IsNotFound(err) {
		t.Errorf("without: %v", err)
	}
	if Get[*batchv1.Job](s.Back(1), k) == nil {
		t.Error("a cache that is behind does not have it any more")
	}
	if pods := List[*corev1.Pod](s.Objects); len(pods) != 0 {
		t.Errorf("pods: %v", pods)
	}
}
