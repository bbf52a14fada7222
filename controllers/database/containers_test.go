package database

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/controllers/database/values"
)

// A quota asks each container of a pod for what it bounds: where the server has requests and limits, all that run
// beside it, before it and for its backups have some of the same resources.
func TestEveryContainerHasResources(t *testing.T) {
	bound := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("256Mi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Gi"),
	}
	for _, test := range []struct {
		name string
		spec *corev1.ResourceRequirements
	}{
		{"by default", nil},
		{"with limits", &corev1.ResourceRequirements{Limits: bound}},
		{"with requests", &corev1.ResourceRequirements{Requests: bound}},
		{"with requests and limits", &corev1.ResourceRequirements{Requests: bound, Limits: bound}},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "x").spec(func(s *v1.DatabaseSpec) {
				s.Resources, s.Backup, s.Monitoring = test.spec, &v1.DatabaseBackup{Retain: 1}, &v1.DatabaseMonitoring{}
				s.Parameters = map[string]v1.ParameterValue{"work_mem": "8MB"}
				s.RestoreFrom = v1.DatabaseRestore{Database: "old", Dump: v1.LatestDump}
			}).build()
			pods := podsRendered(t, db)
			want := values.DefaultResources
			if test.spec != nil {
				want = *test.spec
			}
			count := 0
			for _, pod := range pods {
				for _, container := range append(pod.InitContainers, pod.Containers...) {
					count++
					for name := range want.Limits {
						if container.Resources.Limits.Name(name, resource.DecimalSI).IsZero() {
							t.Errorf("container %s has no limit of %s", container.Name, name)
						}
					}
					for name := range want.Requests {
						_, requests := container.Resources.Requests[name]
						_, limits := container.Resources.Limits[name] // which is the request where there is none
						if !requests && !limits {
							t.Errorf("container %s requests no %s", container.Name, name)
						}
					}
				}
			}
			if count != 6 {
				t.Errorf("%d containers", count)
			}
		})
	}
}

// podsRendered are the pods of the chart's StatefulSet and CronJob.
func podsRendered(t *testing.T, db *v1.Database) []corev1.PodSpec {
	t.Helper()
	claim := map[string]any{"size": "1Gi"}
	all, err := values.For(db, v1.SecretKeyReference{Name: "s", Key: "k"}, claim, "image")
	if err != nil {
		t.Fatal(err)
	}
	more, err := values.Backup(db, claim, db.Spec.RestoreFrom)
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range more {
		all[key] = value
	}
	if err := values.AddExporter(all, db, "exporter"); err != nil {
		t.Fatal(err)
	}
	want, err := newEngine(t, apiConfig, chartDir, release.ChartObjects).Render(db, step.ReleaseName(db), all)
	if err != nil {
		t.Fatal(err)
	}
	var pods []corev1.PodSpec
	convert := runtime.DefaultUnstructuredConverter
	for _, object := range want.Objects {
		switch object.GetKind() {
		case "StatefulSet":
			typed := &appsv1.StatefulSet{}
			err = convert.FromUnstructured(object.Object, typed)
			pods = append(pods, typed.Spec.Template.Spec)
		case "CronJob":
			typed := &batchv1.CronJob{}
			err = convert.FromUnstructured(object.Object, typed)
			pods = append(pods, typed.Spec.JobTemplate.Spec.Template.Spec)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return pods
}
