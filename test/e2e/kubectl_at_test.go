package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// typed is what a command prints on a terminal, in a namespace, and its exit code.
func typed(ctx context.Context, namespace, line string) (string, int) {
	GinkgoHelper()
	// kubectl takes the namespace of its context; a kubeconfig of its own keeps that of the others as it is.
	config := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	current, err := os.ReadFile(os.Getenv("KUBECONFIG"))
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(config, current, 0o600)).To(Succeed())
	Expect(exec.CommandContext(ctx, "kubectl", "--kubeconfig="+config, "config", "set-context", "--current", "--namespace="+namespace).
		Run()).To(Succeed())
	command := exec.CommandContext(ctx, "script", "--quiet", "--return", "--command", line, "/dev/null")
	command.Dir = filepath.Join("..", "..")
	command.Env = append(os.Environ(), "KUBECONFIG="+config, "TZ=Europe/Berlin", "SHELL=/bin/bash")
	output, err := command.CombinedOutput()
	if command.ProcessState == nil {
		Expect(err).NotTo(HaveOccurred())
	}
	return strings.ReplaceAll(string(output), "\r\n", "\n"), command.ProcessState.ExitCode()
}

// What differs from one time to another in what commands print.
var volatile = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) \d{4}-\d\d-\d\d \d\d:\d\d:\d\d CES?T`), "WHEN"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`), "TIME"},
	{regexp.MustCompile(`\bin (\d+[dhms])+`), "IN"},
	{regexp.MustCompile(`\bnow\)`), "IN)"},
	{regexp.MustCompile(`\b\d+s ago\)`), "IN)"},
	{regexp.MustCompile(`-\d{10}\b`), "-UNIX"},
	{regexp.MustCompile(` {2,}`), "  "},
}

func lasting(output string) string {
	for _, v := range volatile {
		output = v.pattern.ReplaceAllString(output, v.as)
	}
	return output
}

var _ = Describe("kubectl at", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	It("prints what its page says, on a terminal", func(ctx SpecContext) {
		page, err := os.ReadFile(filepath.Join("..", "..", "docs", "kubectl-at.md"))
		Expect(err).NotTo(HaveOccurred())
		_, transcript, _ := strings.Cut(string(page), "```console\n$ ")
		transcript, _, _ = strings.Cut(transcript, "```\n")
		commands := strings.Split(transcript, "\n$ ")
		const every, needed = 5 * time.Minute, time.Minute // no run of the CronTab starts meanwhile
		if left := time.Until(time.Now().Truncate(every).Add(every)); left < needed {
			time.Sleep(left + time.Second)
		}
		Expect(len(commands)).To(BeNumerically(">", 10))
		for _, command := range commands {
			line, expected, _ := strings.Cut(command, "\n")
			output, _ := typed(ctx, namespace, line)
			Expect(lasting(strings.TrimSpace(output))).To(Equal(lasting(strings.TrimSpace(expected))), line)
		}
	}, SpecTimeout(3*time.Minute))

	It("follows a run, and exits with its exit code", func(ctx SpecContext) {
		Expect(create(ctx, namespace, crontabOf("tab", `{cronSpec: "0 0 1 1 *", command: 'echo begun; sleep 2; echo done; exit 3'}`))).To(Succeed())
		awaitCronTab(ctx, namespace, "tab", scheduled)
		output, code := typed(ctx, namespace, "kubectl at run -f tab")
		Expect(code).To(Equal(3), output)
		Expect(output).To(MatchRegexp(`(?s)^crontab/tab is to run now\nbegun\ndone\nerror: at/tab-\w+: Failed, .*exit code 3`))
		output, code = typed(ctx, namespace, "kubectl at wait $(kubectl get at -o name --sort-by=.metadata.creationTimestamp | tail -1 | sed s,.*/,,)")
		Expect(code).To(Equal(3), output)
	}, SpecTimeout(2*time.Minute))

	It("ends by Ctrl-C, and the run goes on", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atManifest("long", "", "echo begun; sleep 20"))).To(Succeed())
		awaitAt(ctx, namespace, "long", inPhase(cnatv1.AtRunning))
		command := exec.CommandContext(ctx, "kubectl-at", "--namespace="+namespace, "logs", "-f", "long")
		var output strings.Builder
		command.Stdout, command.Stderr = &output, &output
		Expect(command.Start()).To(Succeed())
		time.Sleep(2 * time.Second) // it has begun to print
		Expect(command.Process.Signal(syscall.SIGINT)).To(Succeed())
		Expect(command.Wait()).NotTo(Succeed())
		Expect(command.ProcessState.ExitCode()).To(Equal(130))
		Expect(output.String()).To(Equal("begun\ninterrupted: the run goes on; to go on looking: kubectl at logs -f long --namespace=" + namespace + "\n"))
		Expect(awaitAt(ctx, namespace, "long", inPhase(cnatv1.AtRunning)).Status.Finished()).To(BeFalse())
	}, SpecTimeout(2*time.Minute))

	It("is completed by kubectl, in bash and in zsh", func(ctx SpecContext) {
		Expect(create(ctx, namespace, atManifest("first", "", "true"))).To(Succeed())
		Expect(create(ctx, namespace, atManifest("second", "", "true"))).To(Succeed())
		output, code := typed(ctx, namespace, filepath.Join("test", "complete", "bash")+" kubectl at show ''")
		Expect(code).To(BeZero(), output)
		Expect(strings.Fields(output)).To(ConsistOf("first", "second"))
		output, code = typed(ctx, namespace, filepath.Join("test", "complete", "bash")+" kubectl at age")
		Expect(code).To(BeZero(), output)
		Expect(strings.Fields(output)).To(ConsistOf("agenda"))
		output, code = typed(ctx, namespace, filepath.Join("test", "complete", "zsh")+" 'kubectl at show sec'")
		Expect(code).To(BeZero(), output)
		Expect(output).To(ContainSubstring("kubectl at show second"))
	}, SpecTimeout(2*time.Minute))
})
