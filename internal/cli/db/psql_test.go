package db

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
)

func TestPsqlCommand(t *testing.T) {
	got := psqlCommand([]string{"SELECT '$(id)'", "x"}, []string{"--csv", "; id"})
	if want := []string{"sh", "-c", psqlScript, "psql", "-c", "SELECT '$(id)'", "-c", "x", "--csv", "; id"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The script runs in a shell of this machine, with a psql that prints what it was given.
func TestPsqlScript(t *testing.T) {
	folder := t.TempDir()
	const password = "it's \"q\\uoted\" $HOME `id`\n\n"
	script := strings.ReplaceAll(psqlScript, "/run/credentials/password", filepath.Join(folder, "password"))
	if script == psqlScript {
		t.Fatal("the script does not read the file with the password")
	}
	for name, content := range map[string]string{
		"password": password,
		"psql":     "#!/bin/sh\nprintf '%s|' \"$PGUSER\" \"$PGDATABASE\" \"$PGHOST\" \"$PGPASSWORD\" \"${PSQL_PAGER-$PAGER}\" \"$@\"\n",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for pager, used := range map[string]string{"sh": "sh", "no-such-pager": ""} {
		command := exec.CommandContext(t.Context(), "sh", "-c", script, "psql", "-c", "SELECT '$(id)'")
		command.Env = []string{"PATH=" + folder + ":" + os.Getenv("PATH"), "DATABASE_USER=wp", "DATABASE_NAME=shop", "PAGER=" + pager}
		got, err := command.CombinedOutput()
		if want := "wp|shop|/var/run/postgresql|" + password + "|" + used + "|-c|SELECT '$(id)'|"; err != nil || string(got) != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestPsqlArguments(t *testing.T) {
	namespace := newNamespace(t)
	for _, args := range [][]string{{"psql"}, {"psql", "a", "b"}, {"psql", "--", "a"}, {"psql", "a", "b", "--", "c"}} {
		// Flags come before --, behind which all is psql's.
		args = append([]string{"--kubeconfig=" + kubeconfig}, args...)
		_, stderr, code := plugin(t, namespace, args...)
		if code != 1 || !strings.Contains(stderr, "one NAME is expected") {
			t.Errorf("%q: exit code %d: %s", args, code, stderr)
		}
	}
}

func TestPsqlNamesTheMissingRight(t *testing.T) {
	namespace := newNamespace(t)
	newDatabase(t, namespace, "shop", readySpec(), readyStatus())
	fails(t, `a right is missing: pods "shop-database-0" is forbidden: User "`+namespace+`" cannot create resource "pods/exec"`,
		namespace, "psql", "shop", "-c", "SELECT 1", user(t, namespace, databases("get")))
}

func TestLogsNameTheMissingRight(t *testing.T) {
	namespace := newNamespace(t)
	newDatabase(t, namespace, "shop", v1.DatabaseSpec{User: "wp"}, v1.DatabaseStatus{})
	fails(t, `a right is missing: pods "shop-database-0" is forbidden: User "`+namespace+`" cannot get resource "pods/log"`,
		namespace, "logs", "shop", user(t, namespace, databases("get")))
	fails(t, `pods "shop-database-0" not found`, namespace, "logs", "shop")
}

func TestExitOf(t *testing.T) {
	var exit *cli.ExitError
	if err := exitOf(utilexec.CodeExitError{Err: errors.New("command terminated"), Code: 3}); !errors.As(err, &exit) || exit.Code != 3 || exit.Err != nil {
		t.Errorf("got %v", err)
	}
	if err := errors.New("no pod"); !errors.Is(exitOf(err), err) {
		t.Errorf("got %v", exitOf(err))
	}
}

func TestSizes(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	widths := []int{80, 80, 0, 120}
	sizes := &sizes{ctx: ctx, read: func() (int, int, error) {
		width := widths[0]
		if len(widths) > 1 {
			widths = widths[1:]
		} else {
			stop()
		}
		return width, 24, nil
	}}
	for _, want := range []uint16{80, 120} {
		if got := sizes.Next(); got == nil || *got != (remotecommand.TerminalSize{Width: want, Height: 24}) {
			t.Fatalf("got %v, want width %d", got, want)
		}
	}
	if got := sizes.Next(); got != nil {
		t.Errorf("got %v after the end", got)
	}
}
