package helm

import (
	"reflect"
	"testing"

	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
)

// What is stored of a release can still be shown, compared, rolled back and removed.
func TestStoredWithoutSources(t *testing.T) {
	chart := load(t, chartDir).forAction()
	made := &release.Release{
		Name: "r", Namespace: "ns", Version: 1, Chart: chart, Config: values(), Manifest: "kind: Service\n",
		Info: &release.Info{Status: release.StatusPendingInstall},
	}
	memory := driver.NewMemory()
	memory.SetNamespace("ns")
	storage := withoutSources{memory}
	for _, write := range []func(string, *release.Release) error{storage.Create, storage.Update} {
		if err := write("sh.helm.release.v1.r.v1", made); err != nil {
			t.Fatal(err)
		}
		stored, err := storage.Get("sh.helm.release.v1.r.v1")
		if err != nil {
			t.Fatal(err)
		}
		if len(stored.Chart.Templates)+len(stored.Chart.Files)+len(stored.Chart.Schema) > 0 {
			t.Error("the sources of the chart are stored")
		}
		if stored.Chart.Name() != "database" || !reflect.DeepEqual(stored.Chart.Values, chart.Values) ||
			stored.Manifest != made.Manifest || !reflect.DeepEqual(stored.Config, made.Config) {
			t.Errorf("got %+v", stored)
		}
		made.Info.Status = release.StatusDeployed
	}
	if len(chart.Templates) == 0 {
		t.Error("the chart itself was changed")
	}
}
