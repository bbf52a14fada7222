package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestBackupAndRestore(t *testing.T) {
	s := source(t, "UTF8")
	done, words := s.backup(t)
	if !done.Restored || done.Tables != 1 || done.Rows != 5000 {
		t.Errorf("%+v: %s", done, words)
	}
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
	// It goes on by itself once the cause is fixed, and does not touch data that are there.
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

// What is not in a dump of pg_dump comes along too, and extensions that only a superuser may create.
func TestRestoreIsWhole(t *testing.T) {
	s := source(t, "UTF8")
	if refused := s.restartWith(t, "shared_preload_libraries = 'pg_stat_statements'"); refused != "" {
		t.Fatal(refused)
	}
	s.superuser(t, "CREATE SCHEMA ext AUTHORIZATION wp; CREATE EXTENSION pg_stat_statements SCHEMA ext; CREATE EXTENSION \"uuid-ossp\"")
	for _, sql := range []string{
		"CREATE EXTENSION hstore", // trusted: the user's own
		"COMMENT ON EXTENSION hstore IS 'mine'",
		`ALTER DATABASE wordpress SET search_path = ext, "$user", public`,
		"ALTER ROLE wp SET statement_timeout = '91s'",
		"ALTER ROLE wp IN DATABASE wordpress SET work_mem = '7MB'",
		`ALTER DATABASE wordpress SET application_name = 'a ''b'' \ c'`,
		"COMMENT ON DATABASE wordpress IS 'it''s'",
		"GRANT TEMPORARY ON DATABASE wordpress TO PUBLIC",
		"ALTER DATABASE wordpress CONNECTION LIMIT 17",
	} {
		if output, err := s.query(t, "secret", sql); err != nil {
			t.Fatalf("%s: %s", sql, output)
		}
	}
	done, words := s.backup(t)
	if !done.Restored {
		t.Fatal(words)
	}
	other := s.another(t, "other", func(o *server) { o.user, o.database = "shop", "store" })
	if said := other.restoreFrom(t, s.dumps(t), "latest"); said != "" {
		t.Fatal(said)
	}
	other.start(t)
	other.waitReady(t)
	for sql, want := range map[string]string{
		"SHOW search_path":       `ext, "$user", public`,
		"SHOW statement_timeout": "91s",
		"SHOW work_mem":          "7MB",
		`SELECT substr(c, 18) FROM pg_db_role_setting, unnest(setconfig) c WHERE c LIKE 'application_name=%'`:                                                             `a 'b' \ c`,
		"SELECT shobj_description(oid, 'pg_database'), datconnlimit FROM pg_database WHERE datname = current_database()":                                                  "it's|17",
		"SELECT has_database_privilege('public', current_database(), 'TEMP'), has_database_privilege('public', current_database(), 'CONNECT')":                            "t|f",
		"SELECT string_agg(extname || ' ' || extnamespace::regnamespace || ' ' || extowner::regrole, ', ' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'": "hstore public shop, pg_stat_statements ext postgres, uuid-ossp public shop",
		"SELECT obj_description(oid, 'pg_extension') FROM pg_extension WHERE extname = 'hstore'":                                                                          "mine",
	} {
		other.want(t, "other", sql, want)
	}

	// Properties that are no JSON are not taken for none.
	if err := os.WriteFile(filepath.Join(s.dumps(t), done.Name+".properties"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	third := s.another(t, "third", func(*server) {})
	if said := third.restoreFrom(t, s.dumps(t), "latest"); !strings.Contains(said, "json") {
		t.Errorf("last words: %q", said)
	}
}

// What can't be restored is no backup, whatever pg_dump says of it; without the proof it is.
func TestBackupIsProved(t *testing.T) {
	s := source(t, "UTF8")
	// A function that only a superuser may create.
	s.superuser(t, "CREATE FUNCTION own() RETURNS int LANGUAGE internal AS 'pg_backend_pid'; ALTER FUNCTION own() OWNER TO wp")
	if done, words := s.backup(t); done.Name != "" || !strings.Contains(words, "can't be restored") || !strings.Contains(words, "language internal") {
		t.Errorf("%+v, %s", done, words)
	}
	if files := s.files(t); len(files) > 0 {
		t.Errorf("there are %v", files)
	}
	if done, words := s.backup(t, "DATABASE_BACKUP_VERIFICATION=Read"); done.Name == "" || done.Restored {
		t.Errorf("%+v, %s", done, words)
	}
}

// A dump that a restore reads is not pruned, and the next backup prunes it.
func TestDumpInUseIsKept(t *testing.T) {
	s := source(t, "UTF8")
	first, words := s.backup(t)
	if first.Name == "" {
		t.Fatal(words)
	}
	reader, err := os.Open(filepath.Join(s.dumps(t), first.Name))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(reader.Fd()), syscall.LOCK_SH); err != nil { //nolint:gosec // A descriptor is an int.
		t.Fatal(err)
	}
	read := []string{"DATABASE_BACKUP_VERIFICATION=Read", "DATABASE_BACKUP_RETAIN=1"}
	if done, words := s.backup(t, read...); done.Name == "" || !slices.Contains(s.files(t), first.Name) {
		t.Errorf("%s, and there are %v", words, s.files(t))
	}
	_ = reader.Close()
	if done, words := s.backup(t, read...); done.Name == "" || slices.Contains(s.files(t), first.Name) {
		t.Errorf("%s, and there are %v", words, s.files(t))
	}
}
