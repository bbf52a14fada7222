package database

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/backups"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/server"
)

// Whatever a server, a backup or an image says, kubectl can print the Database: a table whose name
// has bytes of another encoding is in the server's words.
func TestForeignBytes(t *testing.T) {
	const foreign = "caf\xe9 \x1b[31m\u009b\x7f\u202e\x00"
	ended := testdb.Pod(testdb.Waiting("CrashLoopBackOff", ""), testdb.Terminated(1, foreign))
	ended.Status.ContainerStatuses[0].Name = "postgres"
	ended.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "version", State: testdb.Terminated(0, "(PostgreSQL) 18\u009b")}}
	set := testdb.StatefulSet(1, appsv1.StatefulSetStatus{ObservedGeneration: 1})
	job := testdb.Job("j", batchv1.JobFailed, 0, foreign)
	done := testdb.Job("k", batchv1.JobComplete, 0, "")
	tries := []corev1.Pod{testdb.TryOf("j", 0, testdb.Terminated(1, foreign)), testdb.TryOf("k", 0, testdb.Reported("b\u009b.dump", 20))}
	db := testdb.New()
	db.Spec.Backup = &v1.DatabaseBackup{}
	seen := observation{
		server:  server.Decide(db, server.Observed{StatefulSet: set, Pods: []corev1.Pod{ended}}, testdb.Noon),
		backups: backups.Decide(db, backups.Observed{Jobs: []batchv1.Job{job, done}, Pods: tries}, backups.Needs{}, testdb.Noon),
	}
	db.Status = statusFor(&pass{db: db, seen: seen})
	text, err := yaml.Marshal(db)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"caf\uFFFD", "lastFailureMessage", "lastMessage"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("there is no %s in %s", want, text)
		}
	}
}
