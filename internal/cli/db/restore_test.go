package db

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
)

const aDump = "my-shop-20270703T110000Z.dump"

// source is a Database with all that a restore takes along, and what it does not.
func source(t *testing.T, namespace string) *v1.Database {
	return newDatabase(t, namespace, "my-shop", v1.DatabaseSpec{
		User: "wp", Password: hardPassword, Encoding: "LATIN1", Backup: &v1.DatabaseBackup{Schedule: "@daily"},
		ServerOptions: v1.ServerOptions{
			Parameters: map[string]v1.ParameterValue{"work_mem": "8MB"},
			Service: v1.DatabaseService{
				Type: "LoadBalancer", Annotations: map[string]v1.AnnotationValue{"external-dns.alpha.kubernetes.io/hostname": "shop.example.org"},
			},
		},
	}, v1.DatabaseStatus{})
}

func claim(namespace, name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("1Gi")}},
		},
	}
}

func TestRestore(t *testing.T) {
	namespace := newNamespace(t)
	source(t, namespace)
	args := []string{"restore", "my-shop", "--from=" + aDump, "--as=copy"}
	fails(t, "the volume claim my-shop-backup is not there", namespace, args...)

	create(t, claim(namespace, "my-shop-backup"))
	got := succeeds(t, namespace, args...)
	contains(t, got, "database/copy created, with the spec of database/my-shop",
		"begins with the dump "+aDump+" of database/my-shop; its user is wp, and the operator generates its password",
		"kubectl wait --for=condition=Ready database/copy --namespace="+namespace)

	copied := &v1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "copy"}}
	get(t, copied)
	spec := copied.Spec
	if spec.RestoreFrom != (v1.DatabaseRestore{Database: "my-shop", Dump: aDump}) {
		t.Errorf("it is restored from %+v", spec.RestoreFrom)
	}
	if spec.User != "wp" || spec.DatabaseName != "my_shop" || spec.Encoding != "LATIN1" || spec.Parameters["work_mem"] != "8MB" ||
		spec.Backup == nil || spec.Backup.Schedule != "@daily" {
		t.Errorf("the spec is %+v", spec)
	}
	if spec.Password != "" || spec.Service.Type == "LoadBalancer" || len(spec.Service.Annotations) > 0 {
		t.Errorf("the spec has what is the source's alone: %+v", spec)
	}
}

func TestRestoreOverwritesNothing(t *testing.T) {
	namespace := newNamespace(t)
	source(t, namespace)
	create(t, claim(namespace, "my-shop-backup"), claim(namespace, "earlier-database-data"))
	other := newDatabase(t, namespace, "other", v1.DatabaseSpec{User: "other"}, v1.DatabaseStatus{})
	for as, words := range map[string]string{
		"other":   `databases.example.com "other" already exists`,
		"my-shop": `databases.example.com "my-shop" already exists`,
		"earlier": "the volume claim earlier-database-data is there already, with the data of a Database earlier",
		"Bad":     "metadata.name",
	} {
		fails(t, words, namespace, "restore", "my-shop", "--from=latest", "--as="+as)
	}
	before := other.ResourceVersion
	if get(t, other); other.ResourceVersion != before {
		t.Error("the other Database was changed")
	}
}

func TestRestoreOfADatabaseThatIsNotThere(t *testing.T) {
	namespace := newNamespace(t)
	create(t, claim(namespace, "my-shop-backup"))
	args := []string{"restore", "my-shop", "--from=latest", "--as=my-shop"}
	fails(t, "give its user by --owner", namespace, args...)
	contains(t, succeeds(t, namespace, append(args, "--owner=wp")...), "database/my-shop created, the other fields have their defaults")
	restored := &v1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "my-shop"}}
	if get(t, restored); restored.Spec.User != "wp" || restored.Spec.RestoreFrom.Database != "my-shop" {
		t.Errorf("the spec is %+v", restored.Spec)
	}
}

func TestRestoreDryRunCreatesNothing(t *testing.T) {
	namespace := newNamespace(t)
	source(t, namespace)
	got := succeeds(t, namespace, "restore", "my-shop", "--from=latest", "--as=copy", "--dry-run")
	if strings.Contains(got, "DROP ROLE") || strings.Contains(got, "status") {
		t.Errorf("got %s", got)
	}
	list := &v1.DatabaseList{}
	if err := api.List(t.Context(), list, client.InNamespace(namespace)); err != nil || len(list.Items) != 1 {
		t.Errorf("%v: %d Databases", err, len(list.Items))
	}
	printed := &v1.Database{}
	if err := yaml.UnmarshalStrict([]byte(got), printed); err != nil {
		t.Fatal(err)
	}
	create(t, printed) // it is a manifest that the API server takes
}
