package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"

	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// onNode is a pod with one container that has the folder on the node as /out.
func (c *chaos) onNode(script string) corev1.PodSpec {
	return corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		TerminationGracePeriodSeconds: ptr.To[int64](1),
		Containers: []corev1.Container{{
			Name: "shell", Image: c.image, Command: []string{"sh", "-c", script},
			VolumeMounts: []corev1.VolumeMount{{Name: "out", MountPath: "/out"}},
		}},
		Volumes: []corev1.Volume{{Name: "out", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{
			Path: c.folder, Type: ptr.To(corev1.HostPathDirectoryOrCreate),
		}}}},
	}
}

// createAts makes the Ats, due one after the other over the span.
func (c *chaos) createAts(ctx context.Context) error {
	first := time.Now().Add(20 * time.Second).Truncate(time.Second)
	for i := range ats {
		name := fmt.Sprintf("at-%d", i)
		due := first.Add(span * time.Duration(i) / ats).Truncate(time.Second)
		at := &cnatv1alpha1.At{
			ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
			Spec: cnatv1alpha1.AtSpec{
				Schedule: &metav1.Time{Time: due},
				Template: &corev1.PodTemplateSpec{Spec: c.onNode("echo " + name + " $(date +%s.%N) >> /out/runs; sleep 3")},
			},
		}
		if err := c.client.Create(ctx, at); err != nil {
			return fmt.Errorf("creating At %s: %w", name, err)
		}
		c.due[name] = due
	}
	return nil
}

// awaitAll waits until every At is over.
func (c *chaos) awaitAll(ctx context.Context) error {
	deadline := time.Now().Add(recovery)
	for {
		list := &cnatv1alpha1.AtList{}
		if err := c.client.List(ctx, list, client.InNamespace(c.namespace)); err != nil {
			return fmt.Errorf("listing Ats: %w", err)
		}
		var open []string
		for i := range list.Items {
			if !list.Items[i].Status.Finished() {
				open = append(open, list.Items[i].Name)
			}
		}
		if len(open) == 0 && len(list.Items) == ats {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("waited %s for all to be over; %d of %d are not: %s", recovery, len(open), len(list.Items), strings.Join(open, " "))
		}
		sleep(ctx, time.Second)
	}
}

// readRuns reads the file on the node, by a pod, and removes it: the times of
// the runs of each At.
func (c *chaos) readRuns(ctx context.Context) (map[string][]time.Time, error) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "reader"},
		Spec:       c.onNode("cat /out/runs; rm /out/runs"),
	}
	if err := c.client.Create(ctx, pod); err != nil {
		return nil, fmt.Errorf("creating the reader: %w", err)
	}
	for pod.Status.Phase != corev1.PodSucceeded {
		if pod.Status.Phase == corev1.PodFailed || ctx.Err() != nil {
			return nil, fmt.Errorf("the reader has failed: %s", pod.Status.Message)
		}
		sleep(ctx, 200*time.Millisecond)
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return nil, fmt.Errorf("waiting for the reader: %w", err)
		}
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	text, err := clientset.CoreV1().Pods(c.namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the reader's log: %w", err)
	}
	return parseRuns(string(text))
}

// parseRuns reads lines of a name and a Unix time with fractions.
func parseRuns(text string) (map[string][]time.Time, error) {
	runs := map[string][]time.Time{}
	for line := range strings.Lines(text) {
		name, stamp, _ := strings.Cut(strings.TrimSpace(line), " ")
		seconds, err := strconv.ParseFloat(stamp, 64)
		if err != nil {
			return nil, fmt.Errorf("the line %q of the file on the node: %w", line, err)
		}
		runs[name] = append(runs[name], time.UnixMicro(int64(seconds*1e6)))
	}
	return runs, nil
}

// scaleOperator sets the number of replicas and waits for them.
func (c *chaos) scaleOperator(ctx context.Context, replicas int) error {
	for _, args := range [][]string{
		{"scale", "deployment/" + operatorDeployment, "--replicas=" + strconv.Itoa(replicas)},
		{"rollout", "status", "deployment/" + operatorDeployment, "--timeout=300s"},
	} {
		if err := kubectl(ctx, args...); err != nil {
			return err
		}
	}
	return nil
}
