package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	"example.com/cnat-operator/cmd/agenda/runs"
	"example.com/cnat-operator/test/controlplane"
)

const (
	apiService = "v1alpha1.agenda.cnat.programming-kubernetes.info"
	account    = "system:serviceaccount:cnat-agenda:cnat-agenda"
	// patience is far more than anything takes: the machine may be much slower.
	patience = 2 * time.Minute
)

var (
	folder string // of this run's files
	plane  *controlplane.Plane
	api    client.Client // an administrator's
	agenda *served
)

// served is an agenda that runs in this process.
type served struct {
	port    string
	stop    context.CancelFunc
	stopped chan error
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "These tests need kube-apiserver, etcd and kubectl in bin/; `make envtest-bin` builds them:", err)
	}
	os.Exit(code)
}

// run runs the tests against an agenda that is installed as config/agenda has it, with its own rights only. In the place
// of pods there is one process, to which the Service leads by a name.
func run(m *testing.M) (code int, err error) {
	if err := os.Chdir("../.."); err != nil {
		return 1, err
	}
	if folder, err = os.MkdirTemp("", "agenda"); err != nil {
		return 1, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	flags, err := controlplane.AggregationFlags(folder)
	if err != nil {
		return 1, err
	}
	flags["audit-policy-file"], flags["audit-log-path"] = filepath.Join(folder, "policy.yaml"), filepath.Join(folder, "audit.log")
	policy := "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n"
	if err := os.WriteFile(flags["audit-policy-file"], []byte(policy), 0o600); err != nil {
		return 1, err
	}
	if plane, err = controlplane.Start(binaries(), folder, nil, flags); err != nil {
		return 1, err
	}
	defer func() { _ = plane.Stop() }()
	scheme, err := runs.Scheme()
	if err != nil {
		return 1, err
	}
	for _, add := range []func(*runtime.Scheme) error{rbacv1.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return 1, err
		}
	}
	if api, err = client.New(plane.Config, client.Options{Scheme: scheme}); err != nil {
		return 1, err
	}
	if err := install(); err != nil {
		return 1, err
	}
	defer func() {
		if agenda.end() != nil {
			code = 1
		}
	}()
	return m.Run(), nil
}

func binaries() string { return cmp.Or(os.Getenv("KUBEBUILDER_ASSETS"), "bin") }

func kubectl(args ...string) (string, error) {
	command := exec.Command(filepath.Join(binaries(), "kubectl"), append([]string{
		"--kubeconfig=" + plane.Kubeconfig, "--cache-dir=" + filepath.Join(folder, "cache"),
	}, args...)...)
	output, err := command.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return string(output), err
}

// install applies the manifests, starts the agenda, and waits until the API server hands requests on to it.
func install() error {
	for _, kustomization := range []string{"config/policy", "config/agenda"} {
		if _, err := kubectl("apply", "--server-side", "-k", kustomization); err != nil {
			return err
		}
	}
	certificates := filepath.Join(folder, "certificate")
	if err := os.Mkdir(certificates, 0o700); err != nil {
		return err
	}
	go mount(certificates)
	port, err := freePort()
	if err != nil {
		return err
	}
	if err := leadTo(port); err != nil {
		return err
	}
	kubeconfig, err := kubeconfigAs(account)
	if err != nil {
		return err
	}
	agenda = start(kubeconfig, port, "--service=cnat-agenda/cnat-agenda", "--cert-dir="+certificates)
	return available()
}

// leadTo has the Service lead to a port of this machine.
func leadTo(port string) error {
	if _, err := kubectl("-n", "cnat-agenda", "delete", "service", "cnat-agenda"); err != nil {
		return err
	}
	if _, err := kubectl("-n", "cnat-agenda", "create", "service", "externalname", "cnat-agenda", "--external-name=localhost"); err != nil {
		return err
	}
	_, err := kubectl("patch", "apiservice", apiService, "--type=merge", "-p", `{"spec":{"service":{"port":`+port+`}}}`)
	return err
}

func start(kubeconfig, port string, args ...string) *served {
	ctx, stop := context.WithCancel(context.Background())
	command := newCommand()
	command.SetContext(ctx)
	command.SetArgs(append([]string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=" + port,
	}, args...))
	s := &served{port, stop, make(chan error, 1)}
	go func() { s.stopped <- command.Execute() }()
	return s
}

// end stops it, once.
func (s *served) end() error {
	s.stop()
	err := <-s.stopped
	s.stopped <- nil
	return err
}

func available() error {
	_, err := kubectl("wait", "apiservice", apiService, "--for=condition=Available", "--timeout="+patience.String())
	return err
}

// kubeconfigAs is a file by which somebody is impersonated.
func kubeconfigAs(user string) (string, error) {
	config, err := clientcmd.LoadFromFile(plane.Kubeconfig)
	if err != nil {
		return "", err
	}
	for _, info := range config.AuthInfos {
		info.Impersonate = user
		info.ImpersonateGroups = []string{"system:serviceaccounts", "system:authenticated"}
	}
	file := filepath.Join(folder, "kubeconfig-agenda")
	return file, clientcmd.WriteToFile(*config, file)
}

// mount does what the kubelet does: it writes a Secret to a folder.
func mount(to string) {
	secret, written := &corev1.Secret{}, []byte{}
	for ; ; time.Sleep(100 * time.Millisecond) {
		key := client.ObjectKey{Namespace: "cnat-agenda", Name: "cnat-agenda"}
		if err := api.Get(context.Background(), key, secret); err != nil || bytes.Equal(secret.Data["tls.crt"], written) {
			continue
		}
		for _, file := range []string{"tls.key", "tls.crt"} {
			_ = os.WriteFile(filepath.Join(to, file), secret.Data[file], 0o600)
		}
		written = secret.Data["tls.crt"]
	}
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	return port, err
}
