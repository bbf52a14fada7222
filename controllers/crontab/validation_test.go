package crontab

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	v1 "example.com/cnat-operator/api/crontab/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
	"example.com/cnat-operator/internal/schedule"
)

// apply tries to create a CronTab with the fields of a spec, as a user would, and creates none.
func apply(t *testing.T, name, spec string) error {
	t.Helper()
	object := &unstructured.Unstructured{}
	manifest := "{apiVersion: stable.example.com/v1, kind: CronTab, metadata: {namespace: default, name: " + name + "}, spec: {" + spec + "}}"
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	return api.Create(t.Context(), object, client.DryRunAll, client.FieldValidation("Strict"))
}

// Expressions that are wrong are refused when they are applied, by a message that names the field.
func TestWrongExpressionsAreRefused(t *testing.T) {
	for part, expressions := range map[string][]string{
		"minute": {
			"60 * * * *", "-1 * * * *", "+1 * * * *", "1.5 * * * *", "a * * * *", "1- * * * *", "1--2 * * * *", "1,,2 * * * *", ",1 * * * *",
			"1, * * * *", "*/ * * * *", "*/0 * * * *", "*/-1 * * * *", "*/a * * * *", "*/60 * * * *", "*/61 * * * *", "1/2/3 * * * *",
			"1-2-3 * * * *", "** * * * *", "*5 * * * *", "*-5 * * * *", "/ * * * *", "jan * * * *", "0x10 * * * *", "H * * * *", "1;2 * * * *",
			"99999999999999999999 * * * *", "~ * * * *",
		},
		"hour": {"0 24 * * *", "0 -1 * * *", "0 2pm * * *", "0 */24 * * *", "0 02:30 * * *", "0 mon * * *", "0 0-24 * * *"},
		"day of month": {
			"0 0 0 * *", "0 0 32 * *", "0 0 L * *", "0 0 15W * *", "0 0 LW * *", "0 0 */32 * *", "0 0 1st * *",
		},
		"month":       {"0 0 * 0 *", "0 0 * 13 *", "0 0 * january *", "0 0 * mon *", "0 0 * */13 *", "0 0 * jan- *"},
		"day of week": {"0 0 * * 8", "0 0 * * monday", "0 0 * * 5#3", "0 0 * * 5L", "0 0 * * L", "0 0 * * jan", "0 0 * * -", "0 0 * * */8"},
		"ends before it begins": {
			"5-1 * * * *", "0 17-9 * * *", "0 0 31-1 * *", "0 0 * mar-jan *", "0 0 * * fri-mon", "0 0 * * 6-0",
		},
		"five fields": {"*", "* * * *", "0 * * * * *", "0 0 * * * * 2027", " ", "TZ=Europe/Berlin", "TZ=Europe/Berlin 0 0 * * *"},
		"one of @":    {"@", "@every 5m", "@reboot", "@Daily", "@fortnightly", "@daily 5"},
	} {
		for _, expression := range expressions {
			err := apply(t, "tab", "image: i, cronSpec: \""+expression+"\"")
			if err == nil || !strings.Contains(err.Error(), "spec.cronSpec") || !strings.Contains(err.Error(), part) {
				t.Errorf("%q: %v", expression, err)
			}
		}
	}
}

// What the operator can read, the API server takes.
func TestRightExpressionsAreTaken(t *testing.T) {
	for _, expression := range []string{
		"* * * * *", "* * * * /5", "/5 * * * *", "*/5 * * * *", "? ? ? ? ?", "5/20 * * * *", "0 0 * * 7", "0 0 * * 5-7", "0 0 * * fri-sun",
		"0 0 * * Sun", "0 0 * * MON-fri", "0 0 * jan-mar,DEC *", "05 007 * * *", "5-00000000000006 * * * *", "10-30/10,59 * * * *", "5-5 0 * * *", "0 0 * * sun-mon",
		"0 0 * * sun-sun", "*,5 1 * * *", "0 0 * * 5/1", "@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually",
		"  0  0 1 1 * ", "0 22-23,0-5 * * *", "*/59 */23 */31 */12 */7",
	} {
		if _, err := schedule.Parse(expression); err != nil {
			t.Fatal(err)
		}
		if err := apply(t, "tab", "image: i, cronSpec: \""+expression+"\""); err != nil {
			t.Errorf("%q: %v", expression, err)
		}
	}
}

// Everything else that is wrong is refused as well, by a message that names the field and says what to do.
func TestMistakesAreRefused(t *testing.T) {
	daily := `cronSpec: "@daily", `
	main, again := "containers: [{name: a, image: i}]", "initContainers: [{name: b, image: i, restartPolicy"
	for spec, want := range map[string]string{
		`cronSpec: "@daily"`: "exactly one of image, containers, command and template", `image: i`: "spec.cronSpec",
		daily + "image: i, command: c":                                                          "exactly one of image, containers, command and template",
		daily + "image: i, timeZone: Local":                                                     "spec.timeZone",
		daily + "image: i, timeZone: +01:00":                                                    "spec.timeZone",
		daily + "image: i, timeZone: \"\"":                                                      "spec.timeZone",
		daily + "image: i, excludeDates: [2027-02-30]":                                          "spec.excludeDates",
		daily + "image: i, excludeDates: [24.12.2027]":                                          "spec.excludeDates",
		daily + `image: i, excludeDates: ["0000-01-01"]`:                                        "spec.excludeDates",
		daily + `image: i, notBefore: tomorrow`:                                                 "notBefore must be an RFC 3339 date-time",
		daily + `image: i, notBefore: "2027-01-02T00:00:00Z", notAfter: "2027-01-01T00:00:00Z"`: "notAfter must not be before notBefore",
		daily + "image: i, replicas: 0":                                                         "spec.replicas",
		daily + "image: i, replicas: -1":                                                        "spec.replicas",
		daily + "image: i, spreadSeconds: -1":                                                   "spec.spreadSeconds",
		daily + "image: i, startingDeadlineSeconds: -5":                                         "spec.startingDeadlineSeconds",
		daily + "image: i, successfulRunsHistoryLimit: -1":                                      "spec.successfulRunsHistoryLimit",
		daily + "image: i, failedRunsHistoryLimit: -1":                                          "spec.failedRunsHistoryLimit",
		daily + "image: i, activeDeadlineSeconds: -1":                                           "spec.activeDeadlineSeconds",
		daily + "image: i, backoffLimit: -1":                                                    "spec.backoffLimit",
		daily + "image: i, concurrencyPolicy: Wait":                                             "spec.concurrencyPolicy",
		daily + "image: i, catchUp: Some":                                                       "spec.catchUp",
		daily + "containers: [{name: a}]":                                                       "each container must have an image",
		daily + "containers: [{name: a, image: i, restartPolicy: OnFailure}]":                   "restartPolicy must be Never or unset",
		daily + "containers: [{name: a, image: i, restartPolicyRules: [{action: Restart}]}]":    "restartPolicyRules unset",
		daily + "template: {spec: {restartPolicy: OnFailure, " + main + "}}":                    "template.spec.restartPolicy must be Never or unset",
		daily + "template: {spec: {restartPolicy: Always, " + main + "}}":                       "template.spec.restartPolicy must be Never or unset",
		daily + "template: {spec: {containers: [{name: a, image: i, restartPolicy: Always}]}}":  "restartPolicy of template.spec.containers must be Never",
		daily + "template: {spec: {" + again + ": OnFailure}], " + main + "}}":                  "restartPolicy of template.spec.initContainers",
		daily + "template: {spec: {" + again + "Rules: [{action: Restart}]}], " + main + "}}":   "restartPolicy of template.spec.initContainers",
		daily + "template: {metadata: {name: x}, spec: {containers: [{name: a, image: i}]}}":    "template.metadata may have labels and annotations only",
		daily + "template: {metadata: {}}":                                                      "template must have a spec",
	} {
		if err := apply(t, "tab", spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", spec, err)
		}
	}
	if err := apply(t, strings.Repeat("a", 53), daily+"image: i"); err == nil || !strings.Contains(err.Error(), "at most 52 characters") {
		t.Errorf("a long name: %v", err)
	}
	if err := apply(t, strings.Repeat("a", 52), daily+"image: i"); err != nil {
		t.Errorf("a name that is just short enough: %v", err)
	}
}

// The operator creates the next run's At, and replaces it when the CronTab is edited, as an API server has it.
func TestNextAtIsCreatedAndReplaced(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, namespace)
	tab := &v1.CronTab{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tab"},
		Spec:       v1.CronTabSpec{CronSpec: "@yearly", RunSpec: v1.RunSpec{Run: runv1.Run{Command: "true"}}},
	}
	create(t, tab)
	next := func(what string, wanted func(*cnatv1.At) bool) *cnatv1.At {
		t.Helper()
		at := &cnatv1.At{}
		eventually(t, what, func() (bool, error) {
			if err := api.Get(t.Context(), client.ObjectKeyFromObject(tab), tab); err != nil || tab.Status.Next == nil {
				return false, err
			}
			err := api.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: tab.Status.Next.Name}, at)
			if err == nil && retracted(at) && at.Status.ObservedGeneration != at.Generation { // as the At controller does
				at.Status.ObservedGeneration = at.Generation
				return false, client.IgnoreNotFound(api.Status().Update(t.Context(), at))
			}
			return err == nil && at.UID == tab.Status.Next.UID && released(at) && wanted(at), client.IgnoreNotFound(err)
		})
		return at
	}
	first := next("the next run", func(at *cnatv1.At) bool { return !*at.Spec.Suspend })
	if at := tab.Status.NextScheduleTime; at == nil || at.UTC().Month() != time.January || at.UTC().Day() != 1 || !owns(tab, first) {
		t.Errorf("next at %v by %+v", at, first.ObjectMeta)
	}
	if first.Spec.StartingDeadlineSeconds != 60 {
		t.Errorf("it may be %d s late", first.Spec.StartingDeadlineSeconds)
	}
	if err := api.Patch(t.Context(), tab, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"command":"false"}}`))); err != nil {
		t.Fatal(err)
	}
	second := next("the At to be replaced", func(at *cnatv1.At) bool { return at.UID != first.UID })
	if second.Name != first.Name || second.Spec.Template.Spec.Containers[0].Command[2] != "false" {
		t.Errorf("%+v", second)
	}
}
