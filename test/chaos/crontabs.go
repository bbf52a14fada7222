package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	"example.com/cnat-operator/test/controlplane"
)

const (
	cronTabs = 12 // that run every minute. Each third is edited, each third is suspended over a minute, the others are left alone
	editEach = 20 * time.Second
)

func cronTabName(i int) string { return fmt.Sprintf("tab-%d", i) }

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
				CatchUp: crontabv1.CatchUpAll, RunSpec: crontabv1.RunSpec{Template: &corev1.PodTemplateSpec{Spec: pod}},
			},
		}
		c.mutex.Lock()
		for _, minute := range minutes {
			c.ats[fmt.Sprintf("%s-%d", tab.Name, minute.Unix())] = &history{due: minute, optional: i%3 == 1 && minute.Equal(minutes[1])}
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
			change.done = c.patchCronTabs(ctx, 1, fmt.Sprintf(`{"spec":{"suspend":%t}}`, change.suspend)) == nil
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
