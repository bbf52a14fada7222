package chart

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
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

// outcome is what a backup leaves in the pod's status.
type outcome struct {
	Name     string
	Bytes    int64
	Seconds  int64
	Restored bool
	Tables   int64
	Rows     int64
}

// backup runs a backup of the server to the end, as a Job's pod does.
func (s *server) backup(t *testing.T, environment ...string) (outcome, string) {
	t.Helper()
	command := s.script(t.Context(), "backup.sh")
	command.Env = append(command.Env, "DATABASE_HOST=127.0.0.1", "DATABASE_BACKUP_NAME=blog", "DATABASE_BACKUP_RETAIN=3",
		"DATABASE_BACKUP_DIR="+s.dumps(t), "DATABASE_LOGIN_TRIES=1", "DATABASE_SCRATCH_DIR="+filepath.Join(s.dir, "tmp"))
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

// superuser runs SQL as a user in the pod does.
func (s *server) superuser(t *testing.T, sql string) {
	t.Helper()
	command := s.command(t.Context(), filepath.Join(s.programs, "psql"), "-Xqw", "-h", filepath.Join(s.dir, "run"), "-p", s.port,
		"-U", "postgres", "-d", s.database, "-c", sql)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
}
