package at

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"hash/fnv"
	"maps"
	"strconv"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

const (
	// maxNameLength is that of a label's value: the Job controller labels pods
	// with the name of their Job.
	maxNameLength = 63

	// atAnnotation on a pod names its At. It is no label, since an At's name
	// may be longer than a label's value.
	atAnnotation = "cnat.programming-kubernetes.info/at"

	// startedAtAnnotation on a Job is the operator's time when it let it run, in
	// RFC 3339 with fractions of a second. Only a Job that was started has it.
	startedAtAnnotation = "cnat.programming-kubernetes.info/started-at"

	// generationAnnotation on a Job is the generation of the At that it was
	// created for. It is removed from a Job that must not be started any more.
	generationAnnotation = "cnat.programming-kubernetes.info/generation"

	// preparedFinalizer on an At holds it while a Job is prepared, so that no Job
	// of a deleted At is started.
	preparedFinalizer = "cnat.programming-kubernetes.info/prepared"

	// oldRunFinalizer is what version 0.2.0 put on Jobs; it is removed where it is found.
	oldRunFinalizer = "cnat.programming-kubernetes.info/run"

	// queueLabel on an At or a Job names the queue of Kueue that starts the Job.
	queueLabel = "kueue.x-k8s.io/queue-name"

	labelPartOf = "app.kubernetes.io/part-of"
	partOf      = "cnat-operator"
)

// jobName is the name of an At's Job: <name of the At>-<hash of its UID>, 63
// characters at most. It is the same whenever it is asked for, and another for
// an At that is created again under an old name.
func jobName(at *cnatv1.At) string {
	sum := sha256.Sum256([]byte(at.UID))
	suffix := "-" + strings.ToLower(base32.StdEncoding.EncodeToString(sum[:])[:10])
	return cut(at.Name, maxNameLength-len(suffix)) + suffix
}

// oldJobName is the name that version 0.2.0 gave an At's Job.
func oldJobName(at *cnatv1.At) string {
	hash := fnv.New32a()
	hash.Write([]byte(at.UID)) // a hash's Write never fails
	suffix := fmt.Sprintf("-%08x", hash.Sum32())
	return cut(at.Name, maxNameLength-len(suffix)) + suffix
}

// cut shortens a name to length at most. What is left ends with a letter or
// digit, so that it stays a valid label value, and a valid name when a suffix
// with a dash is put behind it.
func cut(name string, length int) string {
	return strings.TrimRight(name[:min(len(name), length)], "-.")
}

// newJob builds the Job that is the run of an At, suspended. commandImage is
// the image for spec.command.
//
// Unless the At says otherwise, the Job never starts a second pod
// (backoffLimit 0); its pod never starts a container again (restartPolicy Never).
func newJob(at *cnatv1.At, commandImage string) *batchv1.Job {
	labels := map[string]string{
		"app.kubernetes.io/name":       "at",
		"app.kubernetes.io/instance":   cut(at.Name, maxNameLength),
		"app.kubernetes.io/component":  "run",
		"app.kubernetes.io/managed-by": partOf,
		labelPartOf:                    partOf,
	}
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Name:        jobName(at),
			Namespace:   at.Namespace,
			Labels:      labels,
			Annotations: map[string]string{generationAnnotation: strconv.FormatInt(at.Generation, 10)},
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(at, cnatv1.GroupVersion.WithKind("At")),
			},
		},
		Spec: batchv1.JobSpec{
			Suspend:      ptr.To(true),
			BackoffLimit: ptr.To(ptr.Deref(at.Spec.BackoffLimit, 0)),
			Template:     podTemplate(at, labels, commandImage),
		},
	}
	if queue := at.Labels[queueLabel]; queue != "" {
		job.Labels = merged(labels, map[string]string{queueLabel: queue})
	}
	if replicas := at.Spec.Replicas; replicas > 1 {
		job.Spec.Completions, job.Spec.Parallelism = &replicas, &replicas
		job.Spec.CompletionMode = ptr.To(batchv1.IndexedCompletion)
	}
	if at.Spec.ActiveDeadlineSeconds > 0 {
		job.Spec.ActiveDeadlineSeconds = ptr.To(at.Spec.ActiveDeadlineSeconds)
	}
	return job
}

// podTemplate is the pod of the run: the At's own template, or one made for
// its containers or command.
func podTemplate(at *cnatv1.At, labels map[string]string, commandImage string) corev1.PodTemplateSpec {
	template := corev1.PodTemplateSpec{}
	switch {
	case at.Spec.Template != nil:
		at.Spec.Template.DeepCopyInto(&template)
	case at.Spec.Command != "":
		template.Spec.Containers = []corev1.Container{CommandContainer(at.Spec.Command, commandImage)}
	default:
		template.Spec.Containers = at.DeepCopy().Spec.Containers
	}

	// What the user says of the pod holds, but for the label that the operator's own cache selects by.
	template.Labels = merged(labels, template.Labels)
	template.Labels[labelPartOf] = partOf
	template.Annotations = merged(template.Annotations, map[string]string{atAnnotation: at.Name})
	template.Spec.RestartPolicy = corev1.RestartPolicyNever
	for _, containers := range [][]corev1.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range containers {
			if c := &containers[i]; c.TerminationMessagePolicy == "" {
				// The end of a failed container's log becomes the At's message.
				c.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
			}
		}
	}
	return template
}

// CommandContainer runs a command line by the shell of an image, which gets it as it is written.
func CommandContainer(command, image string) corev1.Container {
	return corev1.Container{Name: "command", Image: image, Command: []string{"sh", "-c", literal(command)}}
}

// literal is a text that the kubelet expands to text itself: it replaces $(NAME)
// in a command by the container's variable, and $$ by $.
func literal(text string) string { return strings.ReplaceAll(text, "$", "$$") }

// merged is a map of both; of one key, the second's value holds.
func merged(first, second map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, first)
	maps.Copy(all, second)
	return all
}
