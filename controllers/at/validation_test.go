package at

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// The API server itself refuses bad input, with a message that names the field
// and the fix. No operator runs here.
func TestAPIServerRefuses(t *testing.T) {
	const schedule = `schedule: "2027-07-03T02:00:00Z"`
	const containers = `containers: [{name: a, image: b}]`
	tests := map[string]struct {
		spec []string // lines of YAML
		want string   // part of the refusal
	}{
		"no schedule":                       {[]string{containers}, "exactly one of schedule and after must be set"},
		"schedule is no time":               {[]string{`schedule: tomorrow`, containers}, "spec.schedule: Invalid value"},
		"schedule without zone":             {[]string{`schedule: "2027-07-03T02:00:00"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule without time":             {[]string{`schedule: "2027-07-03"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule on 30 February":           {[]string{`schedule: "2027-02-30T02:00:00Z"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule in a zone too far":        {[]string{`schedule: "2027-07-03T02:00:00+99:99"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule in lower case":            {[]string{`schedule: "2027-07-03t02:00:00z"`, containers}, "RFC 3339 date-time with a zone"},
		"schedule at a leap second":         {[]string{`schedule: "2016-12-31T23:59:60Z"`, containers}, "RFC 3339 date-time with a zone"},
		"nothing to run":                    {[]string{schedule}, "exactly one of containers, command and template"},
		"containers and command":            {[]string{schedule, containers, `command: echo`}, "exactly one of containers, command and template"},
		"all three":                         {[]string{schedule, containers, `command: echo`, `template: {spec: {containers: [{name: a, image: b}]}}`}, "exactly one of"},
		"no container in the list":          {[]string{schedule, `containers: []`}, "spec.containers: Invalid value"},
		"container without image":           {[]string{schedule, `containers: [{name: a}]`}, "each container must have an image"},
		"two containers of one name":        {[]string{schedule, `containers: [{name: a, image: b}, {name: a, image: c}]`}, "spec.containers[1]: Duplicate value"},
		"empty command":                     {[]string{schedule, `command: ""`}, "spec.command: Invalid value"},
		"template without spec":             {[]string{schedule, `template: {}`}, "template must have a spec"},
		"template without containers":       {[]string{schedule, `template: {spec: {containers: []}}`}, "at least one container"},
		"template that restarts":            {[]string{schedule, `template: {spec: {restartPolicy: Always, containers: [{name: a, image: b}]}}`}, "restartPolicy must be Never or unset"},
		"template that restarts failed":     {[]string{schedule, `template: {spec: {restartPolicy: OnFailure, containers: [{name: a, image: b}]}}`}, "restartPolicy must be Never or unset"},
		"schedule and after":                {[]string{schedule, containers, `after: 1m`}, "exactly one of schedule and after must be set"},
		"after nothing":                     {[]string{`after: 0s`, containers}, "after must be a duration of more than zero"},
		"after less than nothing":           {[]string{`after: -1m`, containers}, "after must be a duration of more than zero"},
		"after a word":                      {[]string{`after: soon`, containers}, "after must be a duration of more than zero"},
		"container that restarts failed":    {[]string{schedule, `containers: [{name: a, image: b, restartPolicy: OnFailure}]`}, "container's restartPolicy must be Never or unset"},
		"container that restarts":           {[]string{schedule, `containers: [{name: a, image: b, restartPolicy: Always}]`}, "container's restartPolicy must be Never or unset"},
		"container with restart rules":      {[]string{schedule, `containers: [{name: a, image: b, restartPolicy: Never, restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [1]}}]}]`}, "restartPolicyRules unset"},
		"template's container restarts":     {[]string{schedule, `template: {spec: {containers: [{name: a, image: b, restartPolicy: OnFailure}]}}`}, "restartPolicy of template.spec.containers must be Never or unset"},
		"template's container with rules":   {[]string{schedule, `template: {spec: {containers: [{name: a, image: b, restartPolicyRules: [{action: Restart}]}]}}`}, "restartPolicyRules unset"},
		"init container restarts failed":    {[]string{schedule, `template: {spec: {initContainers: [{name: i, image: b, restartPolicy: OnFailure}], containers: [{name: a, image: b}]}}`}, "Always for a sidecar"},
		"init container with restart rules": {[]string{schedule, `template: {spec: {initContainers: [{name: i, image: b, restartPolicyRules: [{action: Restart}]}], containers: [{name: a, image: b}]}}`}, "restartPolicyRules unset"},
		"template with a name":              {[]string{schedule, `template: {metadata: {name: web}, spec: {containers: [{name: a, image: b}]}}`}, "labels and annotations only"},
		"template with a generated name":    {[]string{schedule, `template: {metadata: {generateName: web}, spec: {containers: [{name: a, image: b}]}}`}, "labels and annotations only"},
		"template with a namespace":         {[]string{schedule, `template: {metadata: {namespace: web}, spec: {containers: [{name: a, image: b}]}}`}, "labels and annotations only"},
		"template with finalizers":          {[]string{schedule, `template: {metadata: {finalizers: [a/b]}, spec: {containers: [{name: a, image: b}]}}`}, "labels and annotations only"},
		"template with an owner":            {[]string{schedule, `template: {metadata: {ownerReferences: [{apiVersion: v1, kind: Pod, name: p, uid: u}]}, spec: {containers: [{name: a, image: b}]}}`}, "labels and annotations only"},
		"no time to start":                  {[]string{schedule, containers, `startingDeadlineSeconds: 0`}, "spec.startingDeadlineSeconds: Invalid value"},
		"no time to wait":                   {[]string{schedule, containers, `pendingDeadlineSeconds: -1`}, "spec.pendingDeadlineSeconds: Invalid value"},
		"no time to run":                    {[]string{schedule, containers, `activeDeadlineSeconds: 0`}, "spec.activeDeadlineSeconds: Invalid value"},
		"negative retries":                  {[]string{schedule, containers, `backoffLimit: -1`}, "spec.backoffLimit: Invalid value"},
		"negative time to live":             {[]string{schedule, containers, `ttlSecondsAfterFinished: -1`}, "spec.ttlSecondsAfterFinished: Invalid value"},
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
		"after":            `{after: 1h30m, command: echo}`,
		"all the limits":   `{after: 1s, command: echo, suspend: true, startingDeadlineSeconds: 1, pendingDeadlineSeconds: 1, activeDeadlineSeconds: 1, backoffLimit: 3, ttlSecondsAfterFinished: 0}`,
		"zone":             `{schedule: "2027-07-03T04:00:00+02:00", command: echo}`,
		"fraction":         `{schedule: "2027-07-03T04:00:00.25Z", command: echo}`,
		"the year 9999":    `{schedule: "9999-12-31T23:59:59Z", command: echo}`,
		"long past":        `{schedule: "0001-01-02T00:00:00Z", command: echo}`,
		"template":         `{schedule: "2027-07-03T04:00:00Z", template: {spec: {containers: [{name: a, image: b}]}}}`,
		"template, Never":  `{schedule: "2027-07-03T04:00:00Z", template: {spec: {restartPolicy: Never, containers: [{name: a, image: b}]}}}`,
		"cancelled":        `{schedule: "2027-07-03T04:00:00Z", command: echo, cancel: true}`,
		"with metadata":    `{schedule: "2027-07-03T04:00:00Z", template: {metadata: {creationTimestamp: null, labels: {a: b}, annotations: {c: d}}, spec: {containers: [{name: a, image: b}]}}}`,
		"sidecar":          `{schedule: "2027-07-03T04:00:00Z", template: {spec: {initContainers: [{name: i, image: b}, {name: s, image: b, restartPolicy: Always}], containers: [{name: a, image: b, restartPolicy: Never}]}}}`,
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
	for _, sample := range []string{"cnat_v1_at.yaml", "cnat_v1alpha1_at.yaml", "cnat_v1alpha1_at_command.yaml"} {
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

// Once the status names the Job, what defines the run stays as it is.
func TestAPIServerRefusesChangeOfStartedRun(t *testing.T) {
	tests := map[string]struct {
		change func(*cnatv1.AtSpec)
		want   string // part of the refusal; empty: it is accepted
	}{
		"schedule":               {func(spec *cnatv1.AtSpec) { spec.Schedule = ptr.To(metav1.NewTime(due.Add(time.Hour))) }, "spec.schedule can't be changed"},
		"after for schedule":     {func(spec *cnatv1.AtSpec) { spec.Schedule, spec.After = nil, &metav1.Duration{Duration: 1} }, "spec.after can't be changed"},
		"command":                {func(spec *cnatv1.AtSpec) { spec.Command = "echo NAY" }, "spec.command can't be changed"},
		"active deadline":        {func(spec *cnatv1.AtSpec) { spec.ActiveDeadlineSeconds = 5 }, "spec.activeDeadlineSeconds can't be changed"},
		"retries":                {func(spec *cnatv1.AtSpec) { spec.BackoffLimit = ptr.To[int32](5) }, "spec.backoffLimit can't be changed"},
		"time to live":           {func(spec *cnatv1.AtSpec) { spec.TTLSecondsAfterFinished = ptr.To[int32](5) }, ""},
		"cancel":                 {func(spec *cnatv1.AtSpec) { spec.Cancel = ptr.To(true) }, ""},
		"cancel, and taken back": {func(spec *cnatv1.AtSpec) { spec.Cancel = nil }, "cancel can't be taken back"},
	}
	namespace := newNamespace(t)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			at := newAt(func(at *cnatv1.At) {
				at.ObjectMeta = metav1.ObjectMeta{GenerateName: "started-", Namespace: namespace}
			})
			if err := api.Create(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(test.want, "taken back") {
				at.Spec.Cancel = ptr.To(true)
				if err := api.Update(t.Context(), at); err != nil {
					t.Fatal(err)
				}
			}
			startedAs("job-uid")(at)
			if err := api.Status().Update(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			test.change(&at.Spec)
			err := api.Update(t.Context(), at)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused with %q", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want a refusal that says %q", err, test.want)
			}
		})
	}
}

// Once the At is over, whatever it was, only its time to live has an effect.
func TestAPIServerRefusesChangeOfWhatIsOver(t *testing.T) {
	finals := []cnatv1.AtPhase{
		cnatv1.AtSucceeded, cnatv1.AtFailed, cnatv1.AtCancelled, cnatv1.AtMissed,
	}
	edits := map[string]func(*cnatv1.AtSpec){
		"schedule":           func(spec *cnatv1.AtSpec) { spec.Schedule = ptr.To(metav1.NewTime(due.Add(time.Hour))) },
		"after for schedule": func(spec *cnatv1.AtSpec) { spec.Schedule, spec.After = nil, &metav1.Duration{Duration: 1} },
		"command":            func(spec *cnatv1.AtSpec) { spec.Command = "echo NAY" },
		"suspend":            func(spec *cnatv1.AtSpec) { spec.Suspend = ptr.To(true) },
		"cancel":             func(spec *cnatv1.AtSpec) { spec.Cancel = ptr.To(true) },
		"starting deadline":  func(spec *cnatv1.AtSpec) { spec.StartingDeadlineSeconds = 5 },
		"pending deadline":   func(spec *cnatv1.AtSpec) { spec.PendingDeadlineSeconds = 5 },
		"active deadline":    func(spec *cnatv1.AtSpec) { spec.ActiveDeadlineSeconds = 5 },
		"retries":            func(spec *cnatv1.AtSpec) { spec.BackoffLimit = ptr.To[int32](5) },
	}
	namespace := newNamespace(t)
	for _, phase := range finals {
		t.Run(string(phase), func(t *testing.T) {
			at := newAt(func(at *cnatv1.At) {
				at.ObjectMeta = metav1.ObjectMeta{GenerateName: "over-", Namespace: namespace}
			})
			create(t, at)
			inPhase(phase)(at)
			if err := api.Status().Update(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			for name, edit := range edits {
				edited := at.DeepCopy()
				edit(&edited.Spec)
				if err := api.Update(t.Context(), edited); err == nil || !strings.Contains(err.Error(), "it is over") {
					t.Errorf("%s: got %v, want a refusal that says that it is over", name, err)
				}
			}
			at.Labels, at.Spec.TTLSecondsAfterFinished = map[string]string{"a": "b"}, ptr.To[int32](5)
			if err := api.Update(t.Context(), at); err != nil {
				t.Errorf("labels and the time to live: %v", err)
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
	if object.GetKind() == "" {
		object.SetGroupVersionKind(cnatv1.GroupVersion.WithKind("At"))
	}
	object.SetNamespace(namespace)
	return api.Create(t.Context(), object, client.FieldValidation("Strict"))
}
