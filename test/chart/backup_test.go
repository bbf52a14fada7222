package chart

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// rows make what a dump must bring back: bytes of all kinds, an order, a view, a function, and who may do what.
const rows = `
CREATE TABLE notes (id serial PRIMARY KEY, text varchar(80) NOT NULL, blob bytea, at timestamptz DEFAULT '2026-01-31 03:30Z');
INSERT INTO notes (text, blob) SELECT 'note ' || n || E' \\ '' "\t', decode(md5(n::text), 'hex') FROM generate_series(1, 5000) n;
CREATE VIEW newest AS SELECT max(id) FROM notes;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT 2 * n';
REVOKE EXECUTE ON FUNCTION twice(int) FROM PUBLIC;
GRANT SELECT ON newest TO PUBLIC;
SELECT lo_from_bytea(0, 'large'::bytea)`

// outcome is what a backup leaves in the pod's status.
type outcome struct {
	Name    string
	Bytes   int64
	Seconds int64
}

// backup runs a backup of the server to the end, as a Job's pod does.
func (s *server) backup(t *testing.T, environment ...string) (outcome, string) {
	t.Helper()
	command := s.script(t.Context(), "backup.sh")
	command.Env = append(command.Env, "DATABASE_HOST=127.0.0.1", "DATABASE_BACKUP_NAME=blog", "DATABASE_BACKUP_RETAIN=3",
		"DATABASE_BACKUP_DIR="+s.dumps(t), "DATABASE_LOGIN_TRIES=1")
	command.Env = append(command.Env, environment...)
	var done outcome
	output, err := command.CombinedOutput()
	words, readErr := os.ReadFile(filepath.Join(s.dir, "tmp", "last-words"))
	if readErr != nil {
		t.Fatalf("no last words: %s", output)
	}
	var exit *exec.ExitError
	if err == nil {
		if err := json.Unmarshal(words, &done); err != nil {
			t.Fatalf("%v: %s", err, words)
		}
	} else if !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return done, string(words)
}

// dumps is the folder that stands for the volume of the dumps.
func (s *server) dumps(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(s.dir, "dumps")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// files are the names in the folder of the dumps, without the lock.
func (s *server) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(s.dumps(t))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if entry.Name() != ".lock" {
			names = append(names, entry.Name())
		}
	}
	return names
}

// text is the whole database as SQL.
func (s *server) text(t *testing.T, password string) string {
	t.Helper()
	command := s.command(t.Context(), filepath.Join(s.programs, "pg_dump"), "-w", "-h", "127.0.0.1", "-p", s.port,
		"-U", s.user, "-d", s.database, "--no-owner")
	command.Env = append(command.Env, "PGPASSWORD="+password)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	var lines []string
	for line := range strings.Lines(string(output)) {
		// Newer minor versions fence the dump by a random word.
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// restoreFrom makes the data of a dump, as the init container does, and returns its last words where it fails.
func (s *server) restoreFrom(t *testing.T, dumps, dump string) string {
	t.Helper()
	command := s.command(t.Context(), "sh", filepath.Join(s.dir, "config", "start.sh"), "restore")
	command.Env = append(command.Env, "DATABASE_RESTORE_FROM=blog", "DATABASE_RESTORE_DUMP="+dump, "DATABASE_RESTORE_DIR="+dumps)
	words := filepath.Join(s.dir, "tmp", "last-words")
	_ = os.Remove(words)
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	command.Stdout, command.Stderr = log, log
	s.process = command
	err = command.Run()
	s.kill()
	if err == nil {
		return ""
	}
	said, err := os.ReadFile(words)
	if err != nil {
		t.Fatalf("no last words: %s", s.log())
	}
	return string(said)
}

// source is a server that has rows.
func source(t *testing.T, encoding string) *server {
	t.Helper()
	s := newServer(t, encoding)
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	if output, err := s.query(t, "secret", rows); err != nil {
		t.Fatal(output)
	}
	return s
}

// another is a server beside the first that has no data yet.
func (s *server) another(t *testing.T, name string, edit func(*server)) *server {
	t.Helper()
	other := &server{
		dir: filepath.Join(s.dir, name), programs: s.programs, port: freePort(t),
		user: s.user, database: s.database, encoding: s.encoding,
	}
	t.Cleanup(other.kill)
	edit(other)
	other.prepare(t)
	other.setPassword(t, "other")
	return other
}

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

func TestBackupsAreKeptAndPruned(t *testing.T) {
	s := source(t, "UTF8")
	old := []string{"blog-20200101T000000Z.dump", "blog-20200102T000000Z.dump", "blog-20990101T000000Z.dump"}
	mine := []string{"mine.dump", "blog-by-hand.dump", "other-20200101T000000Z.dump", "dump.part", "dump.part.sha256"}
	for _, name := range append(slices.Clone(old), mine...) {
		if err := os.WriteFile(filepath.Join(s.dumps(t), name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	done, words := s.backup(t)
	if done.Name == "" {
		t.Fatal(words)
	}
	// Three are kept: one of a clock that was ahead among them, and never is the new one removed for it.
	want := []string{done.Name, done.Name + ".sha256", old[1], old[2], mine[0], mine[1], mine[2]}
	slices.Sort(want)
	if got := s.files(t); !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	only, _ := s.backup(t, "DATABASE_BACKUP_RETAIN=1")
	want = []string{only.Name, only.Name + ".sha256", mine[0], mine[1], mine[2]}
	slices.Sort(want)
	if got := s.files(t); !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
}

// fake puts a program of a name before PostgreSQL's own, with the shell's lines as what it does.
func (s *server) fake(t *testing.T, name, lines string) string {
	t.Helper()
	dir, err := os.MkdirTemp(s.dir, "fake")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // Another user runs it.
		t.Fatal(err)
	}
	//nolint:gosec // As above.
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+lines+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return "PATH=" + dir + ":" + s.programs + ":" + os.Getenv("PATH")
}

// Whatever goes wrong, what is there stays, and nothing half done is left.
func TestBackupFails(t *testing.T) {
	s := source(t, "UTF8")
	good, words := s.backup(t)
	if good.Name == "" {
		t.Fatal(words)
	}
	before := s.files(t)
	denied := s.another(t, "denied", func(*server) {})
	for _, test := range []struct {
		name string
		env  []string
		do   func()
		want string
	}{
		{"no server", []string{"DATABASE_PORT=1"}, nil, "the server takes no login"},
		{"another password", []string{"DATABASE_PASSWORD_FILE=" + filepath.Join(denied.dir, "password")}, nil, "password authentication failed"},
		{
			// What a full disk does to pg_dump: a part of the file, and an error.
			"a full disk",
			[]string{s.fake(t, "pg_dump", `ulimit -f 8; trap '' XFSZ; exec `+filepath.Join(s.programs, "pg_dump")+` "$@"`)},
			nil,
			"pg_dump failed: pg_dump: error:",
		},
		{
			"a dump that is cut off",
			[]string{s.fake(t, "pg_dump", filepath.Join(s.programs, "pg_dump")+` "$@"
for last; do :; done; file=${last#--file=}; head -c 20000 "$file" >"$file.cut"; mv "$file.cut" "$file"`)},
			nil,
			"can't be read back: pg_restore: error:",
		},
		{"a table that the user may not read", nil, func() { s.superuser(t, "CREATE TABLE hidden (a int)") }, "permission denied for table hidden"},
	} {
		if test.do != nil {
			test.do()
		}
		done, words := s.backup(t, test.env...)
		if done.Name != "" || !strings.Contains(words, test.want) {
			t.Errorf("%s: %+v, %s", test.name, done, words)
		}
		if got := s.files(t); !slices.Equal(got, before) {
			t.Errorf("%s: there are %v, want %v", test.name, got, before)
		}
	}
	s.superuser(t, "DROP TABLE hidden")
	if done, words := s.backup(t); done.Name == "" {
		t.Error(words)
	}
}

// superuser runs SQL as a person in the pod does.
func (s *server) superuser(t *testing.T, sql string) {
	t.Helper()
	command := s.command(t.Context(), filepath.Join(s.programs, "psql"), "-Xqw", "-h", filepath.Join(s.dir, "run"), "-p", s.port,
		"-U", "postgres", "-d", s.database, "-c", sql)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}

// Two backups at once, one of them killed in the middle of its work: the other one waits, and succeeds.
func TestBackupsDoNotMeet(t *testing.T) {
	s := source(t, "UTF8")
	first := s.script(t.Context(), "backup.sh")
	first.Env = append(first.Env, "DATABASE_BACKUP_NAME=blog", "DATABASE_BACKUP_RETAIN=3", "DATABASE_BACKUP_DIR="+s.dumps(t),
		s.fake(t, "pg_dump", `for last; do :; done; echo half >"${last#--file=}"; exec sleep 60`))
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); len(s.files(t)) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the first backup did not begin")
		}
	}
	finished := make(chan string, 1)
	go func() {
		done, words := s.backup(t)
		if done.Name == "" {
			done.Name = words
		}
		finished <- done.Name
	}()
	select {
	case name := <-finished:
		t.Errorf("the second backup did not wait: %s", name)
	case <-time.After(time.Second):
	}
	_ = syscall.Kill(-first.Process.Pid, syscall.SIGKILL)
	_ = first.Wait()
	name := <-finished
	if got := s.files(t); !slices.Equal(got, []string{name, name + ".sha256"}) {
		t.Errorf("there are %v, want %s", got, name)
	}
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
