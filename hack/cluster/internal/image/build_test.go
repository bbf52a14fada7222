package image

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

func TestBuildingTwiceGivesTheSameBytes(t *testing.T) {
	build := func(umask os.FileMode) []byte {
		src := filepath.Join(t.TempDir(), "files")
		if err := os.MkdirAll(filepath.Join(src, "sub"), 0o777&^umask); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"b", "a", "sub/c"} {
			if err := os.WriteFile(filepath.Join(src, name), []byte(name), 0o666&^umask); err != nil {
				t.Fatal(err)
			}
		}
		tree := Tree{}
		if err := tree.AddPath(src, "/opt", 0); err != nil {
			t.Fatal(err)
		}
		image, err := Build(tree, Config{User: "65532", Entrypoint: []string{"/opt/a"}}, v1.Platform{OS: "linux", Architecture: "amd64"})
		if err != nil {
			t.Fatal(err)
		}
		archive := filepath.Join(t.TempDir(), "image.tar")
		if err := WriteArchive(archive, "example.com/image:1", []v1.Image{image}); err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(archive)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	if !bytes.Equal(build(0o022), build(0o077)) {
		t.Error("two builds of the same files differ")
	}
}

func TestTreeOrder(t *testing.T) {
	tree := Tree{}
	tree.Add("/usr/bin/sh", Entry{Type: tar.TypeLink, Linkname: "usr/bin/z"})
	tree.Add("usr/bin/z", Entry{Type: tar.TypeReg, Data: []byte("z")})
	tree.Add("/etc/", Entry{Type: tar.TypeDir, Mode: 0o700})
	var buffer bytes.Buffer
	if err := tree.WriteTar(&buffer); err != nil {
		t.Fatal(err)
	}
	var got []string
	for tr := tar.NewReader(&buffer); ; {
		header, err := tr.Next()
		if err != nil {
			break
		}
		got = append(got, header.Name)
		if !header.ModTime.Equal(Epoch) {
			t.Errorf("%s has the time %s", header.Name, header.ModTime)
		}
	}
	want := []string{"etc/", "usr/", "usr/bin/", "usr/bin/z", "usr/bin/sh"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %q, want %q: folders first, hard links last", got, want)
		}
	}
}

func TestAnArchiveHoldsOneImageOrAnIndex(t *testing.T) {
	for _, architectures := range [][]string{{"amd64"}, {"amd64", "arm64"}} {
		var images []v1.Image
		for _, architecture := range architectures {
			image, err := Build(Tree{}, Config{}, v1.Platform{OS: "linux", Architecture: architecture})
			if err != nil {
				t.Fatal(err)
			}
			images = append(images, image)
		}
		archive := filepath.Join(t.TempDir(), "image.tar")
		if err := WriteArchive(archive, "image", images); err != nil {
			t.Fatal(err)
		}
		root, remove, err := openArchive(archive)
		if err != nil {
			t.Fatal(err)
		}
		defer remove()
		content, _, err := contentOf(root)
		if err != nil {
			t.Fatal(err)
		}
		if _, isIndex := content.(v1.ImageIndex); isIndex != (len(architectures) > 1) {
			t.Errorf("%q: got a %T", architectures, content)
		}
	}
}
