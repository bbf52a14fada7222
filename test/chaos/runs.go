package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
	"example.com/cnat-operator/test/controlplane"
)

// onNode is a pod with one container that has the folder on the node as /out.
func (c *chaos) onNode(script string) corev1.PodSpec {
	return corev1.PodSpec{
		RestartPolicy:                 corev1.RestartPolicyNever,
		TerminationGracePeriodSeconds: ptr.To[int64](1),
		Containers: []corev1.Container{{
			Name: "shell", Image: c.image, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"sh", "-c", script},
			VolumeMounts: []corev1.VolumeMount{{Name: "out", MountPath: "/out"}},
		}},
		Volumes: []corev1.Volume{{Name: "out", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{
			Path: c.folder, Type: ptr.To(corev1.HostPathDirectoryOrCreate),
		}}}},
	}
}

// createAts creates the Ats: some due one after the other over the span, and many at one instant in it. A third of them
// is deleted as soon as they are over.
func (c *chaos) createAts(ctx context.Context) error {
	c.begin = time.Now().Add(time.Minute).Truncate(time.Second)
	err := controlplane.InParallel(spread+burst, func(i int) error {
		if i < burst {
			return c.createAt(ctx, fmt.Sprintf("burst-%d", i), c.begin.Add(burstAfter), i%3 == 0, ":")
		}
		i -= burst
		due := c.begin.Add(span * time.Duration(i) / spread).Truncate(time.Second)
		return c.createAt(ctx, fmt.Sprintf("at-%d", i), due, i%3 == 0, "sleep 3")
	})
	if err == nil && time.Now().After(c.begin) {
		err = errors.New("the Ats were not created before the first was due")
	}
	return err
}

func (c *chaos) createAt(ctx context.Context, name string, due time.Time, expires bool, script string) error {
	say := func(what string) string { return "echo " + name + " " + what + " $(date +%s.%N) >> /out/runs; " }
	at := &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec: cnatv1.AtSpec{
			Schedule: &metav1.Time{Time: due},
			Run:      runv1.Run{Template: &corev1.PodTemplateSpec{Spec: c.onNode(say("start") + script + "; " + say("end"))}},
		},
	}
	if expires {
		at.Spec.TTLSecondsAfterFinished = ptr.To[int32](0)
	}
	if err := c.client.Create(ctx, at); err != nil {
		return fmt.Errorf("creating At %s: %w", name, err)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ats[name] = &history{due: due}
	return nil
}

// awaitAll waits until every At is over, and no CronTab has another run. Those that expired are deleted; the file has them. The API server may be
// starting.
func (c *chaos) awaitAll(ctx context.Context) error {
	deadline := time.Now().Add(recovery)
	for ; ; sleep(ctx, time.Second) {
		list := &cnatv1.AtList{}
		err := c.client.List(ctx, list, client.InNamespace(c.namespace))
		var open []string
		for i := range list.Items {
			if !list.Items[i].Status.Finished() {
				open = append(open, list.Items[i].Name)
			}
		}
		tabs, tabsErr := c.openCronTabs(ctx)
		open, err = append(open, tabs...), errors.Join(err, tabsErr)
		if err == nil && len(open) == 0 {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			err = errors.Join(err, context.Cause(ctx))
			return fmt.Errorf("waited %s for all to be over; %d are not: %s %w", recovery, len(open), strings.Join(open, " "), err)
		}
	}
}

// collectRuns reads the file on the node, by a pod, and removes it.
func (c *chaos) collectRuns(ctx context.Context) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "reader"},
		Spec:       c.onNode("cat /out/runs; rm /out/runs"),
	}
	if err := c.client.Create(ctx, pod); err != nil {
		return fmt.Errorf("creating the reader: %w", err)
	}
	for pod.Status.Phase != corev1.PodSucceeded {
		if pod.Status.Phase == corev1.PodFailed || ctx.Err() != nil {
			return fmt.Errorf("the reader has failed: %s", pod.Status.Message)
		}
		sleep(ctx, 200*time.Millisecond)
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return fmt.Errorf("waiting for the reader: %w", err)
		}
	}
	text, err := c.clientset.CoreV1().Pods(c.namespace).GetLogs(pod.Name, &corev1.PodLogOptions{}).DoRaw(ctx)
	if err != nil {
		return fmt.Errorf("reading the reader's log: %w", err)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return readRuns(string(text), c.ats)
}

// readRuns reads lines of an At's name, start or end, and a Unix time with fractions.
func readRuns(text string, ats map[string]*history) error {
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) != 3 || ats[words[0]] == nil {
			return fmt.Errorf("the line %q of the file on the node is of no At", line)
		}
		at := ats[words[0]]
		seconds, err := strconv.ParseFloat(words[2], 64)
		switch {
		case err != nil:
			return fmt.Errorf("the line %q of the file on the node: %w", line, err)
		case words[1] == "start":
			at.started = append(at.started, time.UnixMicro(int64(seconds*1e6)))
		case words[1] == "end":
			at.ended++
		default:
			return fmt.Errorf("the line %q of the file on the node says neither start nor end", line)
		}
	}
	return nil
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
