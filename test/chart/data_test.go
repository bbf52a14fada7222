package chart

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The power goes at any moment of the initialisation: the next start makes the data, or finds them whole.
func TestInitialisationIsCutShort(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	for wait := 50 * time.Millisecond; ; wait = wait * 3 / 2 {
		s.start(t)
		time.Sleep(wait)
		_, err := os.Stat(filepath.Join(s.dir, "volume", "data"))
		s.kill()
		if err == nil {
			break
		}
		if wait > time.Minute {
			t.Fatalf("no data after a minute: %s", s.log())
		}
	}
	s.start(t)
	s.waitReady(t)
	s.want(t, "secret", "CREATE TABLE rows AS SELECT 1; SELECT count(*) FROM rows", "SELECT 1\n1")
	s.kill()
	s.start(t)
	s.waitReady(t)
	s.want(t, "secret", "SELECT count(*) FROM rows", "1")
}

func TestDataOfAnotherAreLeftAlone(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	s.start(t)
	s.waitReady(t)
	s.stop(t)
	for _, test := range []struct {
		name string
		edit func(*server)
		want string
	}{
		{"another user", func(s *server) { s.user = "other" }, "data of another Database (user=wp"},
		{"another database", func(s *server) { s.database = "other" }, "database=wordpress"},
		{"another encoding", func(s *server) { s.encoding = "LATIN1" }, "encoding=UTF8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			other := *s
			test.edit(&other)
			other.start(t)
			if words := other.lastWords(t); !strings.Contains(words, test.want) {
				t.Errorf("last words: %s", words)
			}
		})
	}
	version := filepath.Join(s.dir, "volume", "data", "PG_VERSION")
	was, err := os.ReadFile(version)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(version, []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	if words := s.lastWords(t); !strings.Contains(words, "the data are of PostgreSQL 9") {
		t.Errorf("last words: %s", words)
	}
	if err := os.WriteFile(version, was, 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	s.waitReady(t)
}

// A volume that lost its data is not initialized again, unless the user agreed.
func TestEmptyVolumeOfAServerThatHadData(t *testing.T) {
	s := newServer(t, "UTF8")
	s.setPassword(t, "secret")
	mark := filepath.Join(s.dir, "config", "had-data")
	if err := os.WriteFile(mark, []byte("uid"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	if words := s.lastWords(t); !strings.Contains(words, "the volume is empty, and this server had data") {
		t.Errorf("termination message: %s", words)
	}
	if left, err := os.ReadDir(filepath.Join(s.dir, "volume")); err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "data") && e.IsDir() }) {
		t.Errorf("the volume has %v, %v", left, err)
	}
	if err := os.Remove(mark); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	s.waitReady(t)
	// With data, the mark changes nothing.
	s.stop(t)
	if err := os.WriteFile(mark, []byte("uid"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	s.waitReady(t)
}
