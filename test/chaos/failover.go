package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// leaseDuration is controller-runtime's default: a leader that is killed holds the Lease for as long.
const leaseDuration = 15 * time.Second

// measureFailovers prints how late an At starts that is due during a failover, and fails where that is more than it may
// be.
func (c *chaos) measureFailovers(ctx context.Context) error {
	for _, end := range []struct {
		name   string
		signal syscall.Signal
		limit  time.Duration
	}{
		{"graceful", syscall.SIGTERM, 3 * time.Second},
		{"sigkill", syscall.SIGKILL, leaseDuration + 3*time.Second},
	} {
		late, err := c.failover(ctx, "due-at-"+end.name, end.signal)
		if err != nil {
			return err
		}
		fmt.Printf("failover_%s_lateness_seconds=%.3f\n", end.name, late.Seconds())
		if late > end.limit {
			return fmt.Errorf("an At due during a failover by %s was %s late, more than %s", end.signal, late, end.limit)
		}
		if err := c.scaleOperator(ctx, 2); err != nil {
			return err
		}
	}
	return nil
}

// failover ends the leader just before an At is due, and gives its lateness.
func (c *chaos) failover(ctx context.Context, name string, signal syscall.Signal) (time.Duration, error) {
	due := time.Now().Add(12 * time.Second).Truncate(time.Second)
	at := &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec:       cnatv1.AtSpec{Schedule: &metav1.Time{Time: due}, Run: runv1.Run{Command: "true"}},
	}
	if err := c.client.Create(ctx, at); err != nil {
		return 0, fmt.Errorf("creating At %s: %w", name, err)
	}
	sleep(ctx, time.Until(due)-100*time.Millisecond)
	pod, err := c.leader(ctx)
	if err != nil {
		return 0, err
	}
	if !signalLeader(pod, signal) {
		return 0, fmt.Errorf("the leader, %s, has no process on this machine", pod.Name)
	}
	progress("sent %s to the leader, %s, %s before the At is due", signal, pod.Name, time.Until(due).Round(time.Millisecond))
	for at.Status.StartLatency == nil {
		if time.Since(due) > time.Minute || ctx.Err() != nil {
			return 0, fmt.Errorf("waited a minute for At %s to start", name)
		}
		sleep(ctx, 200*time.Millisecond)
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(at), at); err != nil {
			return 0, fmt.Errorf("reading At %s: %w", name, err)
		}
	}
	return at.Status.StartLatency.Duration, nil
}
