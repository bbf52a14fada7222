package crontab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
	"example.com/cnat-operator/internal/testenv"
)

// The API server stores all that the Go types promise.
func TestAPIServerPrunesNothing(t *testing.T) {
	namespace, template := newNamespace(t), testenv.FullTemplate()
	for name, spec := range map[string]v1.RunSpec{
		"template": {Run: runv1.Run{Template: template}}, "containers": {Run: runv1.Run{Containers: template.Spec.Containers}},
	} {
		spec.Replicas = 2
		tab := &v1.CronTab{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			Spec:       v1.CronTabSpec{CronSpec: "@yearly", RunSpec: spec},
		}
		tab.SetGroupVersionKind(v1.GroupVersion.WithKind("CronTab"))
		testenv.StoresWhole(t, api, tab)
	}
}

// What `kubectl get crontabs` prints says when each runs next and ran last, what runs now, and why nothing will.
func TestColumns(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	next := time.Now().UTC().AddDate(0, 0, 40)
	yearly := fmt.Sprintf("0 5 %d %d *", next.Day(), next.Month())
	for name, spec := range map[string]v1.CronTabSpec{
		"waits":     {CronSpec: yearly, TimeZone: "America/New_York"},
		"suspended": {CronSpec: yearly, Suspend: ptr.To(true)},
		"runs":      {CronSpec: yearly},
		"never":     {CronSpec: "0 0 1 1 *", NotAfter: ptr.To(metav1.NewTime(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))},
	} {
		spec.Command = "true"
		create(t, &v1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec})
	}
	running := startNow(t, namespace, "runs")

	want := map[string]map[string]string{
		"waits":     {"Schedule": yearly, "Zone": "America/New_York", "Ready": "Scheduled"},
		"suspended": {"Schedule": yearly, "Suspend": "true", "Ready": "Suspended"},
		"runs":      {"Schedule": yearly, "Ready": "Scheduled", "Active": `["` + running + `"]`},
		"never":     {"Schedule": "0 0 1 1 *", "Ready": "Ended"},
	}
	eventually(t, "all columns", func() (bool, error) {
		got := testenv.Table(t, apiConfig, v1.GroupVersion, namespace, "crontabs")
		for name, cells := range want {
			for _, column := range []string{"Schedule", "Zone", "Suspend", "Active", "Ready"} {
				if value := strings.ReplaceAll(got[name][column], "<none>", ""); value != cells[column] && (column != "Active" || value != "[]") {
					return false, fmt.Errorf("%s of %s is %q, want %q", column, name, value, cells[column])
				}
			}
			if _, err := time.Parse(time.RFC3339, got[name]["Next"]); (err == nil) != (cells["Ready"] == "Scheduled") || got[name]["Age"] == "" {
				return false, fmt.Errorf("%s: %v", name, got[name])
			}
		}
		return true, nil
	})
}

// startNow asks for a run of a CronTab, plays its start, and returns the At's name.
func startNow(t *testing.T, namespace, name string) string {
	t.Helper()
	tab := &v1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	request := fmt.Sprintf(`{"metadata":{"annotations":{%q:"now"}}}`, v1.AnnotationRunRequest)
	if err := api.Patch(t.Context(), tab, client.RawPatch("application/merge-patch+json", []byte(request))); err != nil {
		t.Fatal(err)
	}
	at := &cnatv1.At{}
	eventually(t, "the run", func() (bool, error) {
		key := client.ObjectKey{Namespace: namespace, Name: requestedAtName(tab, "now")}
		err := api.Get(t.Context(), key, at)
		return err == nil && released(at), client.IgnoreNotFound(err)
	})
	at.Status.Phase, at.Status.JobUID = cnatv1.AtRunning, "uid"
	if err := api.Status().Update(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	return at.Name
}
