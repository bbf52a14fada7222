package helm

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const chartDir = "../../helm-charts/database"

func values() map[string]any {
	return map[string]any{
		"image": "postgres:18", "user": "wp", "databaseName": "wordpress", "encoding": "UTF8",
		"credentials": map[string]any{"secretName": "s", "key": "k"},
		"storage":     map[string]any{"size": "1Gi"},
	}
}

func load(t *testing.T, dir string) *Chart {
	t.Helper()
	chart, err := LoadChart(dir)
	if err != nil {
		t.Fatal(err)
	}
	return chart
}

func TestDigest(t *testing.T) {
	chart := load(t, chartDir)
	digest := func(c *Chart, v map[string]any) string {
		t.Helper()
		digest, err := c.Digest(v)
		if err != nil || len(digest) != 32 {
			t.Fatalf("%q, %v", digest, err)
		}
		return digest
	}
	first := digest(chart, values())
	if again := digest(load(t, chartDir), values()); again != first {
		t.Error("the same chart and values have two digests")
	}
	other := values()
	other["user"] = "other"
	if digest(chart, other) == first {
		t.Error("other values have the same digest")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(chartDir)); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "files", "alive.sh")
	if err := os.WriteFile(script, []byte("true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if digest(load(t, dir), values()) == first {
		t.Error("an edited chart of the same version has the same digest")
	}
}

// A chart that renders differently each time would be upgraded for ever.
func TestRenderIsRepeatable(t *testing.T) {
	chart := load(t, chartDir)
	first, err := chart.Render("r", "ns", values())
	if err != nil || len(first) != 7 {
		t.Fatalf("%d objects, %v", len(first), err)
	}
	again, err := chart.Render("r", "ns", values())
	if err != nil || !reflect.DeepEqual(first, again) {
		t.Errorf("rendered twice, not the same: %v", err)
	}
}

func TestRenderRefuses(t *testing.T) {
	bad := values()
	bad["encoding"] = "unicode"
	if _, err := load(t, chartDir).Render("r", "ns", bad); err == nil || !strings.Contains(err.Error(), "encoding") {
		t.Errorf("got %v", err)
	}
	if _, err := (&Engine{Chart: load(t, chartDir)}).labels(&corev1.Secret{}, bad); err == nil || !strings.Contains(err.Error(), "encoding") {
		t.Errorf("an action: got %v", err)
	}
	if _, err := LoadChart(t.TempDir()); err == nil {
		t.Error("a folder without a chart was loaded")
	}
}

func TestIsTransient(t *testing.T) {
	resource := schema.GroupResource{Resource: "secrets"}
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("template: no"), false},
		{apierrors.NewForbidden(resource, "x", errors.New("quota")), false},
		{apierrors.NewInvalid(schema.GroupKind{}, "x", nil), false},
		{apierrors.NewServerTimeout(resource, "get", 1), true},
		{apierrors.NewTooManyRequests("later", 1), true},
		{apierrors.NewConflict(resource, "x", errors.New("newer")), true},
		{apierrors.NewInternalError(errors.New("etcd")), true},
		{apierrors.NewInternalError(errors.New(`failed calling webhook "policy.example.com": connection refused`)), false},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, true},
	} {
		err := test.err
		if err != nil {
			err = fmt.Errorf("install release: %w", err)
		}
		if got := IsTransient(err); got != test.want {
			t.Errorf("%v: %t", test.err, got)
		}
	}
}
