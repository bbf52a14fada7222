package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
	want := []string{done.Name, done.Name + ".properties", done.Name + ".sha256", old[1], old[2], mine[0], mine[1], mine[2]}
	slices.Sort(want)
	if got := s.files(t); !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	only, _ := s.backup(t, "DATABASE_BACKUP_RETAIN=1")
	want = []string{only.Name, only.Name + ".properties", only.Name + ".sha256", mine[0], mine[1], mine[2]}
	slices.Sort(want)
	if got := s.files(t); !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
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
			"can't be restored, and is not kept: pg_restore: error:",
		},
		{"a table that the user may not read", nil, func() { s.superuser(t, "CREATE TABLE hidden (a int)") }, "permission denied for table hidden"},
		{
			"a table that stays locked",
			[]string{"DATABASE_LOCK_WAIT=1000"},
			func() { s.superuser(t, "DROP TABLE hidden"); s.lock(t) }, "locked by another session for 1 s",
		},
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
	s.superuser(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'locker'")
	if done, words := s.backup(t); done.Name == "" {
		t.Error(words)
	}
}

// lock holds an exclusive lock on a table until its session is ended.
func (s *server) lock(t *testing.T) {
	t.Helper()
	command := s.command(t.Context(), filepath.Join(s.programs, "psql"), "-Xqw", "-h", filepath.Join(s.dir, "run"), "-p", s.port,
		"-U", "postgres", "-d", s.database, "-c", "BEGIN; LOCK TABLE notes; SELECT pg_sleep(600)")
	command.Env = append(command.Env, "PGAPPNAME=locker")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = command.Wait() })
	s.wait(t, "SELECT count(*) FROM pg_locks WHERE relation = 'notes'::regclass AND mode = 'AccessExclusiveLock'", "1")
}

// Two backups at once, one of them killed in the middle of its work: the other one waits, and succeeds.
func TestBackupsDoNotMeet(t *testing.T) {
	s := source(t, "UTF8")
	first := s.script(t.Context(), "backup.sh")
	first.Env = append(first.Env, "DATABASE_SCRATCH_DIR="+filepath.Join(s.dir, "tmp"), "DATABASE_BACKUP_NAME=blog", "DATABASE_BACKUP_RETAIN=3", "DATABASE_BACKUP_DIR="+s.dumps(t),
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
	if got := s.files(t); !slices.Equal(got, []string{name, name + ".properties", name + ".sha256"}) {
		t.Errorf("there are %v, want %s", got, name)
	}
}
