package debian

import (
	"archive/tar"
	"bytes"
	"slices"
	"testing"

	"example.com/cnat-operator/hack/cluster/internal/image"
)

func TestParseURIs(t *testing.T) {
	out := `Reading package lists...
'http://deb.debian.org/debian/pool/main/b/bash/bash_5.2.15-2%2bb13_amd64.deb' bash_5.2.15-2+b13_amd64.deb 1490652 SHA256:8c
'http://deb.debian.org/debian/pool/main/a/acl/libacl1_2%3a2.3-3_amd64.deb' libacl1_2%3a2.3-3_amd64.deb 31488 SHA256:0a
`
	got, err := parseURIs(out)
	if err != nil {
		t.Fatal(err)
	}
	want := []pkg{
		{"bash", "5.2.15-2+b13", "bash_5.2.15-2+b13_amd64.deb"},
		{"libacl1", "2:2.3-3", "libacl1_2%3a2.3-3_amd64.deb"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := parseURIs("'http://host/x' odd-name 1\n"); err == nil {
		t.Error("no error for a name that is not a package's")
	}
}

func TestPlace(t *testing.T) {
	recipe := Recipe{Drop: []string{"usr/share/doc"}}
	tests := []struct{ in, want string }{
		{"bin/bash", "usr/bin/bash"},
		{"usr/bin/env", "usr/bin/env"},
		{"lib/x86_64-linux-gnu/libc.so.6", "usr/lib/x86_64-linux-gnu/libc.so.6"},
		{"lib64/ld-linux-x86-64.so.2", "usr/lib64/ld-linux-x86-64.so.2"},
		{"libexec/x", "libexec/x"},
		{"usr/share/doc/bash/README", ""},
		{"usr/share/docs", "usr/share/docs"},
		{".", ""},
	}
	for _, test := range tests {
		if got := recipe.place(test.in); got != test.want {
			t.Errorf("place(%q) = %q, want %q", test.in, got, test.want)
		}
	}
}

func TestWithoutTakesPatterns(t *testing.T) {
	recipe := Postgres(18, "forky")
	for name, want := range map[string]bool{
		"perl-modules-5.42": true, "libllvm21": true, "libgdbm6t64": true, "postgresql-common-dev": true,
		"postgresql-18": false, "libsystemd0": false, "libpam0g": false,
	} {
		if got := recipe.without(name); got != want {
			t.Errorf("without(%q) = %t, want %t", name, got, want)
		}
	}
}

func TestMirrorIsDebiansOwn(t *testing.T) {
	targets := "http://a/debian-security Debian Debian-Security\nhttp://b/node Node Node\nhttp://c/debian Debian Debian\n"
	if got, err := mirrorOf(targets); err != nil || got != "http://c/debian" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := mirrorOf(""); err == nil {
		t.Error("no error without lists")
	}
}

func TestKeysDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, recipe := range Recipes {
		for _, architecture := range []string{"amd64", "arm64"} {
			key, err := recipe.Key(architecture)
			if err != nil {
				t.Fatal(err)
			}
			if seen[key] {
				t.Errorf("the key %s serves two images", key)
			}
			seen[key] = true
		}
	}
}

func TestSystemFiles(t *testing.T) {
	tree := image.Tree{}
	tree.Add("usr/bin/dash", image.Entry{Type: tar.TypeReg})
	tree.Add("usr/bin", image.Entry{Type: tar.TypeSymlink, Linkname: "usr/bin"}) // as base-files has it
	Postgres(15, "").addSystem(tree)
	if got := tree["bin"]; got.Type != tar.TypeSymlink || got.Linkname != "usr/bin" {
		t.Errorf("/bin is %+v, want a link to usr/bin", got)
	}
	if got := tree["usr/bin"]; got.Type != tar.TypeDir {
		t.Errorf("/usr/bin is %+v, want a folder", got)
	}
	if got := tree["usr/bin/sh"]; got.Linkname != "dash" {
		t.Errorf("sh is %+v, want a link to dash", got)
	}
	if line := []byte("postgres:x:999:999::/var/lib/postgresql:/bin/bash\n"); !bytes.Contains(tree["etc/passwd"].Data, line) {
		t.Errorf("/etc/passwd holds %q, not %q", tree["etc/passwd"].Data, line)
	}
	if got := tree["var/lib/postgresql/data"]; got.UID != 999 || got.Mode != 0o750 {
		t.Errorf("the data folder is %+v, want one of user 999's", got)
	}
}
