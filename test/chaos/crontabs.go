package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
	"example.com/cnat-operator/test/controlplane"
)

const (
	cronTabs = 12 // that run every minute. Each third is edited, each third is suspended over a minute, the others are left alone
	editEach = 20 * time.Second
	// suspendedThird is which third is suspended.
	suspendedThird = 1
)

func cronTabName(i int) string { return fmt.Sprintf("tab-%d", i) }

// suspendedTabs are the CronTabs that are suspended over a minute.
func suspendedTabs() []string {
	var names []string
	for i := suspendedThird; i < cronTabs; i += 3 {
		names = append(names, cronTabName(i))
	}
	return names
}

// minutes are the times of the CronTabs' runs.
func (c *chaos) minutes() []time.Time {
	first := c.begin.Truncate(time.Minute).Add(time.Minute)
	var all []time.Time
	for minute := first; minute.Before(c.begin.Add(span)); minute = minute.Add(time.Minute) {
		all = append(all, minute)
	}
	return all
}

// createCronTabs creates CronTabs that run every minute of the span, and notes the Ats that are to come: they have a name
// by their time. Whatever is late is made up for.
func (c *chaos) createCronTabs(ctx context.Context) error {
	minutes := c.minutes()
	return controlplane.InParallel(cronTabs, func(i int) error {
		say := func(what string) string { return "echo $AT " + what + " $(date +%s.%N) >> /out/runs; " }
		pod := c.onNode(say("start") + "sleep 3; " + say("end"))
		pod.Containers[0].Env = []corev1.EnvVar{{Name: "AT", ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + atAnnotation + "']"},
		}}}
		tab := &crontabv1.CronTab{
			ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: cronTabName(i)},
			Spec: crontabv1.CronTabSpec{
				CronSpec: "* * * * *", NotBefore: &metav1.Time{Time: minutes[0]}, NotAfter: &metav1.Time{Time: minutes[len(minutes)-1]},
				CatchUp: crontabv1.CatchUpAll, RunSpec: crontabv1.RunSpec{Run: runv1.Run{Template: &corev1.PodTemplateSpec{Spec: pod}}},
			},
		}
		c.mutex.Lock()
		for _, minute := range minutes {
			c.ats[fmt.Sprintf("%s-%d", tab.Name, minute.Unix())] = &history{due: minute, optional: i%3 == suspendedThird && minute.Equal(minutes[1])}
		}
		c.mutex.Unlock()
		if err := c.client.Create(ctx, tab); err != nil {
			return fmt.Errorf("creating CronTab %s: %w", tab.Name, err)
		}
		return nil
	})
}

// changeCronTabs suspends a third of the CronTabs for one minute around the second time, and edits what another third
// runs, again and again: the next At is taken back and created anew each time. It returns how many such changes were made
// when the returned function is called.
func (c *chaos) changeCronTabs(ctx context.Context) func() int {
	second, edits := c.minutes()[1], 0
	changes := []struct {
		at      time.Time
		suspend bool
		done    bool
	}{{at: second.Add(-30 * time.Second), suspend: true}, {at: second.Add(30 * time.Second), suspend: false}}
	var edited time.Time
	stop := inBackground(ctx, time.Second, func(ctx context.Context) {
		for i := range changes {
			change := &changes[i]
			if change.done || time.Now().Before(change.at) {
				continue
			}
			change.done = c.patchCronTabs(ctx, suspendedThird, fmt.Sprintf(`{"spec":{"suspend":%t}}`, change.suspend)) == nil
			if change.done {
				edits++
			}
		}
		if time.Since(edited) < editEach {
			return
		}
		label := fmt.Sprintf(`{"spec":{"template":{"metadata":{"labels":{"edit":"%d"}}}}}`, time.Now().Unix())
		if c.patchCronTabs(ctx, 2, label) == nil {
			edited = time.Now()
			edits++
		}
	})
	return func() int { stop(); return edits }
}

// patchCronTabs changes one third of the CronTabs. The API server may be starting.
func (c *chaos) patchCronTabs(ctx context.Context, third int, patch string) (err error) {
	for i := third; i < cronTabs; i += 3 {
		tab := &crontabv1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: cronTabName(i)}}
		err = errors.Join(err, c.client.Patch(ctx, tab, client.RawPatch(types.MergePatchType, []byte(patch))))
	}
	return err
}

// excuseMissed compares the runs that the CronTabs report as missed with those that did not happen. The only ones that
// may be missed were due before the operator learned that their CronTab was suspended, and had not started. It returns
// how many are reported.
func (c *chaos) excuseMissed(ctx context.Context) (reported int64, err error) {
	tabs := &crontabv1.CronTabList{}
	if err := c.client.List(ctx, tabs, client.InNamespace(c.namespace)); err != nil {
		return 0, err
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for i := range tabs.Items {
		tab, absent := &tabs.Items[i], int64(0)
		missed := ptr.Deref(tab.Status.MissedRuns, 0)
		if slices.Contains(suspendedTabs(), tab.Name) {
			for _, minute := range c.minutes()[:2] {
				if run := c.ats[fmt.Sprintf("%s-%d", tab.Name, minute.Unix())]; len(run.started) == 0 {
					absent++
					run.optional = run.optional || missed > 0
				}
			}
		}
		if missed > absent {
			err = errors.Join(err, fmt.Errorf("CronTab %s reports %d missed runs, and %d did not start", tab.Name, missed, absent))
		}
		reported += missed
	}
	return reported, err
}

// openCronTabs are the CronTabs that have runs to come.
func (c *chaos) openCronTabs(ctx context.Context) (open []string, err error) {
	tabs := &crontabv1.CronTabList{}
	err = c.client.List(ctx, tabs, client.InNamespace(c.namespace))
	for i := range tabs.Items {
		if status := &tabs.Items[i].Status; status.NextScheduleTime != nil || status.Next != nil || ptr.Deref(status.Replicas, 1) > 0 {
			open = append(open, tabs.Items[i].Name)
		}
	}
	return open, err
}
