package node

import (
	"fmt"
	"path/filepath"

	"example.com/cnat-operator/hack/cluster/internal/spec"
)

const etcdURL = "http://127.0.0.1:2379" // the loopback of the node's own namespace

func components() []Component {
	return []Component{
		{Name: "registry", Args: []string{bin("cluster"), "serve-registry"}},
		{Name: "containerd", Args: []string{bin("containerd"), "--config", config("containerd.toml")}},
		{Name: "etcd", Args: etcd()},
		{Name: "kube-apiserver", Args: apiServer()},
		{Name: "kube-controller-manager", Args: controllerManager(), AfterAPIServer: true},
		{Name: "kube-scheduler", Args: scheduler(), AfterAPIServer: true},
		{Name: "kubelet", Args: kubelet(), AfterAPIServer: true},
		{Name: "kube-proxy", Args: []string{bin("kube"), "kube-proxy", "--config=" + config("kube-proxy.yaml")}, AfterAPIServer: true},
	}
}

func etcd() []string {
	const peerURL = "http://127.0.0.1:2380"
	return []string{
		bin("kube"), "etcd",
		"--name=node", "--data-dir=" + spec.State("etcd"),
		"--listen-client-urls=" + etcdURL, "--advertise-client-urls=" + etcdURL,
		"--listen-peer-urls=" + peerURL, "--initial-advertise-peer-urls=" + peerURL, "--initial-cluster=node=" + peerURL,
		// A cluster whose machine went down is created anew, so that there is
		// nothing that fsync could save; without it writes take 1 ms, not 10.
		"--unsafe-no-fsync",
		"--quota-backend-bytes=8589934592",
		"--log-level=warn",
	}
}

func apiServer() []string {
	return []string{
		bin("kube"), "kube-apiserver",
		"--advertise-address=" + spec.NodeIP,
		fmt.Sprintf("--secure-port=%d", spec.APIServerPort),
		"--etcd-servers=" + etcdURL,
		"--service-cluster-ip-range=" + spec.ServiceCIDR,
		"--allow-privileged=true",
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--audit-policy-file=" + config("audit.yaml"), "--audit-log-path=" + spec.State("audit.log"),
		"--client-ca-file=" + pki("ca.crt"),
		"--tls-cert-file=" + pki("server.crt"), "--tls-private-key-file=" + pki("server.key"),
		"--kubelet-certificate-authority=" + pki("ca.crt"),
		"--kubelet-client-certificate=" + pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + pki("apiserver-kubelet-client.key"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc." + spec.Domain,
		"--service-account-key-file=" + pki("sa.pub"),
		"--service-account-signing-key-file=" + pki("sa.key"),
		// Aggregated APIs, such as OLM's: the API server calls pods by itself.
		"--enable-aggregator-routing=true",
		"--proxy-client-cert-file=" + pki("front-proxy-client.crt"),
		"--proxy-client-key-file=" + pki("front-proxy-client.key"),
		"--requestheader-client-ca-file=" + pki("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
	}
}

func controllerManager() []string {
	return append(control("controller-manager", spec.ControllerManagerPort),
		"--allocate-node-cidrs=true", "--cluster-cidr="+spec.ClusterCIDR,
		"--service-cluster-ip-range="+spec.ServiceCIDR,
		"--cluster-signing-cert-file="+pki("ca.crt"), "--cluster-signing-key-file="+pki("ca.key"),
		"--root-ca-file="+pki("ca.crt"),
		"--service-account-private-key-file="+pki("sa.key"),
		"--use-service-account-credentials=true",
	)
}

func scheduler() []string {
	return control("scheduler", spec.SchedulerPort)
}

// control is what the controller-manager and the scheduler have in common. There
// is one of each, so that waiting for a lease would only cost time.
func control(name string, port int) []string {
	kubeconfig := pki(name + ".conf")
	return []string{
		bin("kube"), "kube-" + name,
		"--kubeconfig=" + kubeconfig,
		"--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--client-ca-file=" + pki("ca.crt"),
		"--requestheader-client-ca-file=" + pki("front-proxy-ca.crt"),
		"--bind-address=" + spec.NodeIP, fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + pki("server.crt"), "--tls-private-key-file=" + pki("server.key"),
		"--leader-elect=false",
	}
}

func kubelet() []string {
	return []string{
		bin("kube"), "kubelet",
		"--config=" + config("kubelet.yaml"),
		"--kubeconfig=" + pki("kubelet.conf"),
		"--hostname-override=" + spec.NodeName,
		"--node-ip=" + spec.NodeIP,
	}
}

func bin(name string) string    { return filepath.Join(BinDir, name) }
func config(name string) string { return spec.State("config", name) }
func pki(name string) string    { return spec.State("pki", name) }
