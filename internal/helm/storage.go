package helm

import (
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
)

// withoutSources stores releases without the templates, files and schema of their chart: they are the operator's own, the
// same for each release, and most of its size. What Helm needs to show, compare, roll back or remove a revision stays:
// the manifest, the values, and the chart's metadata and default values.
type withoutSources struct{ driver.Driver }

// Create implements driver.Creator.
func (d withoutSources) Create(key string, stored *release.Release) error {
	return d.Driver.Create(key, slim(stored))
}

// Update implements driver.Updator.
func (d withoutSources) Update(key string, stored *release.Release) error {
	return d.Driver.Update(key, slim(stored))
}

func slim(stored *release.Release) *release.Release {
	if stored.Chart == nil {
		return stored
	}
	copied := *stored
	copied.Chart = &chart.Chart{Metadata: stored.Chart.Metadata, Values: stored.Chart.Values}
	return &copied
}
