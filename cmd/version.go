package main

import (
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// version is the operator's version. The Makefile sets it by the linker's flag -X main.version.
var version = "development"

// versionText is what --version prints.
func versionText() string {
	return fmt.Sprintf("cnat-operator %s (%s, %s/%s)", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// registerBuildInfo registers the metric cnat_build_info, which is always 1: its labels are what it says.
func registerBuildInfo(registry prometheus.Registerer) error {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "cnat_build_info",
		Help:        "The operator's version, and the version of Go that it was built with. Always 1.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	})
	info.Set(1)
	if err := registry.Register(info); err != nil {
		return fmt.Errorf("registering a metric: %w", err)
	}
	return nil
}
