package database

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/testenv"
)

// The API server stores all that the Go types promise, of Kubernetes' own types as well: a schema that lacks a field
// would drop it.
func TestAPIServerPrunesNothing(t *testing.T) {
	namespace, pod := newNamespace(t), testenv.FullTemplate().Spec
	resources := pod.Containers[0].Resources
	resources.Claims = nil // of the pod, which has none
	db := newDatabase(namespace, "full").spec(func(s *v1.DatabaseSpec) {
		s.DatabaseName, s.Encoding, s.Image, s.DeletionPolicy = "shop", "UTF8", "postgres:18", v1.DeletionDelete
		s.PasswordRotation = every(24 * time.Hour)
		s.Storage = v1.DatabaseStorage{Size: quantity("2Gi"), StorageClassName: "fast"}
		s.Resources = &resources
		s.RestoreFrom = v1.DatabaseRestore{Database: "old", Dump: v1.LatestDump}
		s.Backup = &v1.DatabaseBackup{
			Schedule: "@daily", TimeZone: "Europe/Berlin", Suspend: ptr.To(true), Retain: 2, Verification: v1.VerificationRead,
			Storage: v1.BackupStorage{Size: quantity("3Gi"), StorageClassName: "slow"}, Resources: &resources,
		}
		s.Parameters = map[string]v1.ParameterValue{"work_mem": "8MB"}
		s.TLS = v1.DatabaseTLS{SecretName: "pair", Mode: v1.TLSOptional}
		s.Evictions = v1.EvictionsRefused
		s.Monitoring = &v1.DatabaseMonitoring{Image: "mirror/exporter", IntervalSeconds: 5, Resources: &resources}
		s.Affinity, s.Tolerations, s.NodeSelector = pod.Affinity, pod.Tolerations, pod.NodeSelector
		s.TopologySpreadConstraints, s.ImagePullSecrets = pod.TopologySpreadConstraints, pod.ImagePullSecrets
		s.PriorityClassName = "high"
		s.PodLabels, s.PodAnnotations = map[string]v1.LabelValue{"team": "a"}, map[string]v1.AnnotationValue{"acme.com/b": "c"}
		s.Service = v1.DatabaseService{Type: "NodePort", Annotations: map[string]v1.AnnotationValue{"acme.com/d": "e"}}
		s.AllowFrom = []v1.NetworkPeer{
			{PodSelector: pod.TopologySpreadConstraints[0].LabelSelector, NamespaceSelector: &metav1.LabelSelector{}},
			{IPBlock: v1.IPBlock{CIDR: "10.0.0.0/8"}},
		}
	}).build()
	db.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	testenv.StoresWhole(t, api, db)
}
