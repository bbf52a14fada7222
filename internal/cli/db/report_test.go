package db

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/dbname"
)

// leaky is all that belongs to a Database, with its password wherever a text is free.
func leaky(t *testing.T, namespace, password string) *v1.Database {
	t.Helper()
	leaks := strings.Join([]string{password, base64.StdEncoding.EncodeToString([]byte(password)), percentEncoded(password)}, " and ")
	status := readyStatus()
	status.Message = leaks
	status.Conditions[0].Message = leaks
	status.Backup.LastFailureTime, status.Backup.LastFailureMessage = ago(time.Hour), leaks
	db := &v1.Database{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop", Annotations: map[string]string{
			"kubectl.kubernetes.io/last-applied-configuration": `{"spec":{"password":"the-one-before"}}`,
			"example.org/note": leaks,
		}},
		Spec: v1.DatabaseSpec{User: "wp", Password: password, Backup: &v1.DatabaseBackup{}},
	}
	create(t, db)
	writeStatus(t, db, status)

	own := labels("shop", dbname.ComponentDatabase)
	pod := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: own}, Spec: template("postgres")}
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop-database", Labels: own, Annotations: map[string]string{"note": leaks}},
		Spec:       appsv1.StatefulSetSpec{Selector: &metav1.LabelSelector{MatchLabels: own}, Template: pod},
	}
	create(t, set)
	server := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "shop-database-0", Labels: own,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(set, appsv1.SchemeGroupVersion.WithKind("StatefulSet"))},
		},
		Spec: pod.Spec,
	}
	foreign := server.DeepCopy()
	foreign.Name, foreign.OwnerReferences = "foreign", nil
	dataClaim := claim(namespace, "shop-database-data")
	dataClaim.Labels = own
	job := newJob(db, "shop-backup-1")
	job.Annotations = map[string]string{"note": leaks}
	create(t, server, foreign, dataClaim, job)
	for _, pod := range []*corev1.Pod{server, foreign} {
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "postgres", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}},
			LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Message: leaks}},
		}}
		if err := api.Status().Update(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
	}
	for name, about := range map[string]client.Object{"one": db, "two": server, "other": &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "other"}}} {
		create(t, &corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Namespace: namespace, Name: name},
			InvolvedObject: corev1.ObjectReference{Namespace: namespace, UID: about.GetUID()},
			Message:        leaks, Reason: "Leaks-" + name,
		})
	}
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop-database-credentials", Labels: own},
		StringData: map[string]string{"password": password},
	})
	return db
}

// recorder notes the requests of the plugin.
type recorder struct {
	http.RoundTripper
	mutex sync.Mutex
	paths []string
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.paths = append(r.paths, request.Method+" "+request.URL.Path)
	return r.RoundTripper.RoundTrip(request)
}

func TestReportHasNoSecrets(t *testing.T) {
	for name, password := range map[string]string{
		"simple": "tr0ub4dor", "hard": hardPassword, "long, with spaces": strings.Repeat("correct horse battery staple ", 8),
		"several lines": "one line\nanother line\n", "of the format's own": "***",
	} {
		t.Run(name, func(t *testing.T) {
			namespace := newNamespace(t)
			db := leaky(t, namespace, password)
			requests := &recorder{}
			tool := cli.NewTool(genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard})
			tool.Now = func() time.Time { return now }
			*tool.Flags.KubeConfig, *tool.Flags.Namespace = kubeconfig, namespace
			tool.Flags.WrapConfigFn = func(config *rest.Config) *rest.Config {
				config.Wrap(func(inner http.RoundTripper) http.RoundTripper {
					requests.RoundTripper = inner
					return requests
				})
				return config
			}
			cluster, err := tool.Connect()
			if err != nil {
				t.Fatal(err)
			}
			c := newCollector(tool, cluster, db)
			c.log = func(_ context.Context, pod *corev1.Pod, container string, previous bool) (string, error) {
				if previous {
					return "", errors.New("no log with " + password)
				}
				return "LOG:  " + pod.Name + "/" + container + " statement: ALTER ROLE wp PASSWORD '" + strings.ReplaceAll(password, "'", "''") + "'\n" +
					base64.StdEncoding.EncodeToString([]byte(password)) + "\n" + strings.ReplaceAll(password, "\n", "\n\t") + "\nthe end\n", nil
			}
			c.collect(t.Context())
			var archive bytes.Buffer
			if err := c.write(&archive); err != nil {
				t.Fatal(err)
			}
			files := unzip(t, archive.Bytes())
			var names []string
			for name, text := range files {
				names = append(names, name)
				if password == "***" {
					text = strings.ReplaceAll(text, "###", "")
				}
				hidden(t, name+"\n"+text, password)
				hidden(t, text, "the-one-before")
			}
			slices.Sort(names)
			want := []string{
				"cronjobs.yaml", "database.yaml", "events.yaml", "jobs.yaml", "logs/shop-database-0/postgres.log",
				"persistentvolumeclaims.yaml", "pods.yaml", "problems.txt", "statefulsets.yaml", "status.txt",
			}
			if !slices.Equal(names, want) {
				t.Errorf("the files are %v, want %v", names, want)
			}
			contains(t, files["database.yaml"], "kind: Database", "user: wp")
			contains(t, files["events.yaml"], "Leaks-one", "Leaks-two")
			contains(t, files["logs/shop-database-0/postgres.log"], "shop-database-0/postgres", "the end")
			contains(t, files["problems.txt"], "logs/shop-database-0/postgres.previous.log: no log with")
			if strings.Contains(files["events.yaml"], "Leaks-other") {
				t.Error("it has events of others")
			}
			for _, path := range requests.paths {
				if strings.Contains(path, "/secrets") || !strings.HasPrefix(path, http.MethodGet+" ") {
					t.Errorf("it asked for %s", path)
				}
			}
			if len(requests.paths) == 0 {
				t.Error("no request was seen")
			}
		})
	}
}

func unzip(t *testing.T, content []byte) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range archive.File {
		reader, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(reader)
		if err != nil {
			t.Fatal(err)
		}
		files[file.Name] = string(text)
	}
	return files
}

func TestReportWritesAFile(t *testing.T) {
	namespace := newNamespace(t)
	const password = "tr0ub4dor"
	leaky(t, namespace, password)
	path := filepath.Join(t.TempDir(), "x.zip")
	stdout, stderr, code := plugin(t, namespace, "report", "shop", "--file="+path)
	if code != 0 || !strings.Contains(stdout, "wrote "+path+": ") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v: others may read it: %v", err, info.Mode())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range unzip(t, content) {
		hidden(t, name+text, password)
	}
	fails(t, "file exists", namespace, "report", "shop", "--file="+path)
}

func TestReportLeavesOutWhatTheUserMayNotRead(t *testing.T) {
	namespace := newNamespace(t)
	db := newDatabase(t, namespace, "shop", readySpec(), readyStatus())
	create(t, &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "shop-backup", Labels: labels(db.Name, dbname.ComponentBackup)},
		Spec: batchv1.CronJobSpec{Schedule: "@daily", JobTemplate: batchv1.JobTemplateSpec{
			Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: template("backup")}},
		}},
	})
	stdout, stderr, code := plugin(t, namespace, "report", "shop", "--file=-", user(t, namespace, databases("get")))
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	files := unzip(t, []byte(stdout))
	contains(t, files["status.txt"], "Ready         True")
	contains(t, files["problems.txt"], "pods.yaml: a right is missing: pods is forbidden", "events.yaml: a right is missing",
		"cronjobs.yaml: a right is missing")
	contains(t, stderr, "left out: pods.yaml: a right is missing")
	if _, found := files["pods.yaml"]; found {
		t.Error("pods.yaml is there")
	}
	stdout, _, _ = plugin(t, namespace, "report", "shop", "--file=-")
	contains(t, unzip(t, []byte(stdout))["cronjobs.yaml"], "kind: CronJob", "name: shop-backup")
}
