package database

import (
	"context"
	"fmt"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/events"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/release"
)

// A pass reads everything before its first step writes: no step decides over what another has just changed. Only the
// release reads more, and none of what the other steps are about.
func TestNothingIsReadAfterAWrite(t *testing.T) {
	db := newDatabase(newNamespace(t), "shop").monitored().build()
	db.UID, db.Spec.Backup = "uid", &v1.DatabaseBackup{Retain: 1}
	db.Finalizers = []string{finalizer}
	all := fake.NewClientBuilder().WithScheme(scheme).WithObjects(db).WithStatusSubresource(db).
		WithIndex(&corev1.Event{}, "involvedObject.uid", func(client.Object) []string { return nil }).Build()
	var writes []string
	read := func(object any) {
		switch object.(type) {
		case *corev1.Secret, *corev1.Pod, *corev1.PodList, *corev1.EventList, *batchv1.JobList:
			if len(writes) > 0 {
				t.Errorf("%T is read after %v", object, writes)
			}
		}
	}
	recorded := interceptor.NewClient(all, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			read(o)
			return c.Get(ctx, key, o, options...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			read(list)
			return c.List(ctx, list, options...)
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
			writes = append(writes, fmt.Sprintf("create %T %s", o, o.GetName()))
			return c.Create(ctx, o, options...)
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
			writes = append(writes, fmt.Sprintf("patch %T %s", o, o.GetName()))
			return c.Patch(ctx, o, patch, options...)
		},
	})
	r := &Reconciler{
		Client: recorded, APIReader: recorded, crashes: recorded, Recorder: events.NewFakeRecorder(100),
		Clock:        clocktesting.NewFakePassiveClock(testdb.Noon),
		Releases:     newEngine(t, apiConfig, chartDir, release.ChartObjects),
		DefaultImage: "example.com/postgres:18", ExporterImage: "example.com/exporter",
	}
	if _, err := r.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(db)}); err != nil {
		t.Error(err)
	}
	if err := all.Get(t.Context(), client.ObjectKeyFromObject(db), db); err != nil || db.Status.Release.Revision != 1 {
		t.Errorf("the pass did not come to its end: %+v, %v", db.Status, err)
	}
	if len(writes) < 3 {
		t.Errorf("only %v was written", writes)
	}
}
