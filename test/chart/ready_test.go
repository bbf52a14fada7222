package chart

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ready runs the readiness probe once, and returns what it prints.
func (s *server) ready(t *testing.T) (string, bool) {
	t.Helper()
	output, err := s.script(t.Context(), "ready.sh").CombinedOutput()
	return string(output), err == nil
}

// verifier is what the server has of the user's password.
func (s *server) verifier(t *testing.T) string {
	t.Helper()
	command := s.command(t.Context(), filepath.Join(s.programs, "psql"), "-XAtqw", "-h", filepath.Join(s.dir, "run"), "-p", s.port,
		"-U", "postgres", "-d", "postgres", "-c", "SELECT rolpassword FROM pg_authid WHERE rolname = '"+s.user+"'")
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return string(output)
}

// session is a connection of the user's that stays.
func (s *server) session(t *testing.T) *exec.Cmd {
	t.Helper()
	session := s.command(t.Context(), filepath.Join(s.programs, "psql"), "-XAtqw", "-h", "127.0.0.1", "-p", s.port, "-U", s.user,
		"-d", s.database, "-c", "SELECT 'connected'", "-c", "SELECT pg_sleep(600)")
	session.Env = append(session.Env, "PGPASSWORD=secret")
	output, err := session.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := session.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); err != nil || line != "connected\n" {
		t.Fatalf("a session: %q, %v", line, err)
	}
	return session
}

// Each reason why nobody can log in is printed in one line, and what was right is not changed.
func TestReadinessSaysWhy(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	before := s.verifier(t)
	maintenance := func(sql string) {
		t.Helper()
		command := s.command(t.Context(), filepath.Join(s.programs, "psql"), "-Xqw", "-h", filepath.Join(s.dir, "run"), "-p", s.port,
			"-U", "postgres", "-d", "postgres", "-v", "ON_ERROR_STOP=1")
		command.Stdin = strings.NewReader(sql)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", sql, err, output)
		}
	}
	for _, test := range []struct{ sql, undo, want string }{
		{"ALTER ROLE wp NOLOGIN", "ALTER ROLE wp LOGIN", "LoginDisabled: role wp"},
		{"ALTER ROLE wp VALID UNTIL '2001-01-01'", "ALTER ROLE wp VALID UNTIL 'infinity'", "LoginDisabled: the password of role wp was valid until 2001"},
		{"ALTER ROLE wp CONNECTION LIMIT 0", "ALTER ROLE wp CONNECTION LIMIT -1", "ConnectionLimit: role wp"},
		{"ALTER DATABASE wordpress CONNECTION LIMIT 0", "ALTER DATABASE wordpress CONNECTION LIMIT -1", "ConnectionLimit: database wordpress may"},
		{"ALTER DATABASE wordpress ALLOW_CONNECTIONS false", "ALTER DATABASE wordpress ALLOW_CONNECTIONS true", "ConnectionLimit: database wordpress takes"},
		{"ALTER DATABASE wordpress RENAME TO other", "ALTER DATABASE other RENAME TO wordpress", "DatabaseMissing: database wordpress does not exist"},
		{"ALTER ROLE wp RENAME TO other", "ALTER ROLE other RENAME TO wp", "RoleMissing: role wp"},
		{
			"ALTER DATABASE wordpress OWNER TO postgres; REVOKE ALL ON DATABASE wordpress FROM wp", "ALTER DATABASE wordpress OWNER TO wp",
			"LoginDisabled: role wp may not connect",
		},
	} {
		maintenance(test.sql)
		if output, ready := s.ready(t); ready || !strings.HasPrefix(output, test.want) || strings.Count(output, "\n") != 1 {
			t.Errorf("%s: %t, %s", test.sql, ready, output)
		}
		maintenance(test.undo)
		if output, ready := s.ready(t); !ready {
			t.Errorf("%s: %s", test.undo, output)
		}
	}
	if after := s.verifier(t); after != before {
		t.Errorf("the password was set again: %s, %s", before, after)
	}

	// One that somebody else set is set to the Secret's.
	s.superuser(t, "ALTER ROLE wp PASSWORD 'other'")
	if output, ready := s.ready(t); !ready {
		t.Error(output)
	}
	s.want(t, "secret", "SELECT 1", "1")
}

// The user may drop the database and create it again. In another encoding it is not what was asked for.
func TestUserCreatesTheDatabaseAgain(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	// A volume from before the user could.
	s.superuser(t, "ALTER ROLE wp NOCREATEDB")
	s.stop(t)
	_ = os.Remove(filepath.Join(s.dir, "run", "login")) // The pod's own folder goes with the pod.
	s.start(t)
	s.waitReady(t)
	as := *s
	as.database = "postgres"
	for _, step := range []struct{ sql, want string }{
		{"DROP DATABASE wordpress WITH (FORCE)", "DatabaseMissing"},
		{"CREATE DATABASE wordpress ENCODING 'LATIN1' TEMPLATE template0", "EncodingDiffers: the encoding of database wordpress is LATIN1, not UTF8"},
		{"DROP DATABASE wordpress", "DatabaseMissing"},
		{"CREATE DATABASE wordpress", ""},
	} {
		if output, err := as.query(t, "secret", step.sql); err != nil {
			t.Fatalf("%s: %s", step.sql, output)
		}
		if output, ready := s.ready(t); ready != (step.want == "") || !strings.HasPrefix(output, step.want) {
			t.Errorf("%s: %t, %s", step.sql, ready, output)
		}
	}
	s.want(t, "secret", "SELECT 1", "1")
}

// A server whose connections are all in use serves, and the password is not touched.
func TestFullServerIsReady(t *testing.T) {
	for name, test := range map[string]struct {
		settings, sql string
		sessions      int
	}{
		"all that users may have":        {"max_connections = '8'", "", 5},
		"all that the superuser may too": {"max_connections = '8'\nsuperuser_reserved_connections = '0'", "", 8},
		"the role's":                     {"", "ALTER ROLE wp CONNECTION LIMIT 3", 3},
		"the database's":                 {"", "ALTER DATABASE wordpress CONNECTION LIMIT 3", 3},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t, "UTF8")
			s.setPassword(t, "secret")
			if refused := s.restartWith(t, "client_connection_check_interval = '100ms'\n"+test.settings); refused != "" {
				t.Fatal(refused)
			}
			if test.sql != "" {
				s.superuser(t, test.sql)
			}
			before := s.verifier(t)
			// A pod that starts anew finds its connections taken at once.
			_ = os.Remove(filepath.Join(s.dir, "run", "login"))
			var sessions []*exec.Cmd
			for range test.sessions {
				sessions = append(sessions, s.session(t))
			}
			output, err := s.query(t, "secret", "SELECT 1")
			full := err != nil && strings.Contains(output, "connection")
			for range 3 {
				if output, ready := s.ready(t); !full || !ready || output != "" {
					t.Errorf("full: %t, ready: %t, %s", full, ready, output)
				}
			}
			for _, session := range sessions {
				_ = syscall.Kill(-session.Process.Pid, syscall.SIGKILL)
				_ = session.Wait()
			}
			s.wait(t, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'", "1")
			if after := s.verifier(t); after != before {
				t.Errorf("the password was set again: %s, %s", before, after)
			}
		})
	}
}

// A crash that the server recovers from within its container is reported once, with how many there were.
func TestCrashesAreCounted(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	for count := 1; count <= 2; count++ {
		session := s.session(t)
		const sleeping = "FROM pg_stat_activity WHERE query LIKE '%sleep(600)' AND pid <> pg_backend_pid()"
		s.wait(t, "SELECT count(*) "+sleeping, "1")
		pid, err := s.query(t, "secret", "SELECT pid "+sleeping)
		if err != nil {
			t.Fatal(pid)
		}
		number, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(number, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = session.Wait()
		var reported string
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
			if output, _ := s.ready(t); strings.HasPrefix(output, "Crashed") {
				reported = output
				break
			}
		}
		if !strings.Contains(reported, "("+strconv.Itoa(count)+" times since") || strings.Count(reported, "\n") != 1 {
			t.Errorf("crash %d: %q", count, reported)
		}
		s.waitReady(t)
	}
	// A new start is none.
	s.stop(t)
	s.start(t)
	s.waitReady(t)
	for range 3 {
		if output, ready := s.ready(t); !ready {
			t.Error(output)
		}
	}
}
