package release

import (
	"strings"
	"testing"

	"example.com/cnat-operator/controllers/database/internal/testdb"
)

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
		{"a default of another major version, by digest", "", "r:5000/postgres@sha256:1", "15.14", "postgres:15", "postgres:15", "the operator's default image"},
		{"a default of the same, by digest", "", "postgres@sha256:1", "18.1", "postgres@sha256:0", "postgres@sha256:1", ""},
		{"a default by tag and digest: the tag tells", "", "postgres:15@sha256:1", "15.14", "postgres:15", "postgres:15@sha256:1", ""},
		{"a default whose tag does not tell", "", "mine:stable", "15.14", "mine:old", "mine:stable", ""},
		{"one's own by digest, of which nothing is known", "mine@sha256:1", "postgres@sha256:1", "15.14", "mine@sha256:0", "mine@sha256:1", ""},
		{"a tag that does not tell", "postgres:next", "postgres:18", "15.14", "postgres:15", "postgres:next", ""},
		{"the image that runs, with a version of its own", "timescaledb:2.14-pg15", "postgres:18", "15.6", "timescaledb:2.14-pg15", "timescaledb:2.14-pg15", ""},
		{"the next of those", "timescaledb:2.15-pg15", "postgres:18", "15.6", "timescaledb:2.14-pg15", "timescaledb:2.15-pg15", ""},
		{"one whose tag is of another kind", "mine:17-edition", "postgres:18", "15.6", "mine:16-edition", "mine:17-edition", ""},
		{"one by its date", "mine:20260201", "postgres:18", "15.6", "mine:20260101", "mine:20260201", ""},
		{"another major version, after a tag that did not tell", "postgres:16", "postgres:18", "15.6", "mine:stable", "mine:stable", "spec.image (postgres:16)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := testdb.New()
			db.Spec.Image, db.Status.ServerVersion, db.Status.Image = test.spec, test.version, test.running
			got, found := imageFor(db, test.byDefault, "18")
			if got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
			if (found != nil) != (test.words != "") || found != nil && (!found.Serving || !strings.Contains(found.Message, test.words)) {
				t.Errorf("problem %+v", found)
			}
		})
	}
}
