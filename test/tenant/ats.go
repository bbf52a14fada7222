package main

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// atTries reach for others' Ats, Jobs, pods and accounts.
func atTries() []try {
	return []try{
		{name: "account-of-others", run: accountOfOthers},
		{name: "template-metadata", run: templateMetadata},
		{name: "template-fields", run: templateFields},
		{name: "job-of-others-at", run: jobOfOthersAt},
		{name: "job-squatted", run: jobSquatted},
		{name: "pod-of-others-job", run: podOfOthersJob},
		{name: "events-planted", run: eventsPlanted},
	}
}

// at creates an At of the user's that runs at once.
func (t *tenant) at(ctx context.Context, name string, after time.Duration, change func(*corev1.PodTemplateSpec)) (*cnatv1.At, error) {
	at := newAt(t.namespace, name, after)
	if change != nil {
		at.Spec.Command = ""
		at.Spec.Template = &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever,
			Containers:    []corev1.Container{{Name: "a", Image: "localhost/nothere:1", Command: []string{"true"}}},
		}}
		change(at.Spec.Template)
	}
	return at, t.user.Create(ctx, at)
}

// jobOf waits for the Job of an At.
func (t *tenant) jobOf(ctx context.Context, at *cnatv1.At) (*batchv1.Job, error) {
	var found *batchv1.Job
	err := poll(ctx, "a Job of At "+at.Name, patience, func() (bool, error) {
		jobs := &batchv1.JobList{}
		err := t.user.List(ctx, jobs, client.InNamespace(t.namespace))
		for i := range jobs.Items {
			if metav1.IsControlledBy(&jobs.Items[i], at) {
				found = &jobs.Items[i]
			}
		}
		return found != nil, err
	})
	return found, err
}

// accountOfOthers runs as accounts that the namespace does not have: no pod may come of it.
func accountOfOthers(ctx context.Context, t *tenant, name string) error {
	for i, account := range []string{"cnat-operator-controller-manager", t.victim + ":default", "../" + t.victim + "/default"} {
		at, err := t.at(ctx, fmt.Sprintf("%s-%d", name, i), 0, func(template *corev1.PodTemplateSpec) {
			template.Spec.ServiceAccountName = account
		})
		if apierrors.IsInvalid(err) {
			continue
		}
		if err != nil {
			return err
		}
		err = poll(ctx, "At "+at.Name+" to report", patience, func() (bool, error) {
			err := t.user.Get(ctx, client.ObjectKeyFromObject(at), at)
			return len(at.Status.Conditions) > 0, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// templateMetadata says that the pod is of another namespace, and another's.
func templateMetadata(ctx context.Context, t *tenant, name string) error {
	at, err := t.at(ctx, name, 0, func(template *corev1.PodTemplateSpec) {
		template.ObjectMeta = metav1.ObjectMeta{
			Namespace: t.victim, Name: "pwned-" + name, OwnerReferences: []metav1.OwnerReference{t.shopOwns()},
			Finalizers: []string{"example.com/pwned"}, Labels: map[string]string{"example.com/database": shop},
		}
	})
	if apierrors.IsInvalid(err) {
		return nil
	}
	if err != nil {
		return err
	}
	job, err := t.jobOf(ctx, at)
	if err != nil {
		return err
	}
	if meta := job.Spec.Template.ObjectMeta; meta.Namespace != "" || len(meta.OwnerReferences) > 0 {
		t.escaped("obeyed: the template of Job %s is of namespace %q with owners %v", job.Name, meta.Namespace, meta.OwnerReferences)
	}
	return nil
}

// templateFields are those of a Job that the user may create, and no more: Pod Security decides on the pod.
func templateFields(ctx context.Context, t *tenant, name string) error {
	at, err := t.at(ctx, name, 0, func(template *corev1.PodTemplateSpec) {
		template.Spec.HostPID, template.Spec.HostNetwork = true, true
		template.Spec.Volumes = []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{
			HostPath: &corev1.HostPathVolumeSource{Path: "/"},
		}}}
		template.Spec.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: ptr.To(true)}
	})
	if err != nil {
		return err
	}
	err = poll(ctx, "At "+name+" to report", patience, func() (bool, error) {
		err := t.user.Get(ctx, client.ObjectKeyFromObject(at), at)
		return len(at.Status.Conditions) > 0, err
	})
	if err != nil {
		return err
	}
	sleep(ctx, 5*time.Second)
	pods := &corev1.PodList{}
	if err := t.admin.List(ctx, pods, client.InNamespace(t.namespace)); err != nil {
		return err
	}
	for i := range pods.Items {
		if pods.Items[i].Spec.HostPID {
			t.escaped("created: pod %s, which the namespace does not allow", pods.Items[i].Name)
		}
	}
	return nil
}

// jobOfOthersAt plants a Job that says that it is the run of an At of the victim's, and of the user's own.
func jobOfOthersAt(ctx context.Context, t *tenant, name string) error {
	victim := &cnatv1.At{}
	if err := t.admin.Get(ctx, client.ObjectKey{Namespace: t.victim, Name: "later"}, victim); err != nil {
		return err
	}
	own := newAt(t.namespace, name, time.Hour)
	if err := t.user.Create(ctx, own); err != nil {
		return err
	}
	for i, at := range []*cnatv1.At{victim, own} {
		job := t.plantedJob(fmt.Sprintf("%s-%d", name, i), at)
		if err := t.user.Create(ctx, job); err != nil {
			return err
		}
	}
	sleep(ctx, 5*time.Second)
	if err := t.user.Get(ctx, client.ObjectKeyFromObject(own), own); err != nil {
		return err
	}
	if own.Status.JobUID != "" {
		t.escaped("obeyed: At %s takes a Job that was planted for its own", own.Name)
	}
	return nil
}

// plantedJob is a Job that names an At as its owner.
func (t *tenant) plantedJob(name string, at *cnatv1.At) *batchv1.Job {
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: t.namespace, Name: name,
			Labels: map[string]string{"app.kubernetes.io/name": "at", "app.kubernetes.io/part-of": "cnat-operator"},
		},
		Spec: batchv1.JobSpec{Suspend: ptr.To(true), Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "a", Image: "localhost/nothere:1"}},
		}}},
	}
	if at != nil {
		owner := metav1.NewControllerRef(at, cnatv1.GroupVersion.WithKind("At"))
		owner.BlockOwnerDeletion = nil // which the role edit may not set
		job.OwnerReferences = []metav1.OwnerReference{*owner}
	}
	return job
}

// jobSquatted takes the name of an At's Job as soon as that is known.
func jobSquatted(ctx context.Context, t *tenant, name string) error {
	at, err := t.at(ctx, name, 15*time.Second, nil)
	if err != nil {
		return err
	}
	job, err := t.jobOf(ctx, at)
	if err != nil {
		return err
	}
	squatter := t.plantedJob(job.Name, nil)
	err = poll(ctx, "Job "+job.Name+" to be replaced", time.Minute, func() (bool, error) {
		_ = t.user.Patch(ctx, job, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))
		_ = t.user.Delete(ctx, job, client.PropagationPolicy(metav1.DeletePropagationBackground))
		err := t.user.Create(ctx, squatter)
		return err == nil, err
	})
	if err != nil {
		return err
	}
	sleep(ctx, 20*time.Second) // until it is over
	now := &batchv1.Job{}
	if err := t.user.Get(ctx, client.ObjectKeyFromObject(squatter), now); err != nil || now.UID != squatter.UID {
		t.escaped("deleted: Job %s, which is not the operator's: %v", squatter.Name, err)
	} else if now.Generation != squatter.Generation {
		t.escaped("changed: Job %s, which is not the operator's", squatter.Name)
	}
	return nil
}

// podOfOthersJob plants a pod that says that it is of the victim's Job, and of the neighbor's server.
func podOfOthersJob(ctx context.Context, t *tenant, name string) error {
	jobs := &batchv1.JobList{}
	if err := t.admin.List(ctx, jobs, client.InNamespace(t.victim)); err != nil {
		return err
	}
	if len(jobs.Items) == 0 {
		return fmt.Errorf("the victim has no Job")
	}
	job := jobs.Items[0]
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: t.namespace, Name: name, Labels: job.Spec.Template.Labels,
			Annotations:     map[string]string{"cnat.programming-kubernetes.info/at": "done"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "batch/v1", Kind: "Job", Name: job.Name, UID: job.UID, Controller: ptr.To(true)}},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "localhost/nothere:1"}}},
	}
	return t.user.Create(ctx, pod)
}

// eventsPlanted says of the victim's Jobs and pods, and of the neighbor's, that they were refused.
func eventsPlanted(ctx context.Context, t *tenant, name string) error {
	jobs := &batchv1.JobList{}
	if err := t.admin.List(ctx, jobs, client.InNamespace(t.victim)); err != nil {
		return err
	}
	subjects := []corev1.ObjectReference{{APIVersion: "example.com/v1", Kind: "Database", Name: shop, UID: t.shop.UID}}
	for i := range jobs.Items {
		subjects = append(subjects, corev1.ObjectReference{APIVersion: "batch/v1", Kind: "Job", Name: jobs.Items[i].Name, UID: jobs.Items[i].UID})
	}
	for i, subject := range subjects {
		subject.Namespace = t.namespace
		event := &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: fmt.Sprintf("%s-%d", name, i)},
			Regarding:  subject, Reason: "FailedCreate", Type: corev1.EventTypeWarning, Action: "Create",
			Note: "Error creating: pods \"pwned\" is forbidden", ReportingController: "job-controller", ReportingInstance: "job-controller",
			EventTime: metav1.NowMicro(),
		}
		if err := t.user.Create(ctx, event); err != nil {
			return err
		}
		// An event about another namespace's object in that namespace is for those who may write there.
		event = event.DeepCopy()
		event.ResourceVersion, event.Namespace, event.Regarding.Namespace = "", t.victim, t.victim
		if err := mustBeForbidden(t, name, t.user.Create(ctx, event)); err != nil {
			return err
		}
	}
	return nil
}
