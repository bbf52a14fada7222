package pki

import (
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// serverNames are what the node's servers may be called by.
var serverNames = []string{
	spec.NodeIP, spec.ServiceIP, "127.0.0.1", "localhost", spec.NodeName,
	"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + spec.Domain,
}

// Files makes everything anew and returns it by file name:
//
//	ca.crt ca.key                 the authority of every server and user
//	front-proxy-ca.crt ...        the authority of the API server as a proxy
//	NAME.crt NAME.key             server (all servers of the node), apiserver-kubelet-client, front-proxy-client
//	sa.pub sa.key                 sign service account tokens
//	NAME.conf                     kubeconfigs: admin, controller-manager, scheduler, kubelet, kube-proxy
func Files(now time.Time) (map[string][]byte, error) {
	ca, err := newAuthority("cnat-cluster", now)
	if err != nil {
		return nil, err
	}
	frontProxy, err := newAuthority("cnat-cluster-front-proxy", now)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		"ca.crt": ca.cert, "ca.key": ca.key,
		"front-proxy-ca.crt": frontProxy.cert,
	}
	if err := addServiceAccountKeys(files); err != nil {
		return nil, err
	}
	certificates := []struct {
		file string
		from *authority
		request
	}{
		{"server", ca, request{name: "server", hosts: serverNames}},
		{"apiserver-kubelet-client", ca, request{name: "kube-apiserver-kubelet-client", groups: []string{"system:masters"}}},
		{"front-proxy-client", frontProxy, request{name: "front-proxy-client"}},
	}
	for _, c := range certificates {
		issued, err := c.from.issue(c.request, now)
		if err != nil {
			return nil, err
		}
		files[c.file+".crt"], files[c.file+".key"] = issued.cert, issued.key
	}
	return files, addKubeconfigs(files, ca, now)
}

func addServiceAccountKeys(files map[string][]byte) error {
	key, keyPEM, err := newKey()
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return fmt.Errorf("encode the service account key: %w", err)
	}
	files["sa.key"], files["sa.pub"] = keyPEM, encode("PUBLIC KEY", public)
	return nil
}

func addKubeconfigs(files map[string][]byte, ca *authority, now time.Time) error {
	users := map[string]request{
		"admin":              {name: "kubernetes-admin", groups: []string{"system:masters"}},
		"controller-manager": {name: "system:kube-controller-manager"},
		"scheduler":          {name: "system:kube-scheduler"},
		"kubelet":            {name: "system:node:" + spec.NodeName, groups: []string{"system:nodes"}},
		"kube-proxy":         {name: "system:kube-proxy"},
	}
	for name, user := range users {
		issued, err := ca.issue(user, now)
		if err != nil {
			return err
		}
		files[name+".conf"] = kubeconfig(ca.cert, issued)
		if name == "admin" { // for clients that take no kubeconfig
			files["admin.crt"], files["admin.key"] = issued.cert, issued.key
		}
	}
	return nil
}

// kubeconfig holds the certificates themselves, so that it can be copied.
func kubeconfig(ca []byte, user pair) []byte {
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: cnat-cluster
clusters:
- name: cnat-cluster
  cluster:
    server: %s
    certificate-authority-data: %s
contexts:
- name: cnat-cluster
  context:
    cluster: cnat-cluster
    user: cnat-cluster
users:
- name: cnat-cluster
  user:
    client-certificate-data: %s
    client-key-data: %s
`, spec.APIServer, b64(ca), b64(user.cert), b64(user.key))
}
