package database

import (
	"maps"
	"math/rand/v2"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
)

func TestSchedules(t *testing.T) {
	namespace := newNamespace(t)
	for schedule, good := range map[string]bool{
		"30 3 * * *": true, "*/5 * * * *": true, "0,15,30-45/5 0-23 1,15 jan-MAR,12 Mon-fri": true, "0  0 ? * 0": true,
		"00 03 01 01 6": true, "@daily": true, "@hourly": true, "5/10 * * * *": true,
		"": false, "30 3 * *": false, "30 3 * * * *": false, "60 3 * * *": false, "30 24 * * *": false, "30 3 0 * *": false,
		"30 3 32 * *": false, "30 3 * 13 *": false, "30 3 * * 7": false, "30 3 * * sunday": false, "*/0 * * * *": false,
		"30-5 * * * *": false, "0 22-5 * * *": false, "0 0 * dec-feb *": false, "0 0 * 12-feb *": false, "0 0 * * fri-mon": false,
		"0 0 * * sun-SAT": true, "0 0 * feb-00000000000012 *": true, "5-5 * * * *": true, "*/999999999999999999999 * * * *": false,
		"@every 5m": false, "@often": false, "@Daily": false, "TZ=UTC 30 3 * * *": false, "daily": false, "30 3 * * *\n": false, "5,,6 * * * *": false,
	} {
		db := newDatabase(namespace, "blog").build()
		object := map[string]any{"schedule": schedule}
		err := createWith(t, db, map[string]any{"backup": object})
		if (err == nil) != good || err != nil && !strings.Contains(err.Error(), "spec.backup.schedule") {
			t.Errorf("%q: %v", schedule, err)
		}
		if !good {
			continue
		}
		if err := createCronJob(t, namespace, schedule); err != nil {
			t.Errorf("%q: %v", schedule, err)
		}
	}
}

// createCronJob tries to create a CronJob with a schedule.
func createCronJob(t *testing.T, namespace, schedule string) error {
	t.Helper()
	return api.Create(t.Context(), named(&batchv1.CronJob{Spec: batchv1.CronJobSpec{
		Schedule: schedule, JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "c", Image: "i"}},
		}}}},
	}}, namespace, "c"), client.DryRunAll)
}

// What the API lets in is a schedule to a CronJob, and what it refuses is none: a mistake is reported at once, by the field.
// Only a comma too many and *-5 are things that a CronJob overlooks.
func TestSchedulesAreThoseOfACronJob(t *testing.T) {
	namespace := newNamespace(t)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // The same schedules each time.
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	value := func() string {
		return pick("0", "1", "6", "7", "12", "13", "05", "23", "24", "31", "32", "59", "60", "jan", "DEC", "sun", "Sat", "x")
	}
	item := func() string {
		switch random.IntN(4) {
		case 0:
			return pick("*", "?", "*/2", "*/0", "-", "*/99", "1/2/3", "1-2-3")
		case 1:
			return value() + "-" + value() + pick("", "", "/3", "/jan")
		default:
			return value() + pick("", "", "/15", "/")
		}
	}
	taken := 0
	for range 400 {
		fields := make([]string, 5)
		for i := range fields {
			// Mostly good ones: of five fields, a wrong one among good ones is what counts.
			if fields[i] = pick("*", "1", "2-4", "*/2"); random.IntN(3) == 0 {
				fields[i] = item() + pick("", "", ","+item())
			}
		}
		schedule := strings.Join(fields, " ")
		err := createWith(t, newDatabase(namespace, "blog").build(), map[string]any{"backup": map[string]any{"schedule": schedule}})
		if other := createCronJob(t, namespace, schedule); (err == nil) != (other == nil) {
			t.Errorf("%q: %v, but a CronJob: %v", schedule, err, other)
		}
		if err == nil {
			taken++
		}
	}
	if taken < 50 || taken > 350 {
		t.Errorf("%d of 400 schedules were good", taken)
	}
}

// createWith tries to create a Database with more in its spec, which may be what the Go types can't say.
func createWith(t *testing.T, db *v1.Database, more map[string]any) error {
	t.Helper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(db)
	if err != nil {
		t.Fatal(err)
	}
	spec, ok := content["spec"].(map[string]any)
	if !ok {
		t.Fatal("no spec")
	}
	maps.Copy(spec, more)
	object := &unstructured.Unstructured{Object: content}
	object.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	return api.Create(t.Context(), object, client.DryRunAll)
}

func TestBackupIsRefused(t *testing.T) {
	namespace := newNamespace(t)
	for _, test := range []struct {
		name string
		spec map[string]any
		// wants are all in the message; none: it is accepted.
		wants []string
	}{
		{"no more than that", map[string]any{"backup": map[string]any{}}, nil},
		{"a time zone", map[string]any{"backup": map[string]any{"schedule": "@daily", "timeZone": "Europe/Berlin"}}, nil},
		{"UTC", map[string]any{"backup": map[string]any{"schedule": "@daily", "timeZone": "Etc/UTC"}}, nil},
		{"a zone that is not there", map[string]any{"backup": map[string]any{"schedule": "@daily", "timeZone": "Mars/Olympus"}}, []string{"spec.backup.timeZone", "for example Europe/Berlin"}},
		{"an offset", map[string]any{"backup": map[string]any{"schedule": "@daily", "timeZone": "+02:00"}}, []string{"spec.backup.timeZone", "for example Europe/Berlin"}},
		{"the node's zone", map[string]any{"backup": map[string]any{"schedule": "@daily", "timeZone": "Local"}}, []string{"spec.backup.timeZone", "for example Europe/Berlin"}},
		{"a time zone of no schedule", map[string]any{"backup": map[string]any{"timeZone": "Europe/Berlin"}}, []string{"spec.backup", "set backup.schedule, or remove backup.timeZone"}},
		{"nothing to keep", map[string]any{"backup": map[string]any{"retain": 0}}, []string{"spec.backup.retain"}},
		{"a volume too small", map[string]any{"backup": map[string]any{"storage": map[string]any{"size": "1Mi"}}}, []string{"spec.backup.storage.size", "256Mi or more"}},
		{"the newest dump", map[string]any{"restoreFrom": map[string]any{"database": "old"}}, nil},
		{"a dump", map[string]any{"restoreFrom": map[string]any{"database": "old", "dump": "old-20260131T033000Z.dump"}}, nil},
		{"a dump of nobody", map[string]any{"restoreFrom": map[string]any{"dump": "x.dump"}}, []string{"spec.restoreFrom.database"}},
		{"a dump elsewhere", map[string]any{"restoreFrom": map[string]any{"database": "old", "dump": "../x.dump"}}, []string{"spec.restoreFrom.dump", "without a folder"}},
		{"no Database's name", map[string]any{"restoreFrom": map[string]any{"database": "Old"}}, []string{"spec.restoreFrom.database", "lower-case"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := createWith(t, newDatabase(namespace, "blog").build(), test.spec)
			if len(test.wants) == 0 && err != nil || len(test.wants) > 0 && err == nil {
				t.Fatal(err)
			}
			for _, want := range test.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q: %v", want, err)
				}
			}
		})
	}
}

func TestBackupChanges(t *testing.T) {
	namespace := newNamespace(t)
	restore := v1.DatabaseRestore{Database: "old", Dump: "latest"}
	for _, test := range []struct {
		name          string
		before, after func(*v1.DatabaseSpec)
		want          string
	}{
		{"backups later", nil, func(s *v1.DatabaseSpec) { s.Backup = &v1.DatabaseBackup{} }, ""},
		{"no backups any more", func(s *v1.DatabaseSpec) { s.Backup = &v1.DatabaseBackup{} }, func(s *v1.DatabaseSpec) { s.Backup = nil }, ""},
		{
			"a smaller volume for dumps", func(s *v1.DatabaseSpec) { s.Backup = &v1.DatabaseBackup{} },
			func(s *v1.DatabaseSpec) { s.Backup.Storage.Size = quantity("512Mi") }, "storage.size can't shrink",
		},
		{"a dump to begin with, too late", nil, func(s *v1.DatabaseSpec) { s.RestoreFrom = restore }, "spec.restoreFrom can't be set or changed later"},
		{
			"another dump", func(s *v1.DatabaseSpec) { s.RestoreFrom = restore },
			func(s *v1.DatabaseSpec) { s.RestoreFrom.Dump = "other.dump" }, "spec.restoreFrom can't be set or changed later",
		},
		{
			"the dump no more", func(s *v1.DatabaseSpec) { s.RestoreFrom = restore },
			func(s *v1.DatabaseSpec) { s.RestoreFrom = v1.DatabaseRestore{} }, "",
		},
		{"something else", func(s *v1.DatabaseSpec) { s.RestoreFrom = restore }, func(s *v1.DatabaseSpec) { s.Image = "postgres:18.1" }, ""},
	} {
		t.Run(test.name, func(t *testing.T) { checkEdit(t, namespace, test.before, test.after, test.want) })
	}
}
