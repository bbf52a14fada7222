package monitoring

import (
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

// A ServiceMonitor of another Database of the name, as of one that was created again, is not deleted or changed.
func TestServiceMonitorOfAnother(t *testing.T) {
	db, other := testdb.New(), testdb.New()
	other.UID = "new"
	other.Spec.Monitoring = &v1.DatabaseMonitoring{IntervalSeconds: 7}
	monitor := newServiceMonitor(other)
	cached, live := testdb.Offline(t, monitor)
	// It was monitored before, so that a ServiceMonitor may have to be deleted.
	db.Generation, db.Status.ObservedGeneration = 2, 1
	for _, monitoring := range []*v1.DatabaseMonitoring{nil, {IntervalSeconds: 9}} {
		db.Spec.Monitoring = monitoring
		seen, err := ObserveMonitor(t.Context(), live, db, 0, 0)
		if err != nil || seen.have == nil {
			t.Fatalf("it was not read: %+v, %v", seen, err)
		}
		decided := DecideMonitor(db, seen)
		if err := decided.Act(t.Context(), cached); err != nil {
			t.Fatal(err)
		}
		if found := decided.Problem; (found != nil) != (monitoring != nil) || found != nil && found.Reason != v1.ReasonNameConflict {
			t.Errorf("%+v: %+v", monitoring, found)
		}
	}
	if err := live.Get(t.Context(), client.ObjectKeyFromObject(monitor), monitor); err != nil || !step.Covers(monitor.Object, newServiceMonitor(other).Object) {
		t.Errorf("%v, %v", monitor.Object["spec"], err)
	}
}
