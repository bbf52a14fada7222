package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// yearly is the victim's CronTab.
const yearly = "yearly"

// cronTabTries reach for others' CronTabs and Ats.
func cronTabTries() []try {
	return []try{
		{name: "crontab-no-jobs", run: cronTabWithoutJobs},
		{name: "crontab-squatted", run: cronTabSquatted},
		{name: "crontab-planted", run: cronTabPlanted},
		{name: "crontab-template", run: cronTabTemplate},
	}
}

// newCronTab is a CronTab that runs at each new year.
func newCronTab(namespace, name string) *crontabv1.CronTab {
	return &crontabv1.CronTab{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       crontabv1.CronTabSpec{CronSpec: "@yearly", RunSpec: crontabv1.RunSpec{Run: runv1.Run{Command: "true"}}},
	}
}

// newYear is when the CronTabs run next.
func newYear() time.Time { return time.Date(time.Now().UTC().Year()+1, 1, 1, 0, 0, 0, 0, time.UTC) }

// runName is the name of the At of a CronTab's run.
func runName(tab string, scheduled time.Time) string {
	return fmt.Sprintf("%s-%d", tab, scheduled.Unix())
}

// awaitCronTab waits until a CronTab of the user's reports a condition.
func (t *tenant) awaitCronTab(ctx context.Context, tab *crontabv1.CronTab, condition string) error {
	return poll(ctx, "CronTab "+tab.Name+" to report "+condition, patience, func() (bool, error) {
		err := t.user.Get(ctx, client.ObjectKeyFromObject(tab), tab)
		for _, reported := range tab.Status.Conditions {
			if reported.Type == condition && reported.Status == metav1.ConditionTrue {
				return true, err
			}
		}
		return false, err
	})
}

// cronTabWithoutJobs creates and changes CronTabs as somebody who may not create Jobs.
func cronTabWithoutJobs(ctx context.Context, t *tenant, name string) error {
	user, err := t.userOf(ctx, name)
	if err != nil {
		return err
	}
	tab := newCronTab(t.namespace, name)
	if err := t.user.Create(ctx, tab); err != nil {
		return err
	}
	patches := map[string]string{
		"its command": `{"spec":{"command":"echo pwned"}}`, "its schedule": `{"spec":{"cronSpec":"* * * * *"}}`,
		"its scale": `{"spec":{"replicas":100}}`, "a run now": `{"metadata":{"annotations":{"` + crontabv1.AnnotationRunRequest + `":"now"}}}`,
	}
	attempts := map[string]func() error{"a new one": func() error { return user.Create(ctx, newCronTab(t.namespace, name+"-new")) }}
	for what, patch := range patches {
		attempts[what] = func() error {
			return user.Patch(ctx, newCronTab(t.namespace, name), client.RawPatch(types.MergePatchType, []byte(patch)))
		}
	}
	for what, attempt := range attempts {
		err := poll(ctx, "an answer about "+what, time.Minute, func() (bool, error) { // RBAC takes a moment
			err := attempt()
			if err == nil {
				t.escaped("allowed: %s of a CronTab for a user who may not create jobs", what)
			}
			return err == nil || strings.Contains(err.Error(), "may not create jobs"), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// cronTabSquatted has an At of the name that the next run is to have: it is not the CronTab's to take, change or delete.
func cronTabSquatted(ctx context.Context, t *tenant, name string) error {
	squatter := newAt(t.namespace, runName(name, newYear()), 24*time.Hour)
	if err := t.user.Create(ctx, squatter); err != nil {
		return err
	}
	tab := newCronTab(t.namespace, name)
	if err := t.user.Create(ctx, tab); err != nil {
		return err
	}
	if err := t.awaitCronTab(ctx, tab, crontabv1.ConditionStalled); err != nil {
		return err
	}
	if next := tab.Status.Next; next != nil && next.UID == squatter.UID {
		t.escaped("adopted: At %s, which is not of CronTab %s", squatter.Name, name)
	}
	now := &cnatv1.At{}
	err := t.user.Get(ctx, client.ObjectKeyFromObject(squatter), now)
	if err != nil || now.UID != squatter.UID || now.Generation != squatter.Generation || len(now.OwnerReferences) > 0 {
		t.escaped("changed: At %s, which is not of CronTab %s: %v", squatter.Name, name, err)
	}
	return nil
}

// cronTabPlanted has Ats that say that they are runs: of the victim's CronTab, and of the user's own at another time.
func cronTabPlanted(ctx context.Context, t *tenant, name string) error {
	victim, own := &crontabv1.CronTab{}, newCronTab(t.namespace, name)
	if err := t.admin.Get(ctx, client.ObjectKey{Namespace: t.victim, Name: yearly}, victim); err != nil {
		return err
	}
	if err := t.user.Create(ctx, own); err != nil {
		return err
	}
	if err := t.awaitCronTab(ctx, own, crontabv1.ConditionReady); err != nil {
		return err
	}
	next := own.Status.Next
	for tab, scheduled := range map[*crontabv1.CronTab]time.Time{victim: newYear(), own: newYear().Add(-24 * time.Hour)} {
		at := newAt(t.namespace, runName(tab.Name, scheduled), 24*time.Hour)
		owner := metav1.NewControllerRef(tab, crontabv1.GroupVersion.WithKind("CronTab"))
		owner.BlockOwnerDeletion = nil // which the role edit may not set
		at.OwnerReferences = []metav1.OwnerReference{*owner}
		at.Labels = map[string]string{
			"stable.example.com/crontab": tab.Name, "stable.example.com/scheduled": fmt.Sprint(scheduled.Unix()),
			"stable.example.com/released": "true",
		}
		if err := t.user.Create(ctx, at); err != nil {
			return err
		}
	}
	sleep(ctx, 5*time.Second)
	if err := t.user.Get(ctx, client.ObjectKeyFromObject(own), own); err != nil {
		return err
	}
	if next == nil || own.Status.Next == nil || own.Status.Next.UID != next.UID {
		t.escaped("obeyed: the next run of CronTab %s is %+v, and was %+v", name, own.Status.Next, next)
	}
	before := victim.Status.Next
	if err := t.admin.Get(ctx, client.ObjectKeyFromObject(victim), victim); err != nil {
		return err
	}
	if before == nil || victim.Status.Next == nil || victim.Status.Next.UID != before.UID {
		t.escaped("obeyed: the victim's next run is %+v, and was %+v", victim.Status.Next, before)
	}
	return nil
}

// cronTabTemplate says that the pod is of another namespace, and another's.
func cronTabTemplate(ctx context.Context, t *tenant, name string) error {
	tab := newCronTab(t.namespace, name)
	tab.Spec.Command = ""
	tab.Spec.Template = &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Namespace: t.victim, Name: "pwned-" + name, OwnerReferences: []metav1.OwnerReference{t.shopOwns()}},
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: "a", Image: "localhost/nothere:1"}},
		},
	}
	err := t.user.Create(ctx, tab)
	if apierrors.IsInvalid(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := t.awaitCronTab(ctx, tab, crontabv1.ConditionReady); err != nil {
		return err
	}
	at := &cnatv1.At{}
	if err := t.user.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: tab.Status.Next.Name}, at); err != nil {
		return err
	}
	if meta := at.Spec.Template.ObjectMeta; meta.Namespace != "" || len(meta.OwnerReferences) > 0 {
		t.escaped("obeyed: the template of At %s is of namespace %q with owners %v", at.Name, meta.Namespace, meta.OwnerReferences)
	}
	return nil
}
