package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/test/stored"
)

const (
	databases = "databases" // the namespace of what is installed
	foreign   = "foreign"   // the namespace of Secrets that are none of the operator's business

	storageClass = "volumes"
)

// subject is an operator that is measured.
type subject struct {
	// name begins the names of what is printed.
	name     string
	resource schema.GroupVersionResource
	// controller is its name in the operator's metrics.
	controller string
	// condition is True once the operator has nothing left to do for an object.
	condition string
	// server leads from the name of an object to that of its StatefulSet.
	server  func(object string) string
	program string
	args    []string
	// objects are what the operator is given, each with what must be there before.
	objects []installation
}

type installation struct {
	object *unstructured.Unstructured
	before []client.Object
}

// ours is this operator. Each Database says no more than it must.
func ours(n, workers int) subject {
	s := subject{
		name:       "ours",
		resource:   schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "databases"},
		controller: "database",
		condition:  "Ready",
		server:     func(object string) string { return object + "-database" },
		program:    "manager",
		args:       []string{"--database-chart=helm-charts/database", "--metrics-secure=false"},
	}
	if workers > 0 {
		s.args = append(s.args, fmt.Sprintf("--database-workers=%d", workers))
	}
	for i := range n {
		s.objects = append(s.objects, installation{
			object: newObject("example.com/v1", "Database", fmt.Sprintf("db-%03d", i), map[string]any{"user": "app"}),
			before: []client.Object{newVolume(i)},
		})
	}
	return s
}

// peer is helm-operator-plugins' own operator, as `helm-operator run` sets it up, with the same releases: of the same
// names, the same chart and the values that our operator computed. The credentials are there beforehand.
func peer(releases []storedRelease, watches string, workers int) subject {
	s := subject{
		name:       "peer",
		resource:   schema.GroupVersionResource{Group: "bench.example.com", Version: "v1", Resource: "peerdatabases"},
		controller: "peerdatabase-controller",
		condition:  "Deployed",
		server:     func(object string) string { return object },
		program:    "helm-operator",
		args:       []string{"run", "--watches-file=" + watches},
	}
	if workers > 0 {
		s.args = append(s.args, fmt.Sprintf("--max-concurrent-reconciles=%d", workers))
	}
	for i, release := range releases {
		name, _, _ := unstructured.NestedString(release.Config, "credentials", "secretName")
		s.objects = append(s.objects, installation{
			object: newObject("bench.example.com/v1", "PeerDatabase", release.Name, release.Config),
			before: []client.Object{newVolume(i), &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: databases, Name: name},
				Data:       map[string][]byte{"username": []byte("app"), "password": []byte("secret")},
			}},
		})
	}
	return s
}

// peerWatches lists for the peer which chart belongs to which kind.
const peerWatches = `- group: bench.example.com
  version: v1
  kind: PeerDatabase
  chart: %s
`

func newObject(apiVersion, kind, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": apiVersion,
		"kind":       kind,
		"metadata":   map[string]any{"namespace": databases, "name": name},
		"spec":       spec,
	}}
}

// newVolume makes a volume that is there for a claim to be bound to.
func newVolume(i int) client.Object {
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("volume-%d", i)},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName:       storageClass,
			AccessModes:            []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Capacity:               corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")},
			PersistentVolumeSource: corev1.PersistentVolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/simulated"}},
		},
	}
}

// storedRelease is what is needed of a release that Helm stored.
type storedRelease struct {
	Name   string
	Config map[string]any // the values
}

// storedReleases reads the releases from Helm's Secrets.
func storedReleases(ctx context.Context, reader client.Reader) ([]storedRelease, error) {
	secrets := &corev1.SecretList{}
	if err := reader.List(ctx, secrets, client.InNamespace(databases), client.MatchingLabels{"owner": "helm"}); err != nil {
		return nil, fmt.Errorf("listing releases: %w", err)
	}
	releases := make([]storedRelease, len(secrets.Items))
	for i, secret := range secrets.Items {
		if err := stored.Decode(secret.Data["release"], &releases[i]); err != nil {
			return nil, fmt.Errorf("reading release %s: %w", secret.Name, err)
		}
	}
	return releases, nil
}
