package cluster

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/progress"
)

//go:embed verify/pod.yaml
var verifyManifest []byte

const (
	verifyNamespace = "cnat-cluster-verify"
	verifyLimit     = 2 * time.Minute
)

// check is one thing that a user of a cluster counts on.
type check struct {
	what    string
	kubectl []string
	// prints is in what kubectl prints.
	prints string
}

func inPod(what, script, prints string) check {
	return check{what, []string{"exec", "-n", verifyNamespace, "shell", "--", "bash", "-c", script}, prints}
}

var checks = []check{
	{"a pod with a volume starts", []string{"wait", "-n", verifyNamespace, "--for=condition=Ready", "pod/shell", "--timeout=90s"}, "condition met"},
	{"its claim is bound", []string{"get", "-n", verifyNamespace, "pvc/data", "-o", "jsonpath={.status.phase}"}, "Bound"},
	{"its log can be read", []string{"logs", "-n", verifyNamespace, "shell"}, "started"},
	inPod("commands run in it", "cat /data/file", "written"),
	inPod("it finds services by name", "getent hosts kube-dns.kube-system", "kube-dns.kube-system.svc.cluster.local"),
	inPod("it reaches a service's address", "exec 3<>/dev/tcp/kubernetes.default/443 && echo connected", "connected"),
	inPod("a name outside of the cluster fails at once", "timeout 5 getent hosts example.com || echo status $?", "status 2\n"),
	inPod("an address outside of the cluster fails at once", "timeout 5 bash -c 'exec 3<>/dev/tcp/192.0.2.1/80' || echo status $?", "status 1\n"),
}

// Verify runs a pod and tries what users count on. It removes the pod again.
func Verify(ctx context.Context, checkout Checkout, out *progress.Printer) (err error) {
	r, err := readRecord()
	if err != nil {
		return err
	}
	if r == nil || !r.Node.Alive() {
		return errors.New("there is no cluster; `make cluster-up` makes one")
	}
	ctx, cancel := context.WithTimeout(ctx, verifyLimit)
	defer cancel()
	if output, err := checkout.kubectl(ctx, verifyManifest, "apply", "-f", "-"); err != nil {
		return fmt.Errorf("apply the pod: %w: %s", err, output)
	}
	defer func() {
		output, deleteErr := checkout.kubectl(context.WithoutCancel(ctx), nil, "delete", "namespace", verifyNamespace, "--timeout=60s")
		if deleteErr != nil {
			err = errors.Join(err, fmt.Errorf("delete the pod: %w: %s", deleteErr, output))
		}
	}()
	for _, c := range checks {
		output, err := checkout.kubectl(ctx, nil, c.kubectl...)
		if err != nil || !strings.Contains(string(output), c.prints) {
			return errors.Join(fmt.Errorf("not so: %s: `kubectl %s` prints %q, not %q",
				c.what, strings.Join(c.kubectl, " "), output, c.prints), err)
		}
		out.Step("%s", c.what)
	}
	return nil
}
