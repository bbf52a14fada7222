package at

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

func TestCreate(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(script, []byte("date\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(command ...string) []corev1.Container {
		return []corev1.Container{{Name: "run", Image: "alpine", Command: command}}
	}
	for args, expected := range map[string]struct {
		stdin, schedule, command string
		containers               []corev1.Container
	}{
		"16:00 tomorrow --image=alpine -- wget -qO- http://shop": {"", "2027-03-28T14:00:00Z", "", run("wget", "-qO-", "http://shop")},
		"now + 20 minutes":                           {"wget http://shop\n", "2027-03-27T11:54:00Z", "wget http://shop\n", nil},
		"now":                                        {"true", "2027-03-27T11:34:56Z", "true", nil},
		"-t 202707030400 -f " + script:               {"", "2027-07-03T02:00:00Z", "date\n", nil},
		"noon friday -- printf %s $HOME it's":        {"", "2027-04-02T10:00:00Z", `printf %s '$HOME' 'it'\''s'`, nil},
		"next friday -- true":                        {"", "2027-04-02T10:34:00Z", "true", nil},
		"create next week -- true":                   {"", "2027-04-03T10:34:00Z", "true", nil},
		"2027-07-03T04:00:00+09:00 --image=alpine":   {"", "2027-07-02T19:00:00Z", "", run()},
		"16:00 --image=alpine":                       {"date | tee /tmp/x", "2027-03-27T15:00:00Z", "", run("sh", "-c", "date | tee /tmp/x")},
		"16:00 --image alpine --dry-run=none -- a b": {"", "2027-03-27T15:00:00Z", "", run("a", "b")},
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			// Flags come before the command, which is all that follows "--".
			before, after, _ := strings.Cut(args, " -- ")
			words := append(strings.Fields(before), "--name=y")
			if after != "" {
				words = append(append(words, "--"), strings.Fields(after)...)
			}
			kubectlAt(t, namespace, expected.stdin, words...).expect(t, 0, "at.cnat.programming-kubernetes.info/y created\n", "!It runs at ")
			at := storedAt(t, namespace, "y")
			if schedule := at.Spec.Schedule.UTC().Format(time.RFC3339); schedule != expected.schedule {
				t.Errorf("it is due at %s, not %s", schedule, expected.schedule)
			}
			if at.Spec.Command != expected.command || !reflect.DeepEqual(names(at.Spec.Containers), names(expected.containers)) {
				t.Errorf("it runs %q %v", at.Spec.Command, at.Spec.Containers)
			}
		})
	}
}

// names are the names, images and commands of containers.
func names(containers []corev1.Container) [][]string {
	var all [][]string
	for _, container := range containers {
		all = append(all, append([]string{container.Name, container.Image}, container.Command...))
	}
	return all
}

func TestCreateNothing(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	for args, expected := range map[string]string{
		"10:00 tomorow -- true":                      `"tomorow" after "10:00" is not a time or a date. Examples: now + 20 minutes`,
		"10:00 today -- true":                        `"10:00 today" is Sat 2027-03-27 10:00:00 CET, which is in the past`,
		"now + 11 years -- true":                     "which is more than 10 years ahead",
		"16:00":                                      "say what to run",
		"16:00 -t 202707030400 -- true":              "there are two times",
		"-t 2027 -- true":                            "[[CC]YY]MMDDhhmm[.ss]",
		"16:00 -f no-such-file":                      "no-such-file",
		"16:00 --dry-run=maybe -- true":              "--dry-run=maybe is none of none, client and server",
		"16:00 --name=Not_A_Name -- true":            `metadata.name: Invalid value: "Not_A_Name"`,
		"16:00 --as=nobody -- true":                  `a right is missing: ats.cnat.programming-kubernetes.info is forbidden: User "nobody" cannot create`,
		"16:00 --dry-run=server --as=nobody -- true": "a right is missing",
		"16:00 --no-such-flag -- true":               "unknown flag",
	} {
		kubectlAt(t, namespace, "", strings.Fields(args)...).expect(t, 1, "!error: ", "!"+expected)
	}
	kubectlAt(t, namespace, "").expect(t, 1, "!say when to run")
	kubectlAt(t, namespace, "", "16:00", "--dry-run=client", "--", "true").
		expect(t, 0, "at.cnat.programming-kubernetes.info/at-* created (client dry run)", "!It runs at Sat 2027-03-27 16:00:00 CET (in 3h25m).")
	kubectlAt(t, namespace, "", "16:00", "--dry-run=server", "-o", "yaml", "--", "true").
		expect(t, 0, "generateName: at-", "name: at-", `schedule: "2027-03-27T15:00:00Z"`)
	ats := &cnatv1.AtList{}
	if err := api.List(t.Context(), ats, client.InNamespace(namespace)); err != nil || len(ats.Items) > 0 {
		t.Errorf("%d Ats were created: %v", len(ats.Items), err)
	}
}
