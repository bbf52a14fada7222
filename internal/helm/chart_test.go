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
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
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

func owner() client.Object {
	return &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "owner", UID: "uid"},
	}
}

func render(t *testing.T, chart *Chart, values map[string]any) *Desired {
	t.Helper()
	want, err := chart.Render(owner(), "r", values)
	if err != nil || len(want.Digest) != 64 {
		t.Fatalf("%+v, %v", want, err)
	}
	return want
}

// A chart that renders differently each time would be upgraded for ever.
func TestDigest(t *testing.T) {
	chart := load(t, chartDir)
	first := render(t, chart, values())
	if again := render(t, load(t, chartDir), values()); again.Digest != first.Digest || !reflect.DeepEqual(again.Objects, first.Objects) {
		t.Error("rendered twice, not the same")
	}
	other := values()
	other["user"] = "other"
	if render(t, chart, other).Digest == first.Digest {
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
	if render(t, load(t, dir), values()).Digest == first.Digest {
		t.Error("an edited chart of the same version has the same digest")
	}
}

// Each object has its owner, except what must outlive it, and is what the manifest says that Helm stores.
func TestRendered(t *testing.T) {
	all := values()
	all["backup"] = map[string]any{"name": "r"}
	all["refuseEvictions"] = true
	want := render(t, load(t, chartDir), all)
	kept := 0
	for _, object := range want.Objects {
		if object.GetKind() == "PersistentVolumeClaim" {
			kept++
		} else if !metav1.IsControlledBy(object, owner()) {
			t.Errorf("%s %s has the owners %v", object.GetKind(), object.GetName(), object.GetOwnerReferences())
		}
	}
	if kept != 2 || len(want.Objects) < 10 {
		t.Errorf("%d objects, %d of them volume claims", len(want.Objects), kept)
	}
	var optional []string
	for _, object := range want.Objects[len(want.Objects)-4:] {
		optional = append(optional, object.GetKind())
	}
	if got := strings.Join(optional, " "); got != "StatefulSet PodDisruptionBudget PersistentVolumeClaim CronJob" {
		t.Errorf("the last objects are %s: what the server does without must come after it", got)
	}
	parsed, err := ParseManifest(want.manifest)
	if err != nil || !reflect.DeepEqual(parsed, want.Objects) {
		t.Errorf("the manifest is of other objects: %v", err)
	}
}

func TestRenderRefuses(t *testing.T) {
	bad := values()
	bad["encoding"] = "unicode"
	if _, err := load(t, chartDir).Render(owner(), "r", bad); err == nil || !strings.Contains(err.Error(), "encoding") {
		t.Errorf("got %v", err)
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

// Whoever may write Secrets writes the version of a stored chart.
func TestShortenedVersion(t *testing.T) {
	for version, want := range map[string]string{"0.3.0": "0.3.0", "1\u009b\x1b": "1\uFFFD"} {
		if got := shortenedVersion(version); got != want {
			t.Errorf("%q: %q, want %q", version, got, want)
		}
	}
	if got := shortenedVersion(strings.Repeat("é", 100)); len(got) > 128 || !utf8.ValidString(got) {
		t.Errorf("%q", got)
	}
}
