package database

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/monitoring"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/server"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/controllers/database/storage"
	"example.com/cnat-operator/test/health"
)

// What kstatus and Argo CD say of a Database: InProgress until its server is as the spec says, also while the one of before
// still serves, and Failed while user action is required, also beside a server that is ready.
func TestHealth(t *testing.T) {
	ready, starting := server.State{Ready: true}, server.State{Waiting: "the first login"}
	current := release.Result{Current: true, Status: v1.ReleaseStatus{Generation: 7}}
	failed := errors.New("the API server said no")
	tests := map[string]struct {
		seen   observation
		failed []error
		want   health.Verdict
	}{
		"ready":      {seen: observation{release: current, server: ready}, want: health.Current},
		"installing": {seen: observation{release: release.Result{Waiting: "x"}, server: starting}, want: health.InProgress},
		"starting":   {seen: observation{release: current, server: starting}, want: health.InProgress},
		"upgrading, while the server of before serves": {
			seen: observation{release: release.Result{Waiting: "x"}, server: ready}, want: health.InProgress,
		},
		"waiting for a rollout slot": {
			seen: observation{release: release.Result{Current: true, Slot: true, Waiting: "another"}, server: ready}, want: health.InProgress,
		},
		"restarting after a restore": {
			seen: observation{release: current, server: starting, restored: &metav1.Time{}}, want: health.InProgress,
		},
		"a step failed, and is tried again": {
			seen: observation{release: release.Result{Waiting: "x"}, server: starting}, failed: []error{failed}, want: health.InProgress,
		},
		"a step beside the release is refused": {
			seen: observation{
				release: current, server: ready, failures: []*step.Problem{step.NewProblem(v1.ReasonRefused, "quota")}, monitor: monitoring.MonitorDecision{Done: true},
			},
			failed: []error{failed}, want: health.Failed,
		},
		"the release is refused": {
			seen: observation{
				server: starting, failures: []*step.Problem{step.NewProblem(v1.ReasonRefused, "quota")}, monitor: monitoring.MonitorDecision{Done: true},
			},
			failed: []error{failed}, want: health.Failed,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			db := newDatabase("ns", "wordpress").build()
			db.Generation = 7
			db.Status = statusFor(&pass{db: db, seen: test.seen, failed: test.failed})
			health.Check(t, db, scheme, test.want)

			db.Generation++ // what was edited since is not judged by what was reported before
			health.Check(t, db, scheme, health.InProgress)
		})
	}
}

// serving are the reasons of problems that the server does not suffer from, and stalls all that there are besides those of
// the readiness check.
var (
	serving = []string{v1.ReasonStorageNotGrown, v1.ReasonStorageClassKept, v1.ReasonMajorVersion, v1.ReasonParametersRefused}
	stalls  = append([]string{
		v1.ReasonSecretMissing, v1.ReasonSecretInvalid, v1.ReasonNameConflict, v1.ReasonReleaseFailed, v1.ReasonRefused,
		v1.ReasonAPIServerFailing, v1.ReasonContested, v1.ReasonImagePullFailed, v1.ReasonContainerConfig, v1.ReasonServerFailed,
		v1.ReasonMonitoringFailed, v1.ReasonUnschedulable, v1.ReasonLoginRefused, v1.ReasonPodMissing, v1.ReasonPodNotStopping,
		v1.ReasonStorageNotBound, v1.ReasonDataBeingDeleted, v1.ReasonDataLost, v1.ReasonDataReplaced,
	}, serving...)
)

// No reason is forgotten here.
func TestHealthKnowsEveryReason(t *testing.T) {
	known := append(slices.Clone(stalls), v1.ReasonReady, v1.ReasonReconciled, v1.ReasonNotStalled, v1.ReasonInstalling,
		v1.ReasonWaitingForSlot, v1.ReasonStarting, v1.ReasonDeleting, v1.ReasonUninstallFailed)
	source, err := os.ReadFile(filepath.Join("..", "..", "api", "database", "v1", "conditions.go"))
	if err != nil {
		t.Fatal(err)
	}
	reasons := regexp.MustCompile(`\tReason\w+ += "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(reasons) < len(known) {
		t.Errorf("found %d reasons only", len(reasons))
	}
	for _, reason := range reasons {
		if !slices.Contains(known, reason[1]) {
			t.Errorf("reason %s is new: say what kstatus is to make of it", reason[1])
		}
	}
}

// Whatever requires user action is a failure, before the server serves, while it does, and while it is upgraded.
func TestHealthOfStalled(t *testing.T) {
	for _, reason := range stalls {
		for _, state := range []server.State{{Ready: true}, {Waiting: "x"}} {
			for _, release := range []release.Result{{Current: true}, {Waiting: "x"}, {Current: true, Slot: true, Waiting: "x"}} {
				found := &step.Problem{Reason: reason, Message: "words", Serving: slices.Contains(serving, reason)}
				db := newDatabase("ns", "wordpress").build()
				db.Generation = 7
				db.Status = statusFor(&pass{db: db, seen: observation{server: state, release: release, storage: storage.Decision{Problem: found}}})
				if !meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionStalled) {
					t.Errorf("%s is not Stalled: %+v", reason, db.Status.Conditions)
				}
				health.Check(t, db, scheme, health.Failed)
			}
		}
	}
}

// A condition Reconciling of before goes when the work is done.
func TestReconcilingGoes(t *testing.T) {
	db := newDatabase("ns", "wordpress").build()
	db.Generation = 7
	db.Status = statusFor(&pass{db: db, seen: observation{release: release.Result{Waiting: "x"}, server: server.State{Ready: true}}})
	if !meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReconciling) {
		t.Fatalf("an upgrade is not Reconciling: %+v", db.Status.Conditions)
	}
	db.Status = statusFor(&pass{db: db, seen: observation{release: release.Result{Current: true}, server: server.State{Ready: true}}})
	if meta.FindStatusCondition(db.Status.Conditions, v1.ConditionReconciling) != nil {
		t.Errorf("Reconciling is left: %+v", db.Status.Conditions)
	}
	health.Check(t, db, scheme, health.Current)
}

// Until the operator has seen a Database, it is in progress: kstatus takes an object without status for a good one. While it
// is being deleted, it is Terminating, whatever was reported before.
func TestHealthOfNewAndOfDeleted(t *testing.T) {
	t.Parallel()
	db := newDatabase(newNamespace(t), "new").build()
	db.Finalizers = []string{"example.com/test"}
	db = (&databaseBuilder{db}).create(t)
	if err := get(t, db); err != nil {
		t.Fatal(err)
	}
	health.Check(t, db, scheme, health.InProgress)
	if err := api.Delete(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := get(t, db); err != nil {
		t.Fatal(err)
	}
	health.Check(t, db, scheme, health.Terminating)
	update(t, db, func() { db.Finalizers = nil })
}
