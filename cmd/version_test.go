package main

import (
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestVersion(t *testing.T) {
	defer func(was string) { version = was }(version)
	version = "1.2.3"
	if got, want := versionText(), "cnat-operator 1.2.3 ("+runtime.Version()+", "; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	registry := prometheus.NewRegistry()
	if err := registerBuildInfo(registry); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "cnat_build_info" || families[0].Metric[0].GetGauge().GetValue() != 1 {
		t.Fatalf("metrics %v, %v", families, err)
	}
	got := map[string]string{}
	for _, label := range families[0].Metric[0].GetLabel() {
		got[label.GetName()] = label.GetValue()
	}
	if len(got) != 2 || got["version"] != "1.2.3" || got["goversion"] != runtime.Version() {
		t.Errorf("labels %v", got)
	}
}
