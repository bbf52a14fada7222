package helm

import (
	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
)

// storage stores releases without the templates, files and schema of their chart: they are the operator's own, the same
// for each release, and most of its size. What Helm needs to show, compare, roll back or remove a revision stays: the
// manifest, the values, and the chart's metadata and default values.
type storage struct {
	driver.Driver
	// newest is the newest revision of those that were stored by this one, as it was stored last. Helm itself only logs
	// it when it can't store how an action ended.
	newest *release.Release
	// absent: the release was just looked for and not found.
	absent bool
}

// Query implements driver.Queryor. Of a release that is absent Helm asks once more whether its name is free: one that
// came up in between is found when its first revision can't be created.
func (s *storage) Query(labels map[string]string) ([]*release.Release, error) {
	if s.absent {
		return nil, driver.ErrReleaseNotFound
	}
	return s.Driver.Query(labels)
}

// Create implements driver.Creator.
func (s *storage) Create(key string, stored *release.Release) error {
	return s.store(s.Driver.Create, key, stored)
}

// Update implements driver.Updator.
func (s *storage) Update(key string, stored *release.Release) error {
	return s.store(s.Driver.Update, key, stored)
}

func (s *storage) store(write func(string, *release.Release) error, key string, stored *release.Release) error {
	stored = slim(stored)
	if err := write(key, stored); err != nil {
		return err
	}
	if s.newest == nil || s.newest.Version <= stored.Version {
		s.newest = stored
	}
	return nil
}

// slim returns a copy, which does not change with the release.
func slim(stored *release.Release) *release.Release {
	copied := *stored
	if stored.Info != nil {
		info := *stored.Info
		copied.Info = &info
	}
	if stored.Chart != nil {
		copied.Chart = &chart.Chart{Metadata: stored.Chart.Metadata, Values: stored.Chart.Values}
	}
	return &copied
}
