package database

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/helm"
)

// Whatever a server, a backup, an image or a stored release says, kubectl can print the Database: a table whose name
// has bytes of another encoding is in the server's words.
func TestForeignBytes(t *testing.T) {
	const foreign = "caf\xe9 \x1b[31m\u009b\x7f\u202e\x00"
	ended := pod(waiting("CrashLoopBackOff", ""), terminated(1, foreign))
	ended.Status.ContainerStatuses[0].Name = serverContainer
	ended.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: versionContainer, State: terminated(0, "(PostgreSQL) 18\u009b")}}
	pods := []corev1.Pod{ended}
	server := serverStateOf(set(1, appsv1.StatefulSetStatus{ObservedGeneration: 1}), pods, "", noon)
	server.version = serverVersion(pods)
	job := backupJob("j", batchv1.JobFailed, 0, foreign)
	done := backupJob("k", batchv1.JobComplete, 0, "")
	tries := []corev1.Pod{tryOf("j", 0, terminated(1, foreign)), tryOf("k", 0, reported("b\u009b.dump", 20))}
	db := newDatabase("ns", "wordpress").build()
	stored := &helm.Release{Status: foreign, ChartVersion: "1"}
	seen := observation{
		server: server, backups: backupsFor(db, []batchv1.Job{job, done}, tries, nil, "", noon),
		release: releaseResult{status: asStored(v1.ReleaseStatus{Name: "wordpress-database"}, stored)},
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
