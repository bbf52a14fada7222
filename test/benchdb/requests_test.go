package main

import (
	"maps"
	"os"
	"path/filepath"
	"testing"
)

func TestAuditLogIsReadOnFromWhereItWasRead(t *testing.T) {
	log := auditLog{file: filepath.Join(t.TempDir(), "audit.log")}
	steps := []struct {
		written string
		want    requests
	}{
		{
			`{"verb":"get","requestURI":"/version?timeout=30s"}` + "\n" +
				`{"verb":"watch","requestURI":"/api/v1/pods","objectRef":{"resource":"pods"}}` + "\n" +
				`{"verb":"patch","requestURI":"/x","objectRef":{"resource":"databases","subresource":"status"}}` + "\n" +
				`{"verb":"get","requestURI":"/api/v1/sec`,
			requests{"get /version": 1, "patch databases/status": 1},
		},
		{`rets/a","objectRef":{"resource":"secrets"}}` + "\n", requests{"get secrets": 1}},
		{"", requests{}},
	}
	for i, step := range steps {
		file, err := os.OpenFile(log.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString(step.written); err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := log.since()
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(got, step.want) {
			t.Errorf("step %d: got %v, want %v", i, got, step.want)
		}
	}
}

func TestReconcileTotal(t *testing.T) {
	const metrics = `# TYPE controller_runtime_reconcile_total counter
controller_runtime_reconcile_total{controller="at",result="success"} 7
controller_runtime_reconcile_total{controller="database",result="error"} 1
controller_runtime_reconcile_total{controller="database",result="success"} 1.2e+03
controller_runtime_reconcile_time_seconds_sum{controller="database"} 3
`
	got, err := reconcileTotal(metrics, "database")
	if err != nil || got != 1201 {
		t.Errorf("got %d, %v", got, err)
	}
}
