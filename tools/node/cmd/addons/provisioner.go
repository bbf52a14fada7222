package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// provisionerName is what the StorageClass in hack/cluster names.
const provisionerName = "cnat-operator.example.com/local"

// directories provisions volumes that are directories of the one node that the
// provisioner runs on too, so that it makes them itself: no helper pod, no wait.
type directories struct {
	// base is the folder of all volumes; it has the same path in the
	// provisioner's pod as on the node.
	base string
}

func runProvisioner() error {
	base := flag.String("dir", "", "folder of all volumes, at the same path on the node and in this pod")
	flag.Parse()
	if !filepath.IsAbs(*base) {
		return fmt.Errorf("-dir %q is not an absolute path", *base)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		return fmt.Errorf("read the pod's service account: %w", err)
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go runResizer(ctx, client)
	controller.NewProvisionController(ctx, client, provisionerName, &directories{base: *base},
		controller.LeaderElection(false), // there is one node, and one of these
		controller.ExponentialBackOffOnError(false),
	).Run(ctx)
	return nil
}

// Provision makes the directory of a claim. It belongs to root and is not
// writable by others, as the root of a freshly made file system is: a pod that
// forgets its fsGroup fails here as it would on a cloud's disk.
func (d *directories) Provision(_ context.Context, options controller.ProvisionOptions) (*corev1.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC
	path := filepath.Join(d.base, options.PVName+"_"+claim.Namespace+"_"+claim.Name)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("make the volume's directory: %w", err)
	}
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: corev1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			Capacity: corev1.ResourceList{
				corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage],
			},
			// Local, not HostPath: the kubelet applies fsGroup to it.
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				Local: &corev1.LocalVolumeSource{Path: path},
			},
			NodeAffinity: onNode(options.SelectedNodeName),
		},
	}, controller.ProvisioningFinished, nil
}

// Delete removes a volume's directory with all that is in it.
func (d *directories) Delete(_ context.Context, volume *corev1.PersistentVolume) error {
	if volume.Spec.Local == nil {
		return &controller.IgnoredError{Reason: "it is not a local volume"}
	}
	path := volume.Spec.Local.Path
	if filepath.Dir(path) != d.base {
		return &controller.IgnoredError{Reason: fmt.Sprintf("%s is not in %s", path, d.base)}
	}
	if err := os.RemoveAll(path); err != nil {
		return fmt.Errorf("remove the volume's directory: %w", err)
	}
	return nil
}

func onNode(name string) *corev1.VolumeNodeAffinity {
	return &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key:      corev1.LabelHostname,
				Operator: corev1.NodeSelectorOpIn,
				Values:   []string{name},
			}},
		}},
	}}
}
