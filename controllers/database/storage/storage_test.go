package storage

import (
	"maps"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

func TestDecideStorage(t *testing.T) {
	class := func(grows bool) *storagev1.StorageClass {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "disk"}, AllowVolumeExpansion: ptr.To(grows)}
	}
	for _, test := range []struct {
		name  string
		want  string
		claim string // what the claim asks for; empty: there is none
		has   string // what the volume has; empty: the status does not say
		phase corev1.PersistentVolumeClaimPhase
		class *storagev1.StorageClass
		// wantClass and hasClass are the storage class of the spec and of the claim.
		wantClass, hasClass string

		size, reason string
		words        string // in the problem; empty: none
	}{
		{name: "no claim", want: "1Gi", size: "1Gi"},
		{name: "the same", want: "1Gi", claim: "1024Mi", phase: corev1.ClaimBound, size: "1Gi"},
		{name: "a claim that is larger", want: "1Gi", claim: "5Gi", has: "5Gi", phase: corev1.ClaimBound, class: class(true), size: "5Gi"},
		{name: "a claim that can grow", want: "5Gi", claim: "1Gi", phase: corev1.ClaimBound, class: class(true), size: "5Gi"},
		{name: "a claim that can't grow yet", want: "5Gi", claim: "1Gi", phase: corev1.ClaimPending, class: class(true), size: "1Gi"},
		{
			name: "a claim that can't grow", want: "5Gi", claim: "1Gi", phase: corev1.ClaimBound, class: class(false), size: "1Gi",
			reason: v1.ReasonStorageNotGrown, words: `class "disk" does not allow volumes to grow. Set spec.storage.size back to 1Gi`,
		},
		{
			name: "a claim without a class", want: "5Gi", claim: "1Gi", phase: corev1.ClaimBound, size: "1Gi",
			reason: v1.ReasonStorageNotGrown, words: "no storage class",
		},
		{name: "growth that does not come, set back to what the volume has", want: "1Gi", claim: "200Ti", has: "1Gi", phase: corev1.ClaimBound, size: "1025Mi"},
		{name: "growth that does not come, set back to more", want: "5Gi", claim: "200Ti", has: "1Gi", phase: corev1.ClaimBound, size: "5Gi"},
		{name: "growth that came only so far", want: "1Gi", claim: "200Ti", has: "2Gi", phase: corev1.ClaimBound, size: "2049Mi"},
		{name: "set back already", want: "1Gi", claim: "1025Mi", has: "1Gi", phase: corev1.ClaimBound, size: "1025Mi"},
		{
			name: "too much, and not bound", want: "1Gi", claim: "200Ti", phase: corev1.ClaimPending, size: "200Ti",
			reason: v1.ReasonStorageNotBound, words: "kubectl --namespace=ns delete pvc c, and it is created again with the 1Gi of spec.storage.size",
		},
		{
			name: "another class than the kept claim's", want: "1Gi", claim: "1Gi", has: "1Gi", phase: corev1.ClaimBound, wantClass: "fast", hasClass: "slow",
			size: "1Gi", reason: v1.ReasonStorageClassKept, words: `set spec.storage.storageClassName to "slow"`,
		},
		{
			name: "a class, where the kept claim has none", want: "1Gi", claim: "1Gi", has: "1Gi", phase: corev1.ClaimBound, wantClass: "fast",
			size: "1Gi", reason: v1.ReasonStorageClassKept, words: "remove spec.storage.storageClassName",
		},
		{name: "the kept claim's class", want: "1Gi", claim: "1Gi", has: "1Gi", phase: corev1.ClaimBound, wantClass: "slow", hasClass: "slow", size: "1Gi"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var claim *corev1.PersistentVolumeClaim
			wantClass := test.wantClass
			if test.claim != "" {
				claim = &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c"}}
				claim.Spec.StorageClassName = &test.hasClass
				claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(test.claim)}
				claim.Status.Phase = test.phase
				if test.has != "" {
					claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(test.has)}
				}
				if wantClass != "" {
					wantClass = test.hasClass
				}
			}
			got := Decide(Wanted{"spec.storage", resource.MustParse(test.want), test.wantClass}, Observed{claim, test.class})
			if got.Problem == nil {
				got.Problem = &step.Problem{Serving: true}
			}
			if got.Size.Cmp(resource.MustParse(test.size)) != 0 || got.Problem.Reason != test.reason || got.Class != wantClass {
				t.Fatalf("got %s, class %s, %+v", got.Size.String(), got.Class, got.Problem)
			}
			if !strings.Contains(got.Problem.Message, test.words) || !got.Problem.Serving {
				t.Errorf("problem is %+v", got.Problem)
			}
		})
	}
}

func TestValues(t *testing.T) {
	large := resource.MustParse("2048Mi")
	for _, test := range []struct {
		spec v1.DatabaseStorage
		want map[string]any
	}{
		{v1.DatabaseStorage{}, map[string]any{"size": "1Gi"}},
		{v1.DatabaseStorage{Size: &large, StorageClassName: "fast"}, map[string]any{"size": "2Gi", "storageClassName": "fast"}},
	} {
		db := testdb.New()
		db.Spec.Storage = test.spec
		if got := Decide(ForData(db), Observed{}).Values(); !maps.Equal(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.spec, got, test.want)
		}
	}
}
