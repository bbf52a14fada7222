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
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
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

// What was rendered last is not rendered again, and is nobody else's.
func TestRecent(t *testing.T) {
	chart := load(t, chartDir)
	first := render(t, chart, values())
	changed, other, renamed := values(), owner(), owner()
	changed["encoding"] = "LATIN1"
	other.SetUID("another")
	renamed.SetName("another")
	for name, from := range map[string]struct {
		owner   client.Object
		release string
		values  map[string]any
		recent  bool
	}{
		"the same":         {owner(), "r", values(), true},
		"changed":          {owner(), "r", changed, false},
		"another owner":    {other, "r", values(), false},
		"a renamed owner":  {renamed, "r", values(), false},
		"another release":  {owner(), "s", values(), false},
		"the same, after":  {owner(), "r", values(), true},
		"another, changed": {other, "r", changed, false},
	} {
		got, err := chart.Render(from.owner, from.release, from.values)
		if err != nil {
			t.Fatal(err)
		}
		if recent := got.Objects[0] == first.Objects[0]; recent != from.recent || (got.Digest == first.Digest) != from.recent {
			t.Errorf("%s: of the first rendering: %t, want %t", name, recent, from.recent)
		}
		if text, err := got.text(); err != nil || digestOf(text) != got.Digest {
			t.Errorf("%s: %v, or its text is another", name, err)
		}
		if got.Owner != from.owner || got.Name != from.release || !reflect.DeepEqual(got.values, from.values) {
			t.Errorf("%s: it is of %v", name, got.Owner)
		}
	}
	for i := range maxRecent {
		if _, err := chart.Render(owner(), fmt.Sprint("r", i), values()); err != nil {
			t.Fatal(err)
		}
	}
	if again := render(t, chart, values()); again.Objects[0] == first.Objects[0] || again.Digest != first.Digest {
		t.Error("more is remembered than should be, or it is rendered otherwise after a while")
	}
}

// A manifest has each value as it is, and not as another type that YAML might read, in the form of Helm's own.
func TestManifest(t *testing.T) {
	object := map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": "all", "labels": map[string]any{"a/b": "on", "1": "x"}, "annotations": nil},
		"data": map[string]any{
			"strings": []any{
				"", " ", "~", "null", "no", "on", "y", "1", "1.0", "1e3", "0x1f", "0o7", "1_000", "1:30", "2026-01-01", "<<", "=",
				"- a", "a: b", "#", "a #b", "'", "\"", "\\n", "\t", "é", "\u2028", "\ufeff", "a\n", "\n\na\n ", "a\n---\nb: c", "%",
				"{", "[", "&a", "*a", "!a", "|", ">", "@", "`", strings.Repeat("long ", 100), strings.Repeat("x", 300),
			},
			"numbers": []any{int64(0), int64(-1), int64(1000000), int64(5432), int64(1) << 62, 0.5, -1e-7, 1e21},
			"bools":   []any{true, false},
			"empty":   []any{map[string]any{}, []any{}, nil},
		},
	}
	want := &Desired{Name: "r", Owner: owner(), Objects: Objects{{Object: runtime.DeepCopyJSON(object)}}}
	if err := want.complete(); err != nil {
		t.Fatal(err)
	}
	parsed, err := ParseManifest(want.manifest)
	if err != nil || len(parsed) != 1 || !reflect.DeepEqual(parsed[0], want.Objects[0]) {
		t.Errorf("%v\n%s\nis of\n%#v, want\n%#v", err, want.manifest, parsed, want.Objects)
	}
	helms, err := yaml.Marshal(want.Objects[0].Object)
	if err != nil || want.manifest != "---\n"+string(helms) {
		t.Errorf("%v: got\n%s\nwant\n%s", err, want.manifest, helms)
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
