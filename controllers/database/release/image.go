package release

import (
	"regexp"
	"strings"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// versionTag begins with the major version, as those of the official image do: 15, 15.14, 15-bookworm. Two digits: more
// are a date, and less are the version of something else.
var versionTag = regexp.MustCompile(`:([1-9][0-9])(?:[.-][^/:]*)?$`)

// taggedMajor is the major version of which an image's tag speaks, and empty where it does not.
func taggedMajor(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if found := versionTag.FindStringSubmatch(name); found != nil {
		return found[1]
	}
	return ""
}

// byDigestAlone is whether an image's name has a digest and no tag.
func byDigestAlone(image string) bool {
	name, _, digest := strings.Cut(image, "@")
	return digest && !strings.Contains(name[strings.LastIndex(name, "/")+1:], ":")
}

// imageFor is the image that the server is to run. One whose tag tells that it can't read the data, since it has another
// major version, is refused while the server still runs: once it is rolled out there is none. Where the tag of the image
// that runs says something else than its version, tags don't tell. Of a default image by digest the operator's settings tell.
func imageFor(db *v1.Database, defaultImage, defaultVersion string) (string, *step.Problem) {
	want, whose := db.Spec.Image, "spec.image"
	if want == "" {
		want, whose = defaultImage, "the operator's default image"
	}
	have, _, _ := strings.Cut(db.Status.ServerVersion, ".")
	now, next := taggedMajor(db.Status.Image), taggedMajor(want)
	if db.Spec.Image == "" && byDigestAlone(want) {
		next = defaultVersion
	}
	if have == "" || next == "" || next == have || db.Status.Image == "" || now != "" && now != have {
		return want, nil
	}
	found := step.NewProblem(v1.ReasonMajorVersion, "the data are of PostgreSQL %s, which %s (%s) can't read; the server goes on with %s: "+
		"set spec.image to one of version %s, or see \"Another major version\" in the user guide",
		have, whose, want, db.Status.Image, have)
	found.Serving = true
	return db.Status.Image, found
}
