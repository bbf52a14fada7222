package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func TestProvisionAndDelete(t *testing.T) {
	d := &directories{base: t.TempDir()}
	reclaim := corev1.PersistentVolumeReclaimDelete
	volume, _, err := d.Provision(t.Context(), controller.ProvisionOptions{
		PVName:           "pvc-1",
		SelectedNodeName: "node",
		StorageClass:     &storagev1.StorageClass{ReclaimPolicy: &reclaim},
		PVC: &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data"},
			Spec:       corev1.PersistentVolumeClaimSpec{Resources: requests("1Gi")},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.base, "pvc-1_ns_data")
	if volume.Spec.Local == nil || volume.Spec.Local.Path != path {
		t.Fatalf("the volume is %+v, not at %s", volume.Spec.PersistentVolumeSource, path)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("the directory: %v, %v", info, err)
	}
	if err := os.WriteFile(filepath.Join(path, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(t.Context(), volume); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory after its deletion: %v", err)
	}
}

func TestDeleteKeepsToItsFolder(t *testing.T) {
	outside := t.TempDir()
	d := &directories{base: t.TempDir()}
	for _, source := range []corev1.PersistentVolumeSource{
		{Local: &corev1.LocalVolumeSource{Path: outside}},
		{Local: &corev1.LocalVolumeSource{Path: filepath.Join(d.base, "..", filepath.Base(outside))}},
		{HostPath: &corev1.HostPathVolumeSource{Path: outside}},
	} {
		volume := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: source}}
		var ignored *controller.IgnoredError
		if err := d.Delete(t.Context(), volume); !errors.As(err, &ignored) {
			t.Errorf("%+v: got %v, want an IgnoredError", source, err)
		}
	}
	if _, err := os.Stat(outside); err != nil {
		t.Errorf("a folder that is none of ours: %v", err)
	}
}

func TestWantsMore(t *testing.T) {
	tests := []struct {
		name             string
		phase            corev1.PersistentVolumeClaimPhase
		requested, given string
		want             bool
	}{
		{"not bound yet", corev1.ClaimPending, "1Gi", "0", false},
		{"as given", corev1.ClaimBound, "1Gi", "1Gi", false},
		{"grown", corev1.ClaimBound, "2Gi", "1Gi", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			claim := &corev1.PersistentVolumeClaim{
				Spec: corev1.PersistentVolumeClaimSpec{Resources: requests(test.requested)},
				Status: corev1.PersistentVolumeClaimStatus{
					Phase:    test.phase,
					Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(test.given)},
				},
			}
			if got := wantsMore(claim); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func requests(size string) corev1.VolumeResourceRequirements {
	return corev1.VolumeResourceRequirements{
		Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse(size)},
	}
}
