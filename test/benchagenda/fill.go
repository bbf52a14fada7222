package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
	"example.com/cnat-operator/test/controlplane"
)

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(corev1.AddToScheme(scheme), batchv1.AddToScheme(scheme), cnatv1.AddToScheme(scheme),
		crontabv1.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
}

// newService leads to this machine.
func newService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "agenda"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"},
	}
}

// fill creates what is listed, in as many namespaces as a cluster has: 100.
func (b *bench) fill(ctx context.Context, n sizes) error {
	const namespaces = 100
	name := func(i int) string { return fmt.Sprintf("ns-%d", i%namespaces) }
	if err := controlplane.InParallel(namespaces, func(i int) error {
		return b.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name(i)}})
	}); err != nil {
		return err
	}
	pod := corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever,
		Containers:    []corev1.Container{{Name: "run", Image: "i", Command: []string{"true"}}},
	}
	day := time.Now().Add(time.Minute)
	return controlplane.InParallel(n.ats+n.tabs+n.jobs, func(i int) error {
		meta := metav1.ObjectMeta{Namespace: name(i), Name: fmt.Sprintf("it-%d", i)}
		var object client.Object
		switch {
		case i < n.ats:
			due := metav1.NewTime(day.Add(23 * time.Hour / time.Duration(n.ats) * time.Duration(i)).Truncate(time.Second))
			object = &cnatv1.At{ObjectMeta: meta, Spec: cnatv1.AtSpec{Schedule: &due, Run: runv1.Run{Command: "true"}}}
		case i < n.ats+n.tabs:
			spec := crontabv1.CronTabSpec{CronSpec: fmt.Sprintf("%d * * * *", i%60), TimeZone: "Europe/Berlin"}
			spec.Command = "true"
			object = &crontabv1.CronTab{ObjectMeta: meta, Spec: spec}
		default:
			job := batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: pod}}}
			object = &batchv1.CronJob{
				ObjectMeta: meta, Spec: batchv1.CronJobSpec{Schedule: fmt.Sprintf("*/%d * * * *", 10+i%50), JobTemplate: job},
			}
		}
		return b.client.Create(ctx, object)
	})
}
