package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func buildID(path string) (string, error) { return "id of " + path, nil }

func TestFingerprintChangesWithWhatRuns(t *testing.T) {
	binaries := map[string]string{"kube": "/a/kube"}
	fingerprint := func(machine Machine, id func(string) (string, error)) string {
		t.Helper()
		plan, err := NewPlan(machine, binaries)
		if err != nil {
			t.Fatal(err)
		}
		f, err := plan.Fingerprint(id)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	base := fingerprint(Machine{}, buildID)
	if again := fingerprint(Machine{}, buildID); again != base {
		t.Error("the same plan has two fingerprints")
	}
	if other := fingerprint(Machine{BridgeNetfilter: true}, buildID); other == base {
		t.Error("another configuration has the same fingerprint")
	}
	if other := fingerprint(Machine{}, func(string) (string, error) { return "other", nil }); other == base {
		t.Error("other binaries have the same fingerprint")
	}
}

func TestFingerprintDoesNotDependOnWhereBinariesLie(t *testing.T) {
	same := func(string) (string, error) { return "same", nil }
	var got []string
	for _, dir := range []string{"/one/", "/two/"} {
		plan, err := NewPlan(Machine{}, map[string]string{"kube": dir + "kube"})
		if err != nil {
			t.Fatal(err)
		}
		f, err := plan.Fingerprint(same)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f)
	}
	if got[0] != got[1] {
		t.Errorf("fingerprints %q of the same binaries in two places", got)
	}
}

func TestFingerprintOfAMissingBinary(t *testing.T) {
	missing := errors.New("missing")
	plan := Plan{Binaries: map[string]string{"kube": "/a/kube"}}
	if _, err := plan.Fingerprint(func(string) (string, error) { return "", missing }); !errors.Is(err, missing) {
		t.Errorf("got the error %v", err)
	}
}

func TestConfigFiles(t *testing.T) {
	tests := []struct {
		name    string
		machine Machine
		file    string
		holds   string // a line, or a part of one, that must be there
	}{
		{"pods on one bridge", Machine{BridgeNetfilter: false}, "config/kube-proxy.yaml", "masqueradeAll: true"},
		{"frames pass iptables", Machine{BridgeNetfilter: true}, "config/kube-proxy.yaml", "masqueradeAll: false"},
		{"no CAP_SYS_RESOURCE", Machine{RestrictOOMScore: true}, "config/containerd.toml", "restrict_oom_score_adj = true"},
		{"mirror of all registries", Machine{}, "config/certs.d/_default/hosts.toml", "server = 'https://10.99.0.2:5000'"},
		{"pods' addresses", Machine{}, "config/cni/bridge.conflist", `"subnet": "10.244.0.0/24"`},
		{"cgroup of all pods", Machine{}, "config/kubelet.yaml", "cgroupRoot: /cnat-cluster\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			files, err := configFiles(test.machine)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(files[test.file], test.holds) {
				t.Errorf("%s does not hold %q:\n%s", test.file, test.holds, files[test.file])
			}
		})
	}
}

// What the API server must be ready for starts after it, and no one else waits.
func TestStartOrder(t *testing.T) {
	waits := map[string]bool{}
	for _, c := range components() {
		waits[c.Name] = c.AfterAPIServer
	}
	for name, want := range map[string]bool{
		"etcd": false, "kube-apiserver": false, "containerd": false, "registry": false,
		"kube-controller-manager": true, "kube-scheduler": true, "kubelet": true, "kube-proxy": true,
	} {
		if got, ok := waits[name]; !ok || got != want {
			t.Errorf("%s: there %t, waits %t, want %t", name, ok, got, want)
		}
	}
	if !slices.IsSortedFunc(components(), func(a, b Component) int {
		switch {
		case a.AfterAPIServer == b.AfterAPIServer:
			return 0
		case a.AfterAPIServer:
			return 1
		default:
			return -1
		}
	}) {
		t.Error("a component that waits comes before one that does not")
	}
}
