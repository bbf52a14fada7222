package db

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/client-go/util/exec"
)

func TestParseUsage(t *testing.T) {
	ended := exec.CodeExitError{Err: errors.New("command terminated with exit code 2"), Code: 2}
	for name, test := range map[string]struct {
		stdout, stderr string
		err            error
		want           usage  // without its errors
		storage        string // the error, or a part of it
		server         string
	}{
		"all": {
			stdout: "/dev/vdb  10255636 524288 9731348  6% /pgdata\n3 100 7631371\n",
			want:   usage{used: 524288 << 10, free: 9731348 << 10, size: 7631371, connections: 3, limit: 100},
		},
		"a device with spaces in its name": {
			stdout: "nfs server:/a b 100 50 40 56% /pgdata\n0 100 1\n",
			want:   usage{used: 50 << 10, free: 40 << 10, size: 1, limit: 100},
		},
		"no database of this name": {
			stdout: "d 100 50 40 56% /pgdata\n1 20 \n",
			want:   usage{used: 50 << 10, free: 40 << 10, size: -1, connections: 1, limit: 20},
		},
		"a server that is away": {
			stdout: "d 100 50 40 56% /pgdata\n", stderr: "psql: error: No such file or directory\n", err: ended,
			want:   usage{used: 50 << 10, free: 40 << 10},
			server: "psql: error: No such file or directory",
		},
		"no pod": {
			err: errors.New("pods \"shop-database-0\" not found"), storage: "not found", server: "not found",
		},
		"another program's answers": {
			stdout: "\x1b[2J\nmany few\n", storage: `df printed "\x1b[2J"`, server: `the server answered "many few"`,
		},
		"nothing": {storage: `df printed ""`, server: "the server did not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseUsage(test.stdout, test.stderr, test.err)
			isError(t, got.storageErr, test.storage)
			isError(t, got.serverErr, test.server)
			got.storageErr, got.serverErr = nil, nil
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// isError tests that an error has the words, or that there is none where there are no words.
func isError(t *testing.T, err error, words string) {
	t.Helper()
	if words == "" && err != nil || words != "" && (err == nil || !strings.Contains(err.Error(), words)) {
		t.Errorf("got error %v, want %q", err, words)
	}
}
