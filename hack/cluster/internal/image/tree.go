// Package image builds OCI images out of files and pushes them to registries,
// with no container engine. What it builds is reproducible: the same files give
// the same bytes, whoever builds them and when.
package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"
)

// Epoch is the time of every file and image: the time of building would make
// two builds of the same thing differ.
var Epoch = time.Unix(0, 0).UTC()

// Entry is one file, folder or link of an image.
type Entry struct {
	Type     byte // tar.TypeReg, TypeDir, TypeSymlink or TypeLink
	Mode     int64
	UID, GID int
	Linkname string
	Data     []byte
	// Source is read, in place of Data, where it is not empty.
	Source string
}

// Tree is the root folder of an image: entries by path, without a leading slash.
type Tree map[string]Entry

// Add puts an entry at a path, in the place of what was there.
func (t Tree) Add(name string, entry Entry) {
	t[clean(name)] = entry
}

// AddPath puts a file, or a folder with all that is in it, of this machine at
// dst. A mode of 0 keeps each file's own permissions. All belongs to root.
func (t Tree) AddPath(src, dst string, mode fs.FileMode) error {
	return filepath.WalkDir(src, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, name)
		if err != nil {
			return err
		}
		if name == src { // a link that the caller names is followed: bin/ is full of them
			if name, err = filepath.EvalSymlinks(src); err != nil {
				return err
			}
		}
		entry, err := entryOf(name, mode)
		if err != nil {
			return err
		}
		t.Add(path.Join(dst, filepath.ToSlash(rel)), entry)
		return nil
	})
}

func entryOf(name string, mode fs.FileMode) (Entry, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return Entry{}, err
	}
	switch {
	case info.IsDir():
		return Entry{Type: tar.TypeDir, Mode: 0o755}, nil
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(name)
		return Entry{Type: tar.TypeSymlink, Mode: 0o777, Linkname: target}, err
	case !info.Mode().IsRegular():
		return Entry{}, fmt.Errorf("%s is neither a file nor a folder nor a link", name)
	}
	if mode == 0 {
		// The umask of whoever checked the files out must not show.
		mode = 0o644
		if info.Mode()&0o100 != 0 {
			mode = 0o755
		}
	}
	return Entry{Type: tar.TypeReg, Mode: int64(mode.Perm()), Source: name}, nil
}

// AddTar adds what a tar stream holds; place maps each path, and leaves out
// those that it maps to "".
func (t Tree) AddTar(r io.Reader, place func(string) string) error {
	for tr := tar.NewReader(r); ; {
		header, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read tar: %w", err)
		}
		name := place(clean(header.Name))
		if name == "" {
			continue
		}
		entry := Entry{Type: header.Typeflag, Mode: header.Mode, UID: header.Uid, GID: header.Gid, Linkname: header.Linkname}
		switch header.Typeflag {
		case tar.TypeReg:
			if entry.Data, err = io.ReadAll(tr); err != nil {
				return fmt.Errorf("read %s: %w", header.Name, err)
			}
		case tar.TypeLink:
			entry.Linkname = place(clean(header.Linkname))
		case tar.TypeDir, tar.TypeSymlink:
		default:
			continue // devices: the runtime makes them
		}
		t.Add(name, entry)
	}
}

// clean makes a path relative to the root folder; the root itself is ".".
func clean(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		return "."
	}
	return name
}
