package node

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"text/template"

	"example.com/cnat-operator/hack/cluster/internal/spec"
)

//go:embed config/*
var templates embed.FS

// values are what the templates in config/ may name.
type values struct {
	Machine
	BinDir, CNIDir                              string
	ConfigDir, PKIDir                           string
	NodeIP, NodeName, Registry                  string
	DNSIP, Domain, PodCIDR, ClusterCIDR, Cgroup string
	KubeletPort, ProxyHealthPort                int
}

// configFiles renders every template, by path below the state folder.
func configFiles(machine Machine) (map[string]string, error) {
	v := values{
		Machine: machine,
		BinDir:  BinDir, CNIDir: cniDir,
		ConfigDir: spec.State("config"), PKIDir: spec.State("pki"),
		NodeIP: spec.NodeIP, NodeName: spec.NodeName, Registry: spec.Registry,
		DNSIP: spec.DNSIP, Domain: spec.Domain, PodCIDR: spec.PodCIDR, ClusterCIDR: spec.ClusterCIDR, Cgroup: spec.Cgroup,
		KubeletPort: spec.KubeletPort, ProxyHealthPort: spec.ProxyHealthPort,
	}
	// Where a file must lie depends on who reads it.
	places := map[string]string{
		"audit.yaml":      "config/audit.yaml",
		"containerd.toml": "config/containerd.toml",
		"kubelet.yaml":    "config/kubelet.yaml",
		"kube-proxy.yaml": "config/kube-proxy.yaml",
		"resolv.conf":     "config/resolv.conf",
		"bridge.conflist": "config/cni/bridge.conflist",
		"hosts.toml":      "config/certs.d/_default/hosts.toml",
	}
	files := map[string]string{}
	for name, place := range places {
		t, err := template.ParseFS(templates, path.Join("config", name))
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", name, err)
		}
		var out bytes.Buffer
		if err := t.Execute(&out, v); err != nil {
			return nil, fmt.Errorf("render %s: %w", name, err)
		}
		files[place] = out.String()
	}
	return files, nil
}
