package db

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/dbname"
)

// collector puts the files of a report together. All that goes into one passes its scrubber.
type collector struct {
	tool    *cli.Tool
	cluster *cli.Cluster
	db      *v1.Database
	now     time.Time
	scrub   *scrubber
	log     logReader

	files    []file
	names    map[string]bool
	problems []string
}

type file struct{ name, text string }

// collect reads what the report has. What can't be read is noted, and the rest is there.
func (c *collector) collect(ctx context.Context) {
	unread := errors.New("not asked for in a report")
	c.add("status.txt", describe(c.tool, c.db, usage{storageErr: unread, serverErr: unread}))
	c.objects("database.yaml", c.db)
	about := map[types.UID]bool{c.db.UID: true}
	own := client.MatchingLabels{dbname.LabelDatabase: c.db.Name}
	var pods []corev1.Pod
	// A list of kinds that has no Secrets in it.
	for _, kind := range []struct {
		file string
		list client.ObjectList
	}{
		{"pods.yaml", &corev1.PodList{}},
		{"statefulsets.yaml", &appsv1.StatefulSetList{}},
		{"persistentvolumeclaims.yaml", &corev1.PersistentVolumeClaimList{}},
		{"cronjobs.yaml", &batchv1.CronJobList{}},
		{"jobs.yaml", &batchv1.JobList{}},
	} {
		err := c.cluster.List(ctx, kind.list, client.InNamespace(c.db.Namespace), own)
		if err != nil {
			c.problem(kind.file, err)
			continue
		}
		var found []client.Object
		_ = meta.EachListItem(kind.list, func(item runtime.Object) error {
			if object, ok := item.(client.Object); ok {
				found, about[object.GetUID()] = append(found, object), true
			}
			return nil
		})
		if list, ok := kind.list.(*corev1.PodList); ok {
			pods = list.Items
		}
		c.objects(kind.file, found...)
	}
	c.events(ctx, about)
	for i := range pods {
		c.logs(ctx, &pods[i])
	}
	if len(c.problems) > 0 {
		c.add("problems.txt", strings.Join(c.problems, "\n")+"\n")
	}
}

// problem notes what can't be in the report.
func (c *collector) problem(file string, err error) {
	c.problems = append(c.problems, c.scrub.text(fmt.Sprintf("%s: %v", file, cli.Explain(err))))
}

// add adds a file. Its name has names of the cluster's objects in it.
func (c *collector) add(name, text string) {
	name = c.scrub.known(name)
	for c.names[name] {
		name += "-"
	}
	c.names[name] = true
	c.files = append(c.files, file{name, c.scrub.text(text)})
}

// objects adds a file of objects.
func (c *collector) objects(name string, objects ...client.Object) {
	var texts []string
	for _, object := range objects {
		text, err := c.manifest(object)
		if err != nil {
			c.problem(name, err)
			continue
		}
		texts = append(texts, text)
	}
	c.add(name, strings.Join(texts, "---\n"))
}

func (c *collector) manifest(object client.Object) (string, error) {
	kind, err := apiutil.GVKForObject(object, c.cluster.Scheme())
	if err != nil {
		return "", err
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return "", err
	}
	content := &unstructured.Unstructured{Object: fields}
	content.SetGroupVersionKind(kind)
	c.scrub.object(content)
	text, err := yaml.Marshal(content.Object)
	return string(text), err
}

// events adds those about the Database and its objects.
func (c *collector) events(ctx context.Context, about map[types.UID]bool) {
	const name = "events.yaml"
	events := &corev1.EventList{}
	if err := c.cluster.List(ctx, events, client.InNamespace(c.db.Namespace)); err != nil {
		c.problem(name, err)
		return
	}
	var found []client.Object
	for i := range events.Items {
		if about[events.Items[i].InvolvedObject.UID] {
			found = append(found, &events.Items[i])
		}
	}
	c.objects(name, found...)
}

// logs adds the logs of a pod's containers, and those from before their last restart.
func (c *collector) logs(ctx context.Context, pod *corev1.Pod) {
	if !c.own(pod) {
		return // anybody may set the label
	}
	for _, container := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
		for _, previous := range []bool{false, true} {
			began := container.State.Running != nil || container.State.Terminated != nil
			name := path.Join("logs", pod.Name, container.Name+".log")
			if previous {
				began = container.LastTerminationState.Terminated != nil
				name = path.Join("logs", pod.Name, container.Name+".previous.log")
			}
			if !began {
				continue
			}
			text, err := c.log(ctx, pod, container.Name, previous)
			if err != nil {
				c.problem(name, err)
				continue
			}
			c.add(name, text)
		}
	}
}

// own reports whether a pod is the server's, or that of a backup.
func (c *collector) own(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && (owner.Kind == "StatefulSet" && owner.Name == dbname.Release(c.db.Name) ||
		owner.Kind == "Job" && strings.HasPrefix(owner.Name, dbname.Backup(c.db.Name)+"-"))
}

// write writes the files as a zip.
func (c *collector) write(to io.Writer) error {
	archive := zip.NewWriter(to)
	for _, file := range c.files {
		entry, err := archive.CreateHeader(&zip.FileHeader{Name: file.name, Method: zip.Deflate, Modified: c.now})
		if err != nil {
			return err
		}
		if _, err := io.WriteString(entry, file.text); err != nil {
			return err
		}
	}
	return archive.Close()
}
