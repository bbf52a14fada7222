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
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

const (
	operatorNamespace  = "cnat-operator-system"
	operatorDeployment = "cnat-operator-manager"
	atAnnotation       = "cnat.programming-kubernetes.info/at"
	lease              = "cnat-operator.cnat.programming-kubernetes.info"
)

func kubectl(ctx context.Context, args ...string) error {
	output, err := exec.CommandContext(ctx, "kubectl", append([]string{"--namespace=" + operatorNamespace}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}

// inBackground calls do again and again until the returned function is called.
func inBackground(ctx context.Context, every time.Duration, do func(context.Context)) func() {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			do(ctx)
			sleep(ctx, every)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// killLeaders kills the process of the leader with SIGKILL, every 5 s, and returns how often.
func (c *chaos) killLeaders(ctx context.Context, until time.Time) (kills int) {
	for ; time.Now().Before(until) && ctx.Err() == nil; sleep(ctx, killEvery) {
		pod, err := c.leader(ctx)
		if err == nil && signalLeader(pod, syscall.SIGKILL) {
			kills++
			progress("killed the leader, %s", pod.Name)
		}
	}
	return kills
}

// stopLeader has the leader stand still until another one leads, and for longer than its lease, and then go on. It fails
// where any of that did not happen.
func (c *chaos) stopLeader(ctx context.Context) error {
	pod, err := c.awaitLeader(ctx)
	if err != nil {
		return err
	}
	pid := managerOf(string(pod.UID))
	if pid == 0 || syscall.Kill(pid, syscall.SIGSTOP) != nil {
		return fmt.Errorf("the leader, %s, has no process on this machine", pod.Name)
	}
	stopped := time.Now()
	progress("stopped the leader, %s", pod.Name)
	next := pod
	for next.UID == pod.UID || time.Since(stopped) < stopFor {
		if sleep(ctx, 500*time.Millisecond); time.Since(stopped) > 3*stopFor || ctx.Err() != nil {
			return errors.Join(errors.New("no other leader took over"), syscall.Kill(pid, syscall.SIGCONT))
		}
		if other, err := c.leader(ctx); err == nil {
			next = other
		}
	}
	state := processState(pid)
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil || state != "T" {
		return fmt.Errorf("the process of %s was %q, and did not stand still: %w", pod.Name, state, err)
	}
	progress("the leader that was stopped, %s, goes on after %.1f s; %s leads", pod.Name, time.Since(stopped).Seconds(), next.Name)
	return nil
}

// processState is the state of a process by one letter, as in proc(5).
func processState(pid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(status), ") ")
	return rest[:min(1, len(rest))]
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

// signalLeader sends a signal to the operator's process in a pod, and reports
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

// stopRuns stops runs, one a second: it deletes the pod of one, the Job of the next, and cancels the third.
func (c *chaos) stopRuns(ctx context.Context, done map[string]int) func() {
	return inBackground(ctx, time.Second, func(ctx context.Context) {
		pods := &corev1.PodList{}
		if done["pod"] >= stops || c.client.List(ctx, pods, client.InNamespace(c.namespace)) != nil {
			return
		}
		for i := range pods.Items {
			pod := &pods.Items[i]
			name := pod.Annotations[atAnnotation]
			if pod.Status.Phase == corev1.PodRunning && strings.HasPrefix(name, "at-") && c.mayBeStopped(name) {
				way := []string{"job", "cancel", "pod"}[(done["job"]+done["cancel"]+done["pod"])%3]
				done[way]++
				if err := c.stopRun(ctx, pod, name, way); err != nil {
					progress("stopping the run of %s by %s: %v", name, way, err)
					done[way]--
				}
				return
			}
		}
	})
}

func (c *chaos) mayBeStopped(name string) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	at := c.ats[name]
	return at != nil && !at.deleted && !at.cancelled
}

// stopRun stops a run. It is noted before, since what fails may have been done.
func (c *chaos) stopRun(ctx context.Context, pod *corev1.Pod, name, way string) error {
	c.mutex.Lock()
	c.ats[name].deleted, c.ats[name].cancelled = way != "cancel", way == "cancel"
	c.mutex.Unlock()
	switch way {
	case "pod":
		return c.client.Delete(ctx, pod)
	case "job":
		job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: pod.Labels[batchv1.JobNameLabel]}}
		return c.client.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground))
	}
	return c.cancel(ctx, name)
}

func (c *chaos) cancel(ctx context.Context, name string) error {
	at := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}}
	return c.client.Patch(ctx, at, client.RawPatch(types.MergePatchType, []byte(`{"spec":{"cancel":true}}`)))
}

// cancelPending cancels every tenth of the Ats that are not due for long enough that a new leader will have read it.
func (c *chaos) cancelPending(ctx context.Context) (int, error) {
	c.mutex.Lock()
	var names []string
	for name, at := range c.ats {
		if strings.HasPrefix(name, "at-") && strings.HasSuffix(name, "5") && time.Until(at.due) > 10*time.Second {
			names = append(names, name)
		}
	}
	c.mutex.Unlock()
	for _, name := range names {
		if err := c.cancel(ctx, name); err != nil {
			return 0, err
		}
		c.mutex.Lock()
		at := c.ats[name]
		at.neverRun = time.Until(at.due) > 5*time.Second
		at.cancelled = !at.neverRun
		c.mutex.Unlock()
	}
	return len(names), nil
}
