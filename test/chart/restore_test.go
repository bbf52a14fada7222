package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestBackupAndRestore(t *testing.T) {
	s := source(t, "UTF8")
	done, words := s.backup(t)
	path := filepath.Join(s.dumps(t), done.Name)
	if info, err := os.Stat(path); err != nil || info.Size() != done.Bytes || done.Bytes < 5000 {
		t.Fatalf("%+v: %v: %s", done, err, words)
	}
	s.want(t, "secret", "INSERT INTO notes (text) VALUES ('é漢字 and later'); SELECT count(*) FROM notes", "INSERT 0 1\n5001")
	newest, _ := s.backup(t)
	for _, test := range []struct {
		name string
		edit func(*server)
		dump string
		rows string
	}{
		{"the newest", func(*server) {}, "latest", "5001"},
		{"an older one, by its name, for another user and database", func(o *server) { o.user, o.database = "shop", "store" }, done.Name, "5000"},
	} {
		t.Run(test.name, func(t *testing.T) {
			other := s.another(t, test.rows, test.edit)
			for range 2 { // The second time the data are there already.
				if said := other.restoreFrom(t, s.dumps(t), test.dump); said != "" {
					t.Fatal(said)
				}
			}
			other.start(t)
			other.waitReady(t)
			other.want(t, "other", "SELECT count(*) FROM notes", test.rows)
			other.want(t, "other", "INSERT INTO notes (text) VALUES ('new') RETURNING id > 5000", "t\nINSERT 0 1")
			other.want(t, "other", "SELECT count(*) FROM pg_class WHERE relname IN ('notes', 'newest') AND relowner <> current_user::regrole", "0")
			other.want(t, "other", "SELECT has_function_privilege('public', 'twice(int)', 'EXECUTE')", "f")
		})
	}
	// Equal to the source in every byte of its dump.
	equal := s.another(t, "equal", func(*server) {})
	if said := equal.restoreFrom(t, s.dumps(t), newest.Name); said != "" {
		t.Fatal(said)
	}
	equal.start(t)
	equal.waitReady(t)
	if want, got := s.text(t, "secret"), equal.text(t, "other"); got != want {
		t.Errorf("the restored database differs:\n%s", firstDifference(want, got))
	}
}

func firstDifference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return "want " + a[i] + "\ngot  " + b[i]
		}
	}
	return "one is the beginning of the other"
}

func TestRestoreFails(t *testing.T) {
	s := source(t, "UTF8")
	s.want(t, "secret", "INSERT INTO notes (text) VALUES ('漢') RETURNING id", "5001\nINSERT 0 1")
	done, words := s.backup(t)
	if done.Name == "" {
		t.Fatal(words)
	}
	dumps := s.dumps(t)
	dump, err := os.ReadFile(filepath.Join(dumps, done.Name))
	if err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(dumps, "cut.dump"), dump[:len(dump)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(dump)
	flipped[len(flipped)/2] ^= 1
	for name, content := range map[string][]byte{
		"flipped.dump":        flipped,
		"flipped.dump.sha256": []byte("5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8  flipped.dump\n"),
		"text.dump":           []byte("no dump"),
	} {
		if err := os.WriteFile(filepath.Join(dumps, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		for _, name := range []string{"cut.dump", "flipped.dump", "flipped.dump.sha256", "text.dump"} {
			if err := os.Chown(filepath.Join(dumps, name), nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := s.another(t, "other", func(o *server) { o.encoding = "LATIN1" })
	for _, test := range []struct{ name, dir, dump, want string }{
		{"no dump", empty, "latest", "there is no dump of Database blog"},
		{"another name", dumps, "blog-20200101T000000Z.dump", "The newest there are: " + done.Name},
		{"cut off", dumps, "cut.dump", "cut.dump could not be restored"},
		{"a bit flipped", dumps, "flipped.dump", "flipped.dump is damaged"},
		{"no dump at all", dumps, "text.dump", "text.dump could not be restored"},
		{"a character that the encoding has not", dumps, "latest", `no equivalent in encoding "LATIN1"`},
	} {
		said := other.restoreFrom(t, test.dir, test.dump)
		if !strings.Contains(said, test.want) || strings.Contains(said, "note 1") {
			t.Errorf("%s: %q", test.name, said)
		}
		if _, err := os.Stat(filepath.Join(other.dir, "volume", "data")); !os.IsNotExist(err) {
			t.Errorf("%s: half a database is left: %v", test.name, err)
		}
	}
	// It goes on by itself once the cause is mended, and does not touch data that are there.
	s.want(t, "secret", "DELETE FROM notes WHERE id = 5001", "DELETE 1")
	if done, words = s.backup(t); done.Name == "" {
		t.Fatal(words)
	}
	if said := other.restoreFrom(t, dumps, "latest"); said != "" {
		t.Fatal(said)
	}
	if said := other.restoreFrom(t, dumps, done.Name); !strings.Contains(said, "holds data already") {
		t.Errorf("last words: %q", said)
	}
	other.start(t)
	other.waitReady(t)
	other.want(t, "other", "SELECT count(*) FROM notes", "5000")
}
