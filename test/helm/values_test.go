package helm

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func TestOptionalObjects(t *testing.T) {
	kinds := func(values ...string) map[string]bool {
		found := map[string]bool{}
		for _, object := range rendered(t, "ns", values...) {
			found[object.GetKind()] = true
		}
		return found
	}
	optional := map[string][]string{
		"crds":          {"CustomResourceDefinition"},
		"policies":      {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
		"monitoring":    {"ServiceMonitor", "PrometheusRule"},
		"dashboard":     {"ConfigMap"},
		"networkPolicy": {"NetworkPolicy"},
	}
	for value, want := range optional {
		on, off := kinds(value+`={"enabled":true}`), kinds(value+`={"enabled":false}`)
		for _, kind := range want {
			if !on[kind] || off[kind] {
				t.Errorf("%s: %s is there when it is on: %v, off: %v", value, kind, on[kind], off[kind])
			}
		}
		if len(off) != len(on)-len(want) {
			t.Errorf("%s: kinds when it is on: %v, off: %v", value, on, off)
		}
	}
}

func TestValuesReachTheDeployment(t *testing.T) {
	d := deployment(t, rendered(t, "ns",
		`image="r/i@sha256:0"`, `images={"shell":"s","postgres":"p","exporter":"e"}`, `imagePullSecrets=[{"name":"pull"}]`,
		`replicas=3`, `watchNamespaces=["a","b"]`, `args=["--default-ttl=168h"]`, `resources={"limits":{"memory":"1Gi"},"requests":null}`,
		`nodeSelector={"k":"v"}`, `tolerations=[{"key":"k","operator":"Exists"}]`, `priorityClassName="high"`,
	)["Deployment/cnat-operator-manager"])
	pod := d.Spec.Template.Spec
	container := pod.Containers[0]
	env := map[string]string{}
	for _, variable := range container.Env {
		env[variable.Name] = variable.Value
	}
	want := map[string]string{"RELATED_IMAGE_SHELL": "s", "RELATED_IMAGE_POSTGRES": "p", "RELATED_IMAGE_EXPORTER": "e", "WATCH_NAMESPACE": "a,b"}
	if *d.Spec.Replicas != 3 || container.Image != "r/i@sha256:0" || !maps.Equal(env, want) {
		t.Errorf("replicas %d, image %s, env %v", *d.Spec.Replicas, container.Image, env)
	}
	if !slices.Equal(container.Args, []string{"--leader-elect", "--default-ttl=168h"}) {
		t.Errorf("args %v", container.Args)
	}
	if memory := container.Resources.Limits.Memory(); memory.String() != "1Gi" || len(container.Resources.Requests) != 0 {
		t.Errorf("resources %v", container.Resources)
	}
	if !slices.Equal(pod.ImagePullSecrets, []corev1.LocalObjectReference{{Name: "pull"}}) || pod.NodeSelector["k"] != "v" ||
		len(pod.Tolerations) != 1 || pod.PriorityClassName != "high" {
		t.Errorf("the pod is %+v", pod)
	}
}

// Nothing stays in kustomize's namespace, in subjects of bindings either; one of digits alone is still a string.
func TestNamespaceIsTheReleases(t *testing.T) {
	output, err := template("123", all...)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(output, []byte("cnat-operator-system")) || bytes.Contains(output, []byte("TEMPLATE")) {
		t.Error("a manifest names kustomize's namespace, or has a template that is none")
	}
	namespaced := 0
	for name, object := range objects(t, output) {
		switch namespace := object.GetNamespace(); namespace {
		case "123":
			namespaced++
		case "":
		default:
			t.Errorf("%s is in %s", name, namespace)
		}
	}
	if namespaced < 5 {
		t.Errorf("only %d objects are in the namespace", namespaced)
	}
}

func TestSchemaRefuses(t *testing.T) {
	for _, value := range []string{
		`image=""`, `image="a b"`, `images={"shell":""}`, `replicas=0`, `replicas="2"`, `args=["default-ttl"]`, `watchNamespaces=["A"]`,
		`watchNamespaces="a"`, `crds=true`, `monitoring={"enable":true}`, `resources={"limit":{}}`, `unknown=1`, `imagePullSecrets=["pull"]`,
	} {
		if _, err := template("ns", value); err == nil || !strings.Contains(err.Error(), "schema") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// Each value has a default, a description in the schema, and its line in the documentation.
func TestValuesAreDescribed(t *testing.T) {
	var schema struct {
		Properties map[string]struct{ Description string }
	}
	values := map[string]any{}
	for file, into := range map[string]any{"values.schema.json": &schema, "values.yaml": &values} {
		data, err := os.ReadFile(filepath.Join(chart, file))
		if err == nil && strings.HasSuffix(file, ".json") {
			err = json.Unmarshal(data, into)
		} else if err == nil {
			err = yaml.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	page, err := os.ReadFile(filepath.Join(root, "docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	for name, property := range schema.Properties {
		if _, there := values[name]; !there || property.Description == "" || !bytes.Contains(page, []byte("`"+name)) {
			t.Errorf("%s has no default, no description, or no line in docs/install.md", name)
		}
	}
	if len(values) != len(schema.Properties) {
		t.Errorf("values %v", slices.Sorted(maps.Keys(values)))
	}
}
