package at

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

func TestJobName(t *testing.T) {
	tests := map[string]struct{ name, want string }{
		"short":                      {"cnrex", "cnrex-q6lajzaopb"},
		"cut":                        {strings.Repeat("a", 100), strings.Repeat("a", 52) + "-q6lajzaopb"},
		"cut behind a dot":           {strings.Repeat("a", 51) + ".b", strings.Repeat("a", 51) + "-q6lajzaopb"},
		"cut behind dots and dashes": {strings.Repeat("a", 50) + "--b", strings.Repeat("a", 50) + "-q6lajzaopb"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			at := newAt(func(at *cnatv1.At) { at.Name = test.name })
			got := jobName(at)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if wrong := validation.IsDNS1123Subdomain(got); wrong != nil {
				t.Errorf("%q is no name: %v", got, wrong)
			}
			if wrong := validation.IsValidLabelValue(got); wrong != nil {
				t.Errorf("%q is no label value: %v", got, wrong)
			}
		})
	}
}

func TestJobNameFollowsUID(t *testing.T) {
	first, again := newAt(), newAt(func(at *cnatv1.At) { at.UID = types.UID("another") })
	if jobName(first) == jobName(again) {
		t.Error("an At made again under its old name has the Job name of the former one")
	}
}

func TestNewJob(t *testing.T) {
	container := corev1.Container{Name: "shell", Image: "centos:7", Command: []string{"bin/bash", "-c", "true"}}
	tests := map[string]struct {
		spec cnatv1.AtSpec
		// what the first container must be
		image   string
		command []string
		policy  corev1.TerminationMessagePolicy
	}{
		"containers": {
			cnatv1.AtSpec{Run: runv1.Run{Containers: []corev1.Container{container}}},
			"centos:7", container.Command, corev1.TerminationMessageFallbackToLogsOnError,
		},
		"command": {
			cnatv1.AtSpec{Run: runv1.Run{Command: "echo $HOME"}},
			"busybox",
			[]string{"sh", "-c", "echo $$HOME"},
			corev1.TerminationMessageFallbackToLogsOnError,
		},
		"template": {
			cnatv1.AtSpec{Run: runv1.Run{Template: &corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{
					"mine": "stays", "app.kubernetes.io/name": "invoice", labelPartOf: "something-else",
				}},
				Spec: corev1.PodSpec{ServiceAccountName: "robot", Containers: []corev1.Container{{
					Name: "own", Image: "own:1", TerminationMessagePolicy: corev1.TerminationMessageReadFile,
				}}},
			}}},
			"own:1", nil, corev1.TerminationMessageReadFile,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			at := newAt(func(at *cnatv1.At) { at.Spec = test.spec })
			before := at.DeepCopy()
			job := newJob(at, "busybox")

			if !metav1.IsControlledBy(job, at) {
				t.Errorf("the At is not the owner: %v", job.OwnerReferences)
			}
			if *job.Spec.BackoffLimit != 0 {
				t.Errorf("backoffLimit is %d: the Job may start a second pod", *job.Spec.BackoffLimit)
			}
			pod := job.Spec.Template
			if pod.Spec.RestartPolicy != corev1.RestartPolicyNever {
				t.Errorf("restartPolicy is %q: the kubelet may start a container again", pod.Spec.RestartPolicy)
			}
			if job.Labels[labelPartOf] != partOf || pod.Labels[labelPartOf] != partOf {
				t.Errorf("the cache does not select Job labels %v or pod labels %v", job.Labels, pod.Labels)
			}
			if pod.Annotations[atAnnotation] != at.Name {
				t.Errorf("the pod does not lead back to its At: %v", pod.Annotations)
			}
			c := pod.Spec.Containers[0]
			if c.Image != test.image || strings.Join(c.Command, "|") != strings.Join(test.command, "|") || c.TerminationMessagePolicy != test.policy {
				t.Errorf("got %+v", c)
			}
			if test.spec.Template != nil && (pod.Labels["mine"] != "stays" || pod.Labels["app.kubernetes.io/name"] != "invoice" || pod.Spec.ServiceAccountName != "robot") {
				t.Errorf("the template was not kept: %+v", pod)
			}
			if !equality.Semantic.DeepEqual(before, at) {
				t.Error("building the Job changed the At")
			}
		})
	}
}

// The shell gets the command byte for byte, whatever the kubelet would expand.
func TestCommandReachesShellAsWritten(t *testing.T) {
	for _, command := range []string{
		"echo $HOME",
		"echo $$ $$$ $$$$",
		"echo $(HOME) $$(HOME) $(date) $(",
		`echo "pid is $$"; test "$$" = 1 && kill $!`,
		"$",
		"${A:-$(B)}$",
	} {
		at := newAt(func(at *cnatv1.At) { at.Spec = cnatv1.AtSpec{Run: runv1.Run{Command: command}} })
		got := newJob(at, "busybox").Spec.Template.Spec.Containers[0].Command
		if line := expand(got[2], map[string]string{"HOME": "/root"}); line != command {
			t.Errorf("the shell gets %q, want %q", line, command)
		}
	}
	if got := expand("$(HOME) $(NONE) $$(HOME) $$ $x $(", map[string]string{"HOME": "/root"}); got != "/root $(NONE) $(HOME) $ $x $(" {
		t.Errorf("the kubelet expands otherwise than this test: %q", got)
	}
}

// expand expands a container's command by the rules that the API documents for
// the kubelet: $(NAME) is the variable's value, or stays as it is if there is
// none; $$ is one $; another $ stays.
func expand(text string, env map[string]string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		name, _, closed := strings.Cut(strings.TrimPrefix(rest, "$("), ")")
		switch value, known := env[name]; {
		case strings.HasPrefix(rest, "$$"):
			out.WriteByte('$')
			i++
		case strings.HasPrefix(rest, "$(") && closed && known:
			out.WriteString(value)
			i += len("$("+name+")") - 1
		case strings.HasPrefix(rest, "$(") && closed:
			out.WriteString("$(" + name + ")")
			i += len("$("+name+")") - 1
		default:
			out.WriteByte(text[i])
		}
	}
	return out.String()
}
