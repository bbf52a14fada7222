package requests

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/write"
)

var (
	ats       = schema.GroupResource{Group: cnatv1.GroupVersion.Group, Resource: "ats"}
	crontabs  = schema.GroupResource{Group: crontabv1.GroupVersion.Group, Resource: "crontabs"}
	databases = schema.GroupResource{Group: databasev1.GroupVersion.Group, Resource: "databases"}
)

// action does what is asked for, and returns a message that says so.
type action func(ctx context.Context, c client.Client, r *request) (string, error)

// actions are those of all subresources. They do what kubectl at and kubectl db do.
var actions = map[string]action{
	"crontabs/run": run, "crontabs/skip": skip, "ats/cancel": cancel, "databases/backup": backup,
}

func run(ctx context.Context, c client.Client, r *request) (string, error) {
	tab := &crontabv1.CronTab{}
	if err := r.get(ctx, c, tab, crontabs); err != nil {
		return "", err
	}
	return "it is to run now", r.annotate(ctx, c, tab, crontabv1.AnnotationRunRequest)
}

func skip(ctx context.Context, c client.Client, r *request) (string, error) {
	tab := &crontabv1.CronTab{}
	if err := r.get(ctx, c, tab, crontabs); err != nil {
		return "", err
	}
	next := tab.Status.Next
	if next == nil {
		return "", r.refuse(crontabs, "it has no next run")
	}
	at := &cnatv1.At{}
	err := c.Get(ctx, client.ObjectKey{Namespace: r.key.Namespace, Name: next.Name}, at)
	if client.IgnoreNotFound(err) != nil {
		return "", err
	}
	if at.UID != next.UID || at.Status.JobUID != "" || at.Status.Finished() {
		return "", r.refuse(crontabs, "its next run has started or is over: try again")
	}
	message := fmt.Sprintf("it skips its run of %s", next.ScheduledTime.UTC().Format(time.RFC3339))
	return message, r.cancel(ctx, c, at)
}

func cancel(ctx context.Context, c client.Client, r *request) (string, error) {
	at := &cnatv1.At{}
	if err := r.get(ctx, c, at, ats); err != nil {
		return "", err
	}
	if at.Status.Finished() {
		return "", r.refuse(ats, "it is over: %s", at.Status.Phase)
	}
	message := "it is cancelled before it started"
	if at.Status.JobUID != "" {
		message = "it is cancelled while it runs"
	}
	return message, r.cancel(ctx, c, at)
}

// cancel cancels an At, if it is still as it was read.
func (r *request) cancel(ctx context.Context, c client.Client, at *cnatv1.At) error {
	before := at.DeepCopy()
	at.Spec.Cancel = ptr.To(true)
	if at.Annotations == nil {
		at.Annotations = map[string]string{}
	}
	at.Annotations[v1alpha1.AnnotationCancelRequest] = r.text
	return c.Patch(ctx, at, write.Locked(before), r.options())
}

func backup(ctx context.Context, c client.Client, r *request) (string, error) {
	db := &databasev1.Database{}
	if err := r.get(ctx, c, db, databases); err != nil {
		return "", err
	}
	if db.Spec.Backup == nil {
		return "", r.refuse(databases, "it has nowhere to put backups: spec.backup is not set")
	}
	return "it is asked for a backup", r.annotate(ctx, c, db, databasev1.AnnotationBackupRequest)
}
