package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/test/controlplane"
)

// cluster is a control plane with a node that is simulated by kwok: pods become ready at once.
type cluster struct {
	plane  *controlplane.Plane
	client client.Client
	audit  *auditLog
	// operatorConfig is a kubeconfig of the user whose requests are counted.
	operatorConfig string
}

// stages are those of kwok's own by which it simulates nodes and pods.
var stages = []string{
	"node/fast/node-initialize.yaml", "pod/fast/pod-ready.yaml", "pod/fast/pod-delete.yaml",
}

// controllers are those of Kubernetes' own that a Database needs to become ready.
const controllers = "statefulset-controller,persistentvolume-binder-controller"

// kubeRate lifts the rate limits of Kubernetes' own controllers, so that the operator is what is measured.
var kubeRate = []string{"--kube-api-qps=1000", "--kube-api-burst=1000"}

func startCluster(ctx context.Context, bin, folder string) (*cluster, error) {
	policy := filepath.Join(folder, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, err
	}
	c := &cluster{audit: &auditLog{file: filepath.Join(folder, "audit.log")}}
	var err error
	c.plane, err = controlplane.Start(bin, folder, []string{filepath.Join("test", "benchdb", "peer-crd.yaml")}, map[string]string{
		"audit-policy-file": policy,
		"audit-log-path":    c.audit.file,
		// Two Services for each Database.
		"service-cluster-ip-range": "10.0.0.0/16",
		// The first as envtest has it. The second taints new nodes, until a controller that is not here takes that back.
		"disable-admission-plugins": "ServiceAccount,TaintNodesByCondition",
	})
	if err != nil {
		return nil, err
	}
	return c, c.start(ctx)
}

func (c *cluster) start(ctx context.Context) error {
	var err error
	if c.operatorConfig, err = c.plane.AddUser(operatorUser); err != nil {
		return err
	}
	if c.client, err = client.New(c.plane.Config, client.Options{}); err != nil {
		return err
	}
	module, err := moduleFolder(filepath.Join("tools", "kwok"), "sigs.k8s.io/kwok")
	if err != nil {
		return err
	}
	kwok := []string{"--kubeconfig=" + c.plane.Kubeconfig, "--manage-all-nodes", "--node-lease-duration-seconds=0"}
	for _, stage := range stages {
		kwok = append(kwok, "--config="+filepath.Join(module, "kustomize", "stage", stage))
	}
	if err := c.plane.Run("kwok", kwok...); err != nil {
		return err
	}
	if err := c.plane.RunKube("kube-controller-manager", append(kubeRate, "--controllers="+controllers)...); err != nil {
		return err
	}
	if err := c.plane.RunKube("kube-scheduler", kubeRate...); err != nil {
		return err
	}
	for _, object := range []client.Object{
		&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "simulated"}},
		&storagev1.StorageClass{
			ObjectMeta:  metav1.ObjectMeta{Name: storageClass, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
			Provisioner: "kubernetes.io/no-provisioner",
		},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: databases}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: foreign}},
	} {
		if err := c.client.Create(ctx, object); err != nil {
			return fmt.Errorf("creating %T %s: %w", object, object.GetName(), err)
		}
	}
	return nil
}

func (c *cluster) stop() error {
	if c == nil {
		return nil
	}
	return c.plane.Stop()
}

// moduleFolder is where Go keeps the sources of a module that the module in folder requires.
func moduleFolder(folder, module string) (string, error) {
	output, err := exec.Command("go", "-C", folder, "mod", "download", "-json", module).Output()
	if err != nil {
		return "", fmt.Errorf("looking for the sources of %s: %w", module, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(output, &found); err != nil {
		return "", err
	}
	return found.Dir, nil
}
