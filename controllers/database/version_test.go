package database

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestServerVersion(t *testing.T) {
	for words, want := range map[string]string{
		"postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n": "15.14",
		"postgres (PostgreSQL) 18.1":                             "18.1",
		"postgres (PostgreSQL) 19beta1":                          "19beta1",
		"":                                                       "",
		"sh: postgres: not found":                                "",
	} {
		pods := []corev1.Pod{{}, {Status: corev1.PodStatus{InitContainerStatuses: []corev1.ContainerStatus{
			{Name: "settings", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: "(PostgreSQL) 1"}}},
			{Name: versionContainer, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: words}}},
		}}}}
		if got := serverVersion(pods); got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}

func TestTaggedMajor(t *testing.T) {
	for image, want := range map[string]string{
		"postgres:15":                          "15",
		"docker.io/library/postgres:15.14":     "15",
		"docker.io/library/postgres:16-alpine": "16",
		"registry:5000/postgres:17.2-bookworm": "17",
		"postgres:15@sha256:abc":               "15",
		"registry:5000/postgres":               "",
		"postgres:latest":                      "",
		"postgres:15abc":                       "",
		"mine:20260201":                        "",
		"timescaledb:2.14-pg15":                "",
		"postgres@sha256:1234":                 "",
		"postgres":                             "",
	} {
		if got := taggedMajor(image); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}

func TestImageFor(t *testing.T) {
	for _, test := range []struct {
		name, spec, byDefault string
		// what the status says of the server that runs
		version, running string
		want             string
		words            string // of the problem; empty: none
	}{
		{"the default", "", "postgres:18", "", "", "postgres:18", ""},
		{"one's own", "mine:15", "postgres:18", "", "", "mine:15", ""},
		{"another minor version", "postgres:15.15", "postgres:18", "15.14", "postgres:15.14", "postgres:15.15", ""},
		{"another major version", "postgres:16", "postgres:18", "15.14", "postgres:15", "postgres:15", "spec.image (postgres:16)"},
		{"a default of another major version", "", "postgres:18", "15.14", "postgres:15", "postgres:15", "the operator's default image"},
		{"a tag that does not tell", "postgres:next", "postgres:18", "15.14", "postgres:15", "postgres:next", ""},
		{"the image that runs, with a version of its own", "timescaledb:2.14-pg15", "postgres:18", "15.6", "timescaledb:2.14-pg15", "timescaledb:2.14-pg15", ""},
		{"the next of those", "timescaledb:2.15-pg15", "postgres:18", "15.6", "timescaledb:2.14-pg15", "timescaledb:2.15-pg15", ""},
		{"one whose tag is of another kind", "mine:17-edition", "postgres:18", "15.6", "mine:16-edition", "mine:17-edition", ""},
		{"one by its date", "mine:20260201", "postgres:18", "15.6", "mine:20260101", "mine:20260201", ""},
		{"another major version, after a tag that did not tell", "postgres:16", "postgres:18", "15.6", "mine:stable", "mine:stable", "spec.image (postgres:16)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "x").build()
			db.Spec.Image, db.Status.ServerVersion, db.Status.Image = test.spec, test.version, test.running
			got, found := imageFor(db, test.byDefault)
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			if (found != nil) != (test.words != "") || found != nil && (!found.Serving || !strings.Contains(found.Message, test.words)) {
				t.Errorf("problem %+v", found)
			}
		})
	}
}
