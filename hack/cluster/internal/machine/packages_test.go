package machine

import (
	"slices"
	"strings"
	"testing"
)

func TestNotInstalled(t *testing.T) {
	status := "gcc installed\niptables not-installed\niproute2 config-files\n"
	got := notInstalled([]string{"gcc", "iptables", "iproute2", "libc6-dev"}, status)
	if want := []string{"iptables", "iproute2", "libc6-dev"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCheckUserSaysWhatToDo(t *testing.T) {
	tests := []struct {
		goos  string
		uid   int
		holds string // "" where all is well
	}{
		{"linux", 0, ""},
		{"linux", 1000, "sudo"},
		{"darwin", 501, "Debian 12 machine"},
	}
	for _, test := range tests {
		err := checkUser(test.goos, test.uid)
		if test.holds == "" {
			if err != nil {
				t.Errorf("%s, user %d: %v", test.goos, test.uid, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.holds) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s, user %d: got %v, want one line that says %q", test.goos, test.uid, err, test.holds)
		}
	}
}
