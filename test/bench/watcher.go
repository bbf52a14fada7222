package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
)

// watching is the first line of a watcher's process: from then on it sees all.
const watching = "watching"

// What a watcher looks for: Jobs that are allowed to run, or the pods of Jobs.
const (
	resourceJobs = "jobs"
	resourcePods = "pods"
)

// printFirst is the watcher's process: it prints for each Job of a namespace that is allowed to run, or for each pod, when
// it saw it first, its name, and its owner's name if it has one. It does nothing
// else, so that the API server does not cut it off for being slow; should that
// be, it fails rather than measure its own delay.
func printFirst(kubeconfig, namespace, resource string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.ContentType = runtime.ContentTypeProtobuf
	clientset, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	start := clientset.BatchV1().Jobs(namespace).Watch
	if resource == resourcePods {
		start = clientset.CoreV1().Pods(namespace).Watch
	}
	events, err := start(context.Background(), metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("watching %s: %w", resource, err)
	}
	fmt.Println(watching)
	seen := map[types.UID]bool{}
	for event := range events.ResultChan() {
		now := time.Now()
		object, ok := event.Object.(metav1.Object)
		if !ok || event.Type == watch.Deleted || seen[object.GetUID()] || suspended(object) {
			continue
		}
		seen[object.GetUID()] = true
		line := fmt.Sprintf("%d %s", now.UnixNano(), object.GetName())
		if owner := metav1.GetControllerOf(object); owner != nil {
			line += " " + owner.Name
		}
		fmt.Println(line)
	}
	return errors.New("the API server ended the watch")
}

func suspended(object metav1.Object) bool {
	job, ok := object.(*batchv1.Job)
	return ok && ptr.Deref(job.Spec.Suspend, false)
}

// watcher knows when each Job of a namespace was first seen to be allowed to run, or each pod was seen. It is the same
// for all that are compared, and watches in a process of its own.
type watcher struct {
	command *exec.Cmd
	ended   chan error
	mu      sync.Mutex
	seen    map[string]time.Time // by Job
	owners  map[string]string    // Job by its owner's name, or its own
}

func (b *bench) watch(namespace, resource string) (*watcher, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	w := &watcher{
		command: exec.Command(self, "watch", b.kubeconfig, namespace, resource),
		ended:   make(chan error, 1), seen: map[string]time.Time{}, owners: map[string]string{},
	}
	w.command.Stderr = os.Stderr
	w.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	output, err := w.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := w.command.Start(); err != nil {
		return nil, fmt.Errorf("starting the watcher: %w", err)
	}
	lines := bufio.NewScanner(output)
	if !lines.Scan() || lines.Text() != watching {
		w.stop()
		return nil, fmt.Errorf("the watcher did not start: %q", lines.Text())
	}
	go func() { w.ended <- w.read(lines) }()
	return w, nil
}

// read notes what the watcher's process prints, until it ends.
func (w *watcher) read(lines *bufio.Scanner) error {
	for lines.Scan() {
		fields := append(strings.Fields(lines.Text()), "", "")
		nanoseconds, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			return fmt.Errorf("the watcher printed %q", lines.Text())
		}
		w.note(fields[1], fields[2], time.Unix(0, nanoseconds))
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}

func (w *watcher) note(job, owner string, moment time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[job] = moment
	w.owners[cmp.Or(owner, job)] = job
}

func (w *watcher) stop() {
	_ = w.command.Process.Kill() // it may have ended
	_ = w.command.Wait()
}

// await waits until n Jobs were seen.
func (w *watcher) await(ctx context.Context, n int, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		w.mu.Lock()
		seen := len(w.seen)
		w.mu.Unlock()
		if seen >= n {
			return nil
		}
		select {
		case err := <-w.ended:
			return fmt.Errorf("the watcher ended after %d of %d Jobs: %w", seen, n, err)
		case <-ctx.Done():
			return fmt.Errorf("waited %s for %d Jobs and saw %d", limit, n, seen)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lateness of all Jobs after one instant, in order.
func (w *watcher) lateness(due time.Time) distribution {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all distribution
	for _, moment := range w.seen {
		all = append(all, moment.Sub(due))
	}
	slices.Sort(all)
	return all
}

// latenessOf Jobs after the time that each, or its owner, was due, in order.
func (w *watcher) latenessOf(due map[string]time.Time) distribution {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all distribution
	for owner, moment := range due {
		all = append(all, w.seen[w.owners[owner]].Sub(moment))
	}
	slices.Sort(all)
	return all
}
