package helm

import (
	"errors"
	"fmt"
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
	store := &storage{Driver: memory}
	for _, write := range []func(string, *release.Release) error{store.Create, store.Update} {
		if err := write("sh.helm.release.v1.r.v1", made); err != nil {
			t.Fatal(err)
		}
		stored, err := store.Get("sh.helm.release.v1.r.v1")
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

// What was stored is known by the writes that succeeded, whatever Helm does to the release after them.
func TestStoredIsKnown(t *testing.T) {
	memory := driver.NewMemory()
	memory.SetNamespace("ns")
	store := &storage{Driver: memory}
	revision := func(version int, status release.Status) *release.Release {
		return &release.Release{Name: "r", Namespace: "ns", Version: version, Info: &release.Info{Status: status}}
	}
	first, second := revision(1, release.StatusDeployed), revision(2, release.StatusPendingUpgrade)
	for key, write := range []func(key string) error{
		func(key string) error { return memory.Create(key, first) }, // by an earlier action
		func(key string) error { return store.Create(key, second) },
	} {
		if err := write(fmt.Sprintf("sh.helm.release.v1.r.v%d", key+1)); err != nil {
			t.Fatal(err)
		}
	}
	first.Info.Status = release.StatusSuperseded
	if err := store.Update("sh.helm.release.v1.r.v1", first); err != nil {
		t.Fatal(err)
	}
	second.Info.Status = release.StatusDeployed
	if err := store.Update("sh.helm.release.v1.r.v3", second); err == nil {
		t.Fatal("a revision that is not there was updated")
	}
	if got := store.newest; got.Version != 2 || got.Info.Status != release.StatusPendingUpgrade {
		t.Errorf("revision %d is %s", got.Version, got.Info.Status)
	}
	if err := store.Update("sh.helm.release.v1.r.v2", second); err != nil || store.newest.Info.Status != release.StatusDeployed {
		t.Errorf("%s, %v", store.newest.Info.Status, err)
	}
}

// A release that came up after it was looked for is not overwritten.
func TestAbsentMeanwhileThere(t *testing.T) {
	memory := driver.NewMemory()
	memory.SetNamespace("ns")
	theirs := &release.Release{Name: "r", Namespace: "ns", Version: 1, Info: &release.Info{Status: release.StatusDeployed}}
	if err := memory.Create("sh.helm.release.v1.r.v1", theirs); err != nil {
		t.Fatal(err)
	}
	store := &storage{Driver: memory, absent: true}
	if found, err := store.Query(map[string]string{"name": "r"}); len(found) > 0 || !errors.Is(err, driver.ErrReleaseNotFound) {
		t.Errorf("found %v, %v", found, err)
	}
	ours := &release.Release{Name: "r", Namespace: "ns", Version: 1, Info: &release.Info{Status: release.StatusPendingInstall}}
	if err := store.Create("sh.helm.release.v1.r.v1", ours); !errors.Is(err, driver.ErrReleaseExists) || store.newest != nil {
		t.Errorf("stored %v, %v", store.newest, err)
	}
}
