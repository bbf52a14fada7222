package db

import (
	"errors"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
)

// ago is a time before the tests' present, which the API server stores in whole seconds.
func ago(d time.Duration) *metav1.Time { return ptr.To(metav1.NewTime(now.Add(-d))) }

func condition(kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, LastTransitionTime: *ago(3 * time.Hour)}
}

// readyStatus is that of a Database that serves, with backups.
func readyStatus() v1.DatabaseStatus {
	return v1.DatabaseStatus{
		Conditions: []metav1.Condition{
			condition(v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady, "the server takes logins"),
			condition(v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled, "nothing to do"),
			condition(v1.ConditionBackupHealthy, metav1.ConditionTrue, v1.ReasonBackupSucceeded, "the last backup succeeded"),
		},
		Reason: v1.ReasonReady, Message: "the server takes logins", ServerVersion: "18.1", Image: "postgres:18",
		Endpoint: "shop-database.x.svc:5432", DatabaseName: "shop", Encoding: "UTF8",
		Release: v1.ReleaseStatus{Name: "shop-database", Revision: 4, Status: "deployed", ChartVersion: "0.3.0"},
		Storage: v1.StorageStatus{Phase: "Bound", Size: ptr.To(resource.MustParse("1Gi")), StorageClassName: "fast"},
		Backup: v1.BackupStatus{
			LastSuccessTime: ago(time.Hour), LastSuccessName: "shop-20270703T110000Z.dump", LastSuccessBytes: 12_600,
			LastSuccessRestoredTime: ago(time.Hour),
		},
	}
}

func readySpec() v1.DatabaseSpec {
	return v1.DatabaseSpec{User: "wp", Backup: &v1.DatabaseBackup{Schedule: "30 3 * * *", TimeZone: "Europe/Berlin"}}
}

func TestDescribe(t *testing.T) {
	unknown := usage{storageErr: errors.New("a right is missing"), serverErr: errors.New("a right is missing")}
	for name, test := range map[string]struct {
		spec   v1.DatabaseSpec
		status func(*v1.DatabaseStatus)
		usage  usage
		want   []string
		not    string
	}{
		"all is well": {
			spec:  readySpec(),
			usage: usage{used: 512 << 20, free: 512 << 20, size: 7_631_371, connections: 3, limit: 100},
			want: []string{
				"Database      shop in namespace x\n",
				"Ready         True for 3h: Ready: the server takes logins\n",
				"Stalled       False\n",
				"Server        PostgreSQL 18.1, postgres:18, shop-database.x.svc:5432, database shop of user wp, UTF8\n",
				"Release       shop-database revision 4 deployed, chart 0.3.0\n",
				"Storage       1Gi, Bound, class fast, 50% of its file system used (512.0Mi, 512.0Mi free), the database has 7.3Mi\n",
				"Connections   3 of 100\n",
				"Backups       healthy: BackupSucceeded: the last backup succeeded\n",
				"  last        Sat 2027-07-03 11:00:00 UTC (60m ago), shop-20270703T110000Z.dump, 12.3Ki, verified by a restore\n",
				// 03:30 in Berlin's summer.
				"  next        Sun 2027-07-04 01:30:00 UTC (in 13h), schedule \"30 3 * * *\" in Europe/Berlin\n",
			},
			not: "Reconciling",
		},
		"stalled, and being changed": {
			spec: v1.DatabaseSpec{User: "wp"},
			status: func(status *v1.DatabaseStatus) {
				status.Conditions = []metav1.Condition{
					condition(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonStarting, "waits"),
					condition(v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonSecretMissing, "Secret \"a\" is not there"),
					condition(v1.ConditionReconciling, metav1.ConditionTrue, v1.ReasonInstalling, "installs"),
				}
				status.Restarts = v1.RestartStatus{Count: 2, LastTime: ago(time.Minute), LastReason: "OOMKilled", LastMessage: "killed"}
				status.Release.Failures, status.Release.LastFailureMessage = 3, "no room"
			},
			usage: unknown,
			want: []string{
				"Ready         False for 3h: Starting: waits\n",
				"Stalled       True for 3h: SecretMissing: Secret \"a\" is not there\n",
				"Reconciling   True for 3h: Installing: installs\n",
				"Restarts      2, and 0 crashes, the last 60s ago: OOMKilled killed\n",
				"3 failures, the last: no room\n",
				"used: not known, as the connections\n",
				"Connections   not known: a right is missing\n",
				"Backups       none: spec.backup is not set\n",
			},
		},
		"backups that fail, without a schedule": {
			spec: v1.DatabaseSpec{User: "wp", Backup: &v1.DatabaseBackup{}},
			status: func(status *v1.DatabaseStatus) {
				status.Conditions[2] = condition(v1.ConditionBackupHealthy, metav1.ConditionFalse, v1.ReasonBackupFailed, "no room")
				status.Backup = v1.BackupStatus{LastFailureTime: ago(time.Hour), LastFailureMessage: "No space left on device"}
			},
			usage: unknown,
			want: []string{
				"Backups       not healthy: BackupFailed: no room\n",
				"  last        none\n",
				"  last failure Sat 2027-07-03 11:00:00 UTC (60m ago): No space left on device\n",
				"  next        when it is asked for: there is no schedule\n",
			},
		},
		"a clock that is ahead": {
			spec: v1.DatabaseSpec{User: "wp"},
			status: func(status *v1.DatabaseStatus) {
				status.Conditions[0].LastTransitionTime = metav1.NewTime(now.Add(time.Minute))
			},
			usage: unknown,
			want:  []string{"Ready         True for 0s: Ready"},
		},
		"a suspended schedule": {
			spec:  v1.DatabaseSpec{User: "wp", Backup: &v1.DatabaseBackup{Schedule: "@daily", Suspend: ptr.To(true)}},
			usage: unknown,
			want:  []string{"  next        when it is asked for: schedule \"@daily\" in UTC is suspended\n"},
		},
		"a message that a terminal would obey": {
			spec: v1.DatabaseSpec{User: "wp"},
			status: func(status *v1.DatabaseStatus) {
				status.Conditions[0].Message = "\x1b[2Jall is well\r\nStalled: \u009b"
			},
			usage: usage{storageErr: errors.New("\x1b]0;title\x07"), serverErr: errors.New("\x1b[2J")},
			want:  []string{"Ready: \x20[2Jall is well  Stalled:", "not known:  ]0;title"},
			not:   "\x1b",
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := &v1.Database{
				ObjectMeta: metav1.ObjectMeta{Namespace: "x", Name: "shop", Generation: 1}, Spec: test.spec, Status: readyStatus(),
			}
			db.Status.ObservedGeneration = 1
			if test.status != nil {
				test.status(&db.Status)
			}
			got := describe(&cli.Tool{Now: func() time.Time { return now }}, db, test.usage)
			contains(t, got, test.want...)
			if test.not != "" && strings.Contains(got, test.not) {
				t.Errorf("got\n%s\nwith %q", got, test.not)
			}
		})
	}
}

func TestStatusShowsTheRestWithoutTheRightToExec(t *testing.T) {
	namespace := newNamespace(t)
	newDatabase(t, namespace, "shop", readySpec(), readyStatus())
	got := succeeds(t, namespace, "status", "shop", user(t, namespace, databases("get")))
	contains(t, got, "Ready         True", "Storage       1Gi", "Backups       healthy",
		`Connections   not known: a right is missing: pods "shop-database-0" is forbidden: User "`+namespace+
			`" cannot create resource "pods/exec"`)
}

func TestStatusOfADatabaseThatTheOperatorHasNotSeen(t *testing.T) {
	namespace := newNamespace(t)
	create(t, &v1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "my-shop"}, Spec: v1.DatabaseSpec{User: "wp"}})
	contains(t, succeeds(t, namespace, "status", "database/my-shop"),
		"the operator has not seen it yet", "Ready         Unknown\n", "database my_shop of user wp", "Release       none yet",
		"Storage       1Gi wanted", `pods "my-shop-database-0" not found`)
}

func TestStatusNeedsTheRightToGetDatabases(t *testing.T) {
	namespace := newNamespace(t)
	nobody := user(t, namespace, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"get"}})
	fails(t, `cannot get resource "databases"`, namespace, "status", "shop", nobody)
}
