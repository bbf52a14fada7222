package cluster

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"os/exec"
	"strings"
	"text/template"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/node"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

//go:embed manifests/*.yaml
var manifests embed.FS

// renderManifests returns what the cluster itself runs, as one YAML stream.
func renderManifests() ([]byte, error) {
	templates, err := template.ParseFS(manifests, "manifests/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("parse the manifests: %w", err)
	}
	values := struct{ Registry, DNSIP, Domain, VolumesDir string }{spec.Registry, spec.DNSIP, spec.Domain, node.VolumesDir}
	var out bytes.Buffer
	for _, t := range templates.Templates() {
		out.WriteString("---\n")
		if err := t.Execute(&out, values); err != nil {
			return nil, fmt.Errorf("render %s: %w", t.Name(), err)
		}
	}
	return out.Bytes(), nil
}

const applyLimit = time.Minute

// apply applies the manifests. The API server makes kube-system and kube-public
// only after it is ready, so that the first try may come too soon.
func (c Checkout) apply(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, applyLimit)
	defer cancel()
	stream, err := renderManifests()
	if err != nil {
		return err
	}
	for {
		out, err := c.kubectl(ctx, stream, "apply", "--server-side", "--force-conflicts", "--field-manager=hack-cluster", "-f", "-")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("apply the cluster's manifests within %s: %w: %s", applyLimit, err, strings.TrimSpace(string(out)))
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (c Checkout) kubectl(ctx context.Context, stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, c.path("bin", "kube"), append([]string{
		"kubectl", "--kubeconfig", spec.State("pki", "admin.conf"), "--cache-dir", spec.State("kubectl-cache"),
	}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	return cmd.CombinedOutput()
}
