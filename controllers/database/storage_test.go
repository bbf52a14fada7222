package database

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
)

func TestSizeFor(t *testing.T) {
	class := func(grows bool) *storagev1.StorageClass {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "disk"}, AllowVolumeExpansion: ptr.To(grows)}
	}
	for _, test := range []struct {
		name  string
		want  string
		claim string // what the claim has; empty: there is none
		phase corev1.PersistentVolumeClaimPhase
		class *storagev1.StorageClass
		size  string
		words string // in the problem; empty: none
	}{
		{"no claim", "1Gi", "", "", nil, "1Gi", ""},
		{"the same", "1Gi", "1024Mi", corev1.ClaimBound, nil, "1Gi", ""},
		{"a claim that is larger", "1Gi", "5Gi", corev1.ClaimBound, class(true), "5Gi", ""},
		{"a claim that can grow", "5Gi", "1Gi", corev1.ClaimBound, class(true), "5Gi", ""},
		{"a claim that can't grow yet", "5Gi", "1Gi", corev1.ClaimPending, class(true), "1Gi", ""},
		{"a claim that can't grow", "5Gi", "1Gi", corev1.ClaimBound, class(false), "1Gi", `class "disk" does not allow`},
		{"a claim without a class", "5Gi", "1Gi", corev1.ClaimBound, nil, "1Gi", "no storage class"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var claim *corev1.PersistentVolumeClaim
			if test.claim != "" {
				claim = &corev1.PersistentVolumeClaim{}
				claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(test.claim)}
				claim.Status.Phase = test.phase
			}
			got := sizeFor(resource.MustParse(test.want), claim, test.class)
			if got.size.Cmp(resource.MustParse(test.size)) != 0 || (got.problem != nil) != (test.words != "") {
				t.Fatalf("got %s, %+v", got.size.String(), got.problem)
			}
			if got.problem != nil && (!strings.Contains(got.problem.message, test.words) || !got.problem.serving) {
				t.Errorf("problem is %+v", got.problem)
			}
		})
	}
}

// bind lets a volume claim be bound, as one that grows must be.
func bind(t *testing.T, claim *corev1.PersistentVolumeClaim) {
	t.Helper()
	if err := get(t, claim); err != nil {
		t.Fatal(err)
	}
	before := claim.DeepCopy()
	claim.Status.Phase = corev1.ClaimBound
	if err := api.Status().Patch(t.Context(), claim, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// A volume that can't grow is told of, and holds up nothing else.
func TestVolumeThatCantGrow(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	fixed := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Provisioner: "example.com/none"}
	if err := api.Create(t.Context(), fixed); err != nil {
		t.Fatal(err)
	}
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "full").spec(func(s *v1.DatabaseSpec) { s.Storage.StorageClassName = namespace }).create(t)
	becomeReady(t, db)
	bind(t, named(&corev1.PersistentVolumeClaim{}, namespace, "full-database-data"))
	update(t, db, func() {
		db.Spec.Storage.Size = quantity("2Gi")
		db.Spec.Image = "example.com/postgres:18.9"
	})
	waitCondition(t, db, v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonStorageNotGrown)
	becomeReady(t, db)
	waitDeployed(t, db, "example.com/postgres:18.9")
}
