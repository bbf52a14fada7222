package image

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
)

// WriteTar writes the tree in order of path, with the folders that lead to each
// entry.
func (t Tree) WriteTar(w io.Writer) error {
	t.addParents()
	names := make([]string, 0, len(t))
	for name := range t {
		names = append(names, name)
	}
	// A hard link must come after the file that it names.
	slices.SortFunc(names, func(a, b string) int {
		if la, lb := t[a].Type == tar.TypeLink, t[b].Type == tar.TypeLink; la != lb {
			if la {
				return 1
			}
			return -1
		}
		return strings.Compare(a, b)
	})
	tw := tar.NewWriter(w)
	for _, name := range names {
		if err := writeEntry(tw, name, t[name]); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return tw.Close()
}

func (t Tree) addParents() {
	var missing []string
	for name := range t {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if _, ok := t[dir]; !ok {
				missing = append(missing, dir)
			}
		}
	}
	for _, dir := range missing {
		t[dir] = Entry{Type: tar.TypeDir, Mode: 0o755}
	}
}

func writeEntry(tw *tar.Writer, name string, entry Entry) error {
	header := &tar.Header{
		Typeflag: entry.Type, Name: name, Linkname: entry.Linkname, Mode: entry.Mode,
		Uid: entry.UID, Gid: entry.GID, ModTime: Epoch, Format: tar.FormatPAX,
	}
	content := io.Reader(bytes.NewReader(entry.Data))
	switch {
	case entry.Type == tar.TypeDir:
		header.Name += "/"
	case entry.Type != tar.TypeReg:
	case entry.Source != "":
		file, err := os.Open(entry.Source)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		info, err := file.Stat()
		if err != nil {
			return err
		}
		header.Size, content = info.Size(), file
	default:
		header.Size = int64(len(entry.Data))
	}
	if err := tw.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(tw, content)
	return err
}
