package database

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// versionContainer leaves the version of the PostgreSQL in the image as its termination message.
const versionContainer = "version"

var (
	// Of "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)": 15.14.
	versionWords = regexp.MustCompile(`\(PostgreSQL\) ([0-9]\S*)`)
	// A tag that begins with the major version, as those of the official image do: 15, 15.14, 15-bookworm. Two digits: more
	// are a date, and less are the version of something else.
	versionTag = regexp.MustCompile(`:([1-9][0-9])(?:[.-][^/:]*)?$`)
)

// serverVersion is what the server's pod says of its version, and empty where it says nothing yet.
func serverVersion(pods []corev1.Pod) string {
	for i := range pods {
		for _, status := range pods[i].Status.InitContainerStatuses {
			if pods[i].DeletionTimestamp != nil || status.Name != versionContainer || status.State.Terminated == nil {
				continue
			}
			if found := versionWords.FindStringSubmatch(status.State.Terminated.Message); found != nil {
				return step.Shortened(found[1], 64)
			}
		}
	}
	return ""
}

// taggedMajor is the major version of which an image's tag speaks, and empty where it does not.
func taggedMajor(image string) string {
	name, _, _ := strings.Cut(image, "@")
	if found := versionTag.FindStringSubmatch(name); found != nil {
		return found[1]
	}
	return ""
}

// imageFor is the image that the server is to run. One whose tag tells that it can't read the data, since it has another
// major version, is refused while the server still runs: once it is rolled out there is none. Where the tag of the image
// that runs says something else than its version, tags don't tell.
func imageFor(db *v1.Database, defaultImage string) (string, *step.Problem) {
	want, whose := db.Spec.Image, "spec.image"
	if want == "" {
		want, whose = defaultImage, "the operator's default image"
	}
	have, _, _ := strings.Cut(db.Status.ServerVersion, ".")
	now, next := taggedMajor(db.Status.Image), taggedMajor(want)
	if have == "" || next == "" || next == have || db.Status.Image == "" || now != "" && now != have {
		return want, nil
	}
	found := step.NewProblem(v1.ReasonMajorVersion, "the data are of PostgreSQL %s, which %s (%s) can't read; the server goes on with %s: "+
		"set spec.image to one of version %s, or see \"Another major version\" in the user guide",
		have, whose, want, db.Status.Image, have)
	found.Serving = true
	return db.Status.Image, found
}
