package server

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/pods"
	"example.com/cnat-operator/controllers/database/step"
)

// probeFailed begins the kubelet's message of a readiness check that failed; the rest is what that printed.
const probeFailed = "Readiness probe failed: "

// loginReasonsOf are the words that files/ready.sh of the chart begins with where the user must do something. What follows
// says what.
var loginReasonsOf = map[string]bool{
	"PasswordUnusable": true, "RoleMissing": true, "LoginDisabled": true, "ConnectionLimit": true, "DatabaseMissing": true,
	"EncodingDiffers": true, v1.ReasonLoginRefused: true,
}

// passing are parts of messages of a server that is on its way: it takes logins by itself, later.
var passing = []string{
	"NotAccepting", "Crashed", "starting up", "shutting down", "recovery mode", "not yet accepting connections",
	"Connection refused", "could not connect", "No such file or directory", "timed out", "timeout expired",
	"server closed the connection", "terminating connection",
}

// loginState is the state of a server that runs and takes no login. The explanation is what the readiness check printed.
func loginState(pod *corev1.Pod, server *corev1.ContainerStatus, explanation string, now time.Time) State {
	waits := State{Waiting: fmt.Sprintf("the server in pod %s to take a login", pod.Name), Recheck: pods.ExplainRecheck}
	words := probeWords(explanation)
	if words == "" {
		if ran := now.Sub(server.State.Running.StartedAt.Time); ran >= 0 && ran < startGrace {
			waits.Recheck = startGrace - ran
		}
		return waits
	}
	for _, part := range passing {
		if strings.Contains(words, part) {
			waits.Waiting += ": " + words
			return waits
		}
	}
	reason, message, found := strings.Cut(words, ": ")
	if !found || !loginReasonsOf[reason] {
		reason, message = v1.ReasonLoginRefused, words
	}
	return State{Recheck: pods.ExplainRecheck, Problem: step.NewProblem(reason, "the server takes no login: %s. "+
		"To reach it as the superuser: kubectl --namespace=%s exec -it %s -- psql -U postgres",
		step.Shortened(strings.TrimSuffix(message, "."), step.MaxMessage/2), pod.Namespace, pod.Name)}
}

// probeWords is the line by which a readiness check that failed says why. That of version 0.2.0 printed what psql did.
func probeWords(explanation string) string {
	var last string
	for line := range strings.Lines(strings.TrimPrefix(explanation, probeFailed)) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
	}
	if strings.HasPrefix(last, "psql:") {
		if _, after, found := strings.Cut(last, "FATAL:"); found {
			return strings.TrimSpace(after)
		}
	}
	return last
}
