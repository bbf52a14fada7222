package crontab

import (
	"maps"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/controllers/at"
	"example.com/cnat-operator/internal/schedule"
)

// renderScheduled builds the At of a scheduled run, suspended.
func renderScheduled(tab *v1.CronTab, run schedule.Run, commandImage string) *cnatv1.At {
	annotation := map[string]string{annotationScheduled: run.Scheduled.UTC().Format(time.RFC3339)}
	at := render(tab, atName(tab, run.Scheduled), run.Scheduled, run.At, annotation, commandImage)
	at.Labels[labelScheduled] = strconv.FormatInt(run.Scheduled.Unix(), 10)
	return at
}

// renderRequested builds the At of a run that was asked for, suspended. Its scheduled time is when it was asked for.
func renderRequested(tab *v1.CronTab, request string, now time.Time, commandImage string) *cnatv1.At {
	now = now.Truncate(time.Second)
	annotation := map[string]string{annotationRequest: request}
	return render(tab, requestedAtName(tab, request), now, now, annotation, commandImage)
}

func render(
	tab *v1.CronTab, name string, scheduled, due time.Time, annotations map[string]string, commandImage string,
) *cnatv1.At {
	spec := &tab.Spec
	template := podTemplate(spec, commandImage)
	template.Labels = merged(template.Labels, map[string]string{labelCronTab: tab.Name})
	template.Annotations = merged(template.Annotations, annotations)
	variable := corev1.EnvVar{Name: scheduledTimeVariable, Value: scheduled.UTC().Format(time.RFC3339)}
	for _, containers := range [][]corev1.Container{template.Spec.InitContainers, template.Spec.Containers} {
		for i := range containers {
			containers[i].Env = withVariable(containers[i].Env, variable)
		}
	}
	run := spec.Run
	run.Containers, run.Command, run.Template = nil, "", template
	labels := map[string]string{
		labelCronTab:    tab.Name,
		labelRevision:   revisionOf(tab),
		labelGeneration: strconv.FormatInt(tab.Generation, 10),
	}
	if queue := tab.Labels[queueLabel]; queue != "" {
		labels[queueLabel] = queue
	}
	return &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:   tab.Namespace,
			Name:        name,
			Labels:      labels,
			Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{
				*metav1.NewControllerRef(tab, v1.GroupVersion.WithKind("CronTab")),
			},
		},
		Spec: cnatv1.AtSpec{
			Schedule:                &metav1.Time{Time: due.UTC()},
			Suspend:                 ptr.To(true),
			Replicas:                spec.Replicas,
			TTLSecondsAfterFinished: spec.TTLSecondsAfterFinished,
			Run:                     run,
		},
	}
}

// podTemplate is the pod of a run, without what depends on its time.
func podTemplate(spec *v1.CronTabSpec, commandImage string) *corev1.PodTemplateSpec {
	switch {
	case spec.Template != nil:
		return spec.Template.DeepCopy()
	case spec.Command != "":
		return withContainers(at.CommandContainer(spec.Command, commandImage))
	case spec.Image != "":
		return withContainers(corev1.Container{Name: "run", Image: spec.Image})
	default:
		return withContainers(spec.DeepCopy().Containers...)
	}
}

func withContainers(containers ...corev1.Container) *corev1.PodTemplateSpec {
	return &corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: containers}}
}

// withVariable puts a variable first, so that others may refer to it. One that the user set holds.
func withVariable(env []corev1.EnvVar, variable corev1.EnvVar) []corev1.EnvVar {
	for _, set := range env {
		if set.Name == variable.Name {
			return env
		}
	}
	return append([]corev1.EnvVar{variable}, env...)
}

// merged is a map of both; of one key, the second's value holds.
func merged(first, second map[string]string) map[string]string {
	all := map[string]string{}
	maps.Copy(all, first)
	maps.Copy(all, second)
	return all
}
