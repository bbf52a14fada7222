package chart

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPasswordsAndEncodings(t *testing.T) {
	passwords := []string{
		"secret", `it's "quoted"`, `back\slash \n \' '; DROP ROLE postgres; --`, "$HOME `id` $(id) %s :user :'user'",
		"line one\nline two\n", "\n", " spaces ", "é漢字🔑", strings.Repeat("x", 256), "-c", `\getenv`,
	}
	for i, encoding := range []string{"UTF8", "LATIN1", "EUC_JP", "SQL_ASCII", "WIN1251", "MULE_INTERNAL"} {
		t.Run(encoding, func(t *testing.T) {
			s := newServer(t, encoding)
			first := passwords[i]
			s.setPassword(t, first)
			s.start(t)
			s.waitReady(t)
			s.want(t, first, "SHOW server_encoding", encoding)
			s.want(t, first, "SELECT rolsuper OR rolcreaterole OR rolreplication OR rolbypassrls FROM pg_roles WHERE rolname = current_user", "f")
			s.want(t, first, "CREATE TABLE rows AS SELECT generate_series(1, 1000); SELECT count(*) FROM rows", "SELECT 1000\n1000")
			before := first
			for _, password := range passwords {
				s.setPassword(t, password)
				s.waitReady(t)
				s.want(t, password, "SELECT count(*) FROM rows", "1000")
				if password != before {
					if _, err := s.query(t, before, "SELECT 1"); err == nil {
						t.Errorf("the password %q still logs in", before)
					}
				}
				before = password
			}
			if strings.Contains(s.log(), "DROP ROLE") || strings.Contains(s.log(), "漢") {
				t.Errorf("a password is in the log: %s", s.log())
			}
			s.stop(t)
			s.start(t)
			s.waitReady(t)
			s.want(t, before, "SELECT count(*) FROM rows", "1000")
		})
	}
}

func TestSuperuserComesByTheSocketOnly(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	for _, login := range []struct{ user, database string }{{"postgres", "wordpress"}, {"wp", "database_operator"}} {
		s.user, s.database = login.user, login.database
		if answer, err := s.query(t, "secret", "SELECT 1"); err == nil || !strings.Contains(answer, "rejects") {
			t.Errorf("%s in %s: %s, %v", login.user, login.database, answer, err)
		}
	}
}

// A password that the server could not take is never set: an empty one would let nobody in any more.
func TestBadPasswords(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "")
	s.start(t)
	if words := s.lastWords(t); !strings.Contains(words, "password") {
		t.Errorf("last words: %s", words)
	}
	s.setPassword(t, "good")
	s.start(t)
	s.waitReady(t)
	for _, bad := range []string{"", "a\x00b"} {
		s.setPassword(t, bad)
		if err := s.script(t.Context(), "ready.sh").Run(); err == nil {
			t.Errorf("ready with the password %q", bad)
		}
		s.want(t, "good", "SELECT 1", "1")
	}
}

// A password in the arguments of a process can be read by everybody on the node.
func TestPasswordIsInNoArgument(t *testing.T) {
	const password = "Tr0ub4dor-and-3"
	s := newServer(t, "UTF8")
	s.setPassword(t, password)
	s.start(t)
	done := make(chan struct{})
	seen := make(chan string, 1)
	go func() {
		defer close(seen)
		for {
			select {
			case <-done:
				return
			default:
			}
			lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
			for _, name := range lines {
				if line, err := os.ReadFile(name); err == nil && bytes.Contains(line, []byte(password)) {
					seen <- string(line)
					return
				}
			}
		}
	}()
	s.waitReady(t)
	s.setPassword(t, password+"-new")
	s.waitReady(t)
	close(done)
	if line, found := <-seen; found {
		t.Errorf("the password is in the arguments: %q", line)
	}
}
