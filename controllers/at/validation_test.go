package at

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// The API server itself refuses bad input, with a message that names the field
// and the mend. No operator runs here.
func TestAPIServerRefuses(t *testing.T) {
	const schedule = `schedule: "2027-07-03T02:00:00Z"`
	const containers = `containers: [{name: a, image: b}]`
	tests := map[string]struct {
		spec []string // lines of YAML
		want string   // part of the refusal
	}{
		"no schedule":                   {[]string{containers}, "spec.schedule: Required value"},
		"schedule is no time":           {[]string{`schedule: tomorrow`, containers}, "spec.schedule: Invalid value"},
		"schedule without zone":         {[]string{`schedule: "2027-07-03T02:00:00"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule without time":         {[]string{`schedule: "2027-07-03"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule on 30 February":       {[]string{`schedule: "2027-02-30T02:00:00Z"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule in a zone too far":    {[]string{`schedule: "2027-07-03T02:00:00+99:99"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule in lower case":        {[]string{`schedule: "2027-07-03t02:00:00z"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule at a leap second":     {[]string{`schedule: "2016-12-31T23:59:60Z"`, containers}, "RFC 3339 date-time with a zone"},
		"nothing to run":                {[]string{schedule}, "exactly one of containers, command and template"},
		"containers and command":        {[]string{schedule, containers, `command: echo`}, "exactly one of containers, command and template"},
		"all three":                     {[]string{schedule, containers, `command: echo`, `template: {spec: {containers: [{name: a, image: b}]}}`}, "exactly one of"},
		"no container in the list":      {[]string{schedule, `containers: []`}, "spec.containers: Invalid value"},
		"container without image":       {[]string{schedule, `containers: [{name: a}]`}, "each container must have an image"},
		"two containers of one name":    {[]string{schedule, `containers: [{name: a, image: b}, {name: a, image: c}]`}, "spec.containers[1]: Duplicate value"},
		"empty command":                 {[]string{schedule, `command: ""`}, "spec.command: Invalid value"},
		"template without spec":         {[]string{schedule, `template: {}`}, "template must have a spec"},
		"template without containers":   {[]string{schedule, `template: {spec: {containers: []}}`}, "at least one container"},
		"template that restarts":        {[]string{schedule, `template: {spec: {restartPolicy: Always, containers: [{name: a, image: b}]}}`}, "restartPolicy must be Never or unset"},
		"template that restarts failed": {[]string{schedule, `template: {spec: {restartPolicy: OnFailure, containers: [{name: a, image: b}]}}`}, "restartPolicy must be Never or unset"},
	}
	namespace := newNamespace(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := apply(t, namespace, "metadata: {name: bad}\nspec:\n  "+strings.Join(test.spec, "\n  "))
			if err == nil {
				t.Fatal("it was accepted")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("refused with %q, which does not say %q", err, test.want)
			}
		})
	}
}

func TestAPIServerAccepts(t *testing.T) {
	tests := map[string]string{
		"zone":             `{schedule: "2027-07-03T04:00:00+02:00", command: echo}`,
		"fraction":         `{schedule: "2027-07-03T04:00:00.25Z", command: echo}`,
		"the year 9999":    `{schedule: "9999-12-31T23:59:59Z", command: echo}`,
		"long past":        `{schedule: "0001-01-02T00:00:00Z", command: echo}`,
		"template":         `{schedule: "2027-07-03T04:00:00Z", template: {spec: {containers: [{name: a, image: b}]}}}`,
		"template, Never":  `{schedule: "2027-07-03T04:00:00Z", template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}`,
		"side by side":     `{schedule: "2027-07-03T04:00:00Z", containers: [{name: a, image: b}, {name: c, image: b}]}`,
		"all of container": `{schedule: "2027-07-03T04:00:00Z", containers: [{name: a, image: b, env: [{name: X, value: "1"}], resources: {limits: {cpu: 1}}}]}`,
	}
	namespace := newNamespace(t)
	for name, spec := range tests {
		t.Run(name, func(t *testing.T) {
			if err := apply(t, namespace, "metadata: {generateName: good-}\nspec: "+spec); err != nil {
				t.Error(err)
			}
		})
	}
	for _, sample := range []string{"cnat_v1alpha1_at.yaml", "cnat_v1alpha1_at_command.yaml"} {
		t.Run(sample, func(t *testing.T) {
			manifest, err := os.ReadFile(filepath.Join("..", "..", "config", "samples", sample))
			if err != nil {
				t.Fatal(err)
			}
			if err := apply(t, namespace, string(manifest)); err != nil {
				t.Error(err)
			}
		})
	}
}

// apply creates an At as kubectl would, with strict field validation.
func apply(t *testing.T, namespace, manifest string) error {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	object.SetAPIVersion("cnat.programming-kubernetes.info/v1alpha1")
	object.SetKind("At")
	object.SetNamespace(namespace)
	return api.Create(t.Context(), object, client.FieldValidation("Strict"))
}
