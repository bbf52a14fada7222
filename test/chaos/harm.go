package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	operatorNamespace  = "cnat-operator-system"
	operatorDeployment = "cnat-operator-manager"
	lease              = "cnat-operator.cnat.programming-kubernetes.info"
)

func kubectl(ctx context.Context, args ...string) error {
	output, err := exec.CommandContext(ctx, "kubectl", append([]string{"--namespace=" + operatorNamespace}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}

// inBackground calls do again and again until the returned function is called,
// which gives what do has counted.
func inBackground[T any](ctx context.Context, every time.Duration, do func(context.Context, *T)) func() T {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan T)
	go func() {
		var result T
		for ctx.Err() == nil {
			do(ctx, &result)
			sleep(ctx, every)
		}
		done <- result
	}()
	return func() T {
		cancel()
		return <-done
	}
}

// killLeaders kills the process of the leader with SIGKILL, every 5 s.
func (c *chaos) killLeaders(ctx context.Context) func() int {
	return inBackground(ctx, killEvery, func(ctx context.Context, kills *int) {
		pod, err := c.leader(ctx)
		if err == nil && signalLeader(pod, syscall.SIGKILL) {
			*kills++
			progress("killed the leader, %s", pod.Name)
		}
	})
}

// leader is the pod that holds the lease.
func (c *chaos) leader(ctx context.Context) (*corev1.Pod, error) {
	held := &coordinationv1.Lease{}
	if err := c.client.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: lease}, held); err != nil {
		return nil, fmt.Errorf("reading the lease: %w", err)
	}
	// A holder is named POD_UID, the UID being that of the process.
	name, _, _ := strings.Cut(ptr.Deref(held.Spec.HolderIdentity, ""), "_")
	if name == "" {
		return nil, errors.New("nobody leads")
	}
	pod := &corev1.Pod{}
	if err := c.client.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: name}, pod); err != nil {
		return nil, fmt.Errorf("reading the leader: %w", err)
	}
	return pod, nil
}

// signalLeader sends a signal to the operator's process in a pod, and tells
// whether there was one.
func signalLeader(pod *corev1.Pod, signal syscall.Signal) bool {
	pid := managerOf(string(pod.UID))
	return pid != 0 && syscall.Kill(pid, signal) == nil
}

// managerOf finds the operator's process in a pod: the node is this machine.
func managerOf(podUID string) int {
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	if err != nil {
		return 0
	}
	for _, file := range files {
		groups, err := os.ReadFile(file)
		// The kubelet's systemd driver writes the UID with underscores.
		if err != nil || !strings.Contains(strings.ReplaceAll(string(groups), "_", "-"), podUID) {
			continue
		}
		folder := filepath.Dir(file)
		command, err := os.ReadFile(filepath.Join(folder, "cmdline"))
		if err != nil || !strings.HasPrefix(string(command), "/manager\x00") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil {
			return pid
		}
	}
	return 0
}

// deleteRuns deletes what runs of 20 Ats: of one the pod, of the next the Job.
// It gives the names of the Ats.
func (c *chaos) deleteRuns(ctx context.Context) func() map[string]bool {
	return inBackground(ctx, time.Second, func(ctx context.Context, victims *map[string]bool) {
		if *victims == nil {
			*victims = map[string]bool{}
		}
		pods := &corev1.PodList{}
		if len(*victims) >= deleted || c.client.List(ctx, pods, client.InNamespace(c.namespace)) != nil {
			return
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			at := pod.Annotations["cnat.programming-kubernetes.info/at"]
			if pod.Status.Phase != corev1.PodRunning || (*victims)[at] {
				continue
			}
			(*victims)[at] = true // also if the deletion fails, since it may have been done
			if err := c.deleteRun(ctx, pod, len(*victims)%2 == 0); err != nil {
				progress("deleting the run of %s: %v", at, err)
			}
			return // one a second, so that they are spread
		}
	})
}

func (c *chaos) deleteRun(ctx context.Context, pod *corev1.Pod, podOnly bool) error {
	if podOnly {
		return c.client.Delete(ctx, pod)
	}
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: pod.Labels[batchv1.JobNameLabel]}}
	return c.client.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground))
}
