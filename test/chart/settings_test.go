package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// restartWith starts the pod anew with settings, and returns what the server has against them.
func (s *server) restartWith(t *testing.T, settings string) string {
	t.Helper()
	if s.process != nil {
		s.stop(t)
	}
	//nolint:gosec // The kubelet's file is for a group; here it is for another user.
	if err := os.WriteFile(filepath.Join(s.dir, "config", "settings.conf"), []byte(settings), 0o644); err != nil {
		t.Fatal(err)
	}
	words := filepath.Join(s.dir, "tmp", "last-words")
	if err := os.RemoveAll(words); err != nil {
		t.Fatal(err)
	}
	if output, err := s.script(t.Context(), "settings.sh").CombinedOutput(); err != nil {
		t.Fatalf("settings.sh: %v: %s", err, output)
	}
	refused, err := os.ReadFile(words)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	s.start(t)
	s.waitReady(t)
	return string(refused)
}

func TestSettings(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	const good = "work_mem = '7MB'\nshared_preload_libraries = 'pg_stat_statements'\nlog_line_prefix = 'it''s \\\\ %m '\n"
	if refused := s.restartWith(t, good); refused != "" {
		t.Fatalf("refused: %s", refused)
	}
	s.want(t, "secret", "SHOW work_mem", "7MB")
	s.want(t, "secret", "SHOW log_line_prefix", `it's \ %m`)

	for _, test := range []struct{ name, settings, want string }{
		{"an unknown name", "work_memory = '8MB'", `unrecognized configuration parameter "work_memory"`},
		{"a wrong value", "work_mem = 'much'", `invalid value for parameter "work_mem": "much"`},
		{"two errors", "work_mem = 'much'\nfoo = '1'", `unrecognized configuration parameter "foo"`},
		{"what does not go together", "wal_level = 'minimal'", `wal_level`},
		{"a library that is not there", "shared_preload_libraries = 'none_such'", `could not access file "none_such"`},
		{"more memory than there is", "shared_buffers = '4000GB'", "MB of shared memory"},
	} {
		refused := s.restartWith(t, test.settings)
		if !strings.Contains(refused, test.want) || strings.Contains(refused, s.dir) {
			t.Errorf("%s: refused with %q, want %q and no path", test.name, refused, test.want)
		}
		s.want(t, "secret", "SHOW work_mem", "7MB")
	}

	if refused := s.restartWith(t, "work_mem = '9MB'"); refused != "" {
		t.Fatalf("refused: %s", refused)
	}
	s.want(t, "secret", "SHOW work_mem", "9MB")
}

// With nothing to fall back to, a server starts with PostgreSQL's defaults.
func TestSettingsRefusedAtFirst(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	if refused := s.restartWith(t, "foo = 1"); !strings.Contains(refused, `"foo"`) {
		t.Errorf("refused: %q", refused)
	}
	s.want(t, "secret", "SHOW work_mem", "4MB")

	// Settings that are taken away are unset with the next start.
	if refused := s.restartWith(t, "work_mem = '9MB'"); refused != "" {
		t.Errorf("refused: %s", refused)
	}
	s.stop(t)
	if err := os.Remove(filepath.Join(s.dir, "config", "settings.conf")); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	s.waitReady(t)
	s.want(t, "secret", "SHOW work_mem", "4MB")
}

// Whatever the settings let into the log, the password is not in it when it is set.
func TestSettingsDoNotLogThePassword(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "Tr0ub4dor-and-3")
	refused := s.restartWith(t, `
log_statement = 'all'
log_min_duration_statement = '0'
log_min_duration_sample = '0'
log_statement_sample_rate = '1'
log_transaction_sample_rate = '1'
log_min_error_statement = 'debug5'
log_min_messages = 'debug1'
debug_print_parse = 'on'
debug_print_rewritten = 'on'
debug_print_plan = 'on'
default_transaction_read_only = 'on'
shared_preload_libraries = 'pg_stat_statements'
`)
	if refused != "" {
		t.Fatalf("refused: %s", refused)
	}
	s.setPassword(t, "Tr0ub4dor-and-4")
	s.waitReady(t)
	s.want(t, "Tr0ub4dor-and-4", "SHOW log_statement", "all")
	if strings.Contains(s.log(), "Tr0ub4dor") {
		t.Errorf("the password is in the log:\n%s", s.log())
	}
	stored := s.command(t.Context(), filepath.Join(s.programs, "psql"), "-XAtw", "-h", filepath.Join(s.dir, "run"), "-p", s.port,
		"-U", "postgres", "-d", "database_operator", "-c", "CREATE EXTENSION pg_stat_statements", "-c", "SELECT query FROM pg_stat_statements")
	stored.Env = append(stored.Env, "PGOPTIONS=-c default_transaction_read_only=off")
	output, err := stored.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "CREATE EXTENSION") || strings.Contains(string(output), "Tr0ub4dor") {
		t.Errorf("what pg_stat_statements has stored, %v: %s", err, output)
	}
}
