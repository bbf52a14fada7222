package at

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	batchv1 "k8s.io/api/batch/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/internal/cli"
)

// pollEvery is how often a command that waits polls.
const pollEvery = 300 * time.Millisecond

// pause waits until the next poll.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pollEvery):
		return nil
	}
}

// follower prints the logs of a run's containers.
type follower struct {
	*cli.Tool
	cluster   *cli.Cluster
	container string // only this one; "" is all
	mutex     sync.Mutex
	printed   map[string]bool // by pod and container
	problems  []error
	streams   sync.WaitGroup
}

// follow prints the log while the run goes on, and returns the At when it is over and all was printed.
func (f *follower) follow(ctx context.Context, at *cnatv1.At) (*cnatv1.At, error) {
	for {
		if err := f.cluster.Get(ctx, client.ObjectKeyFromObject(at), at); err != nil {
			return nil, err
		}
		over := at.Status.Finished()
		if err := f.stream(ctx, at, true); err != nil {
			return nil, err
		}
		if over {
			f.streams.Wait()
			return at, errors.Join(f.problems...)
		}
		if err := pause(ctx); err != nil {
			return nil, err
		}
	}
}

// stream begins to print the logs of the containers that have started and whose log is not printed yet.
func (f *follower) stream(ctx context.Context, at *cnatv1.At, follow bool) error {
	if at.Status.JobUID == "" {
		return nil
	}
	pods := &corev1.PodList{}
	labels := client.MatchingLabels{batchv1.ControllerUidLabel: string(at.Status.JobUID)}
	if err := f.cluster.List(ctx, pods, client.InNamespace(at.Namespace), labels); err != nil {
		return err
	}
	for _, pod := range pods.Items {
		owner := metav1.GetControllerOf(&pod)
		if owner == nil || owner.UID != at.Status.JobUID {
			continue // anybody may set the label
		}
		for _, container := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
			started := container.State.Running != nil || container.State.Terminated != nil
			id := pod.Name + "/" + container.Name
			if !started || f.printed[id] || f.container != "" && f.container != container.Name {
				continue
			}
			f.printed[id] = true
			prefix := ""
			if f.container == "" && several(at, &pod) {
				prefix = id + ": "
			}
			f.streams.Go(func() { f.copy(ctx, &pod, container.Name, prefix, follow) })
		}
	}
	return nil
}

// several reports whether an At may have more than one log.
func several(at *cnatv1.At, pod *corev1.Pod) bool {
	return len(pod.Spec.Containers)+len(pod.Spec.InitContainers) > 1 || at.Spec.Replicas > 1 ||
		at.Spec.BackoffLimit != nil && *at.Spec.BackoffLimit > 0
}

func (f *follower) copy(ctx context.Context, pod *corev1.Pod, container, prefix string, follow bool) {
	options := &corev1.PodLogOptions{Container: container, Follow: follow}
	log, err := f.cluster.Kubernetes.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, options).Stream(ctx)
	if err == nil {
		err = f.lines(log, prefix)
		err = errors.Join(err, log.Close())
	}
	if err != nil && ctx.Err() == nil {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		f.problems = append(f.problems, fmt.Errorf("the log of %s/%s: %w", pod.Name, container, err))
	}
}

// lines copies a log line by line, so that those of several don't mix.
func (f *follower) lines(log io.Reader, prefix string) error {
	reader := bufio.NewReader(log)
	for {
		line, err := reader.ReadString('\n')
		if line != "" {
			f.mutex.Lock()
			_, problem := io.WriteString(cli.Untrusted(f.Out), prefix+line)
			f.mutex.Unlock()
			if problem != nil {
				return problem
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// outcome is how a run that is over ended: no error if it succeeded, else one with the run's exit code, or 1.
func outcome(at *cnatv1.At) error {
	if at.Status.Phase == cnatv1.AtSucceeded {
		return nil
	}
	code := 1
	if at.Status.ExitCode != nil && *at.Status.ExitCode != 0 {
		code = int(*at.Status.ExitCode)
	}
	text := fmt.Sprintf("at/%s: %s", at.Name, at.Status.Phase)
	if at.Status.Reason != "" {
		text += ", " + at.Status.Reason
	}
	if at.Status.Message != "" {
		text += ": " + cli.Printable(at.Status.Message)
	}
	return &cli.ExitError{Code: code, Err: errors.New(text)}
}
