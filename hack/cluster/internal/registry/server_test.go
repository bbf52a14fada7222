package registry

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

func TestImagesOutliveARestart(t *testing.T) {
	dir := t.TempDir()
	index, err := random.Index(100, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	want, err := index.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.WriteIndex(reference(t, dir), index); err != nil {
		t.Fatal(err)
	}
	got, err := remote.Index(reference(t, dir)) // another server over the same folder
	if err != nil {
		t.Fatal(err)
	}
	if digest, _ := got.Digest(); digest != want {
		t.Errorf("digest %s after the restart, want %s", digest, want)
	}
}

func TestDeletedImagesStayDeleted(t *testing.T) {
	dir := t.TempDir()
	image, err := random.Image(100, 1)
	if err != nil {
		t.Fatal(err)
	}
	ref := reference(t, dir)
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	if err := remote.Delete(ref); err != nil {
		t.Fatal(err)
	}
	if _, err := remote.Image(reference(t, dir)); err == nil {
		t.Error("the image came back with the restart")
	}
}

// reference names an image in a fresh server over the folder.
func reference(t *testing.T, dir string) name.Reference {
	t.Helper()
	registry, err := New(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry)
	t.Cleanup(server.Close)
	ref, err := name.ParseReference(strings.TrimPrefix(server.URL, "http://") + "/some/image:tag")
	if err != nil {
		t.Fatal(err)
	}
	return ref
}
