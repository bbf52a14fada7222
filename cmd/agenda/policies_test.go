package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

// Nobody writes a request in somebody else's name, nor replays one.
func TestForgedNamesAreRefused(t *testing.T) {
	namespace, tab, next, db := objects(t)
	mallory := as(t, "mallory", namespace, nil, rule("stable.example.com", "*", "*"), rule("cnat.programming-kubernetes.info", "*", "*"),
		rule("example.com", "*", "*"), rule("batch", "*", "*"))
	write := func(object client.Object, key, value string) error {
		patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, key, value)
		return mallory.Patch(t.Context(), object, client.RawPatch(types.MergePatchType, []byte(patch)))
	}
	eventually(t, "the user's rights", func() error { return write(tab, "a", "b") })
	const jane = "2027-01-01T00:00:00Z by jane"
	if _, err := post("", namespace, "crontabs/it/run", `{}`); err != nil {
		t.Fatal(err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(tab), tab); err != nil {
		t.Fatal(err)
	}
	earlier := tab.Annotations[crontabv1.AnnotationRunRequest]
	for _, test := range []struct {
		object     client.Object
		key, value string
		want       bool
	}{
		{tab, crontabv1.AnnotationRunRequest, jane, false},
		{tab, crontabv1.AnnotationRunRequest, "now", true},
		{tab, crontabv1.AnnotationRunRequest, earlier, false},
		{tab, crontabv1.AnnotationRunRequest, "x by jane by mallory", false},
		{tab, crontabv1.AnnotationRunRequest, "x by mallory", true},
		{db, databasev1.AnnotationBackupRequest, jane, false},
		{db, databasev1.AnnotationBackupRequest, "now", true},
		{next, v1alpha1.AnnotationCancelRequest, jane, false},
		{next, crontabv1.AnnotationRunRequest, jane, false},
		{next, "somebody.example.com/else", jane, true},
	} {
		err := write(test.object, test.key, test.value)
		if (err == nil) != test.want || err != nil && !strings.Contains(err.Error(), "in the name of somebody else") {
			t.Errorf("%T, %s=%s: %v", test.object, test.key, test.value, err)
		}
	}
	forged := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "forged"}, Spec: next.Spec}
	forged.Annotations = map[string]string{crontabv1.AnnotationRunRequest: jane}
	if err := mallory.Create(t.Context(), forged); !apierrors.IsForbidden(err) {
		t.Errorf("created an At: %v", err)
	}
}

// Whoever gets at the agenda's ServiceAccount changes no more than the subresources do, and the operator may write to an At
// who asked for its run.
func TestAccountsAreLimited(t *testing.T) {
	namespace, tab, next, db := objects(t)
	patch := func(account string, object client.Object, patch string) error {
		config := rest.CopyConfig(plane.Config)
		config.Impersonate = rest.ImpersonationConfig{UserName: account, Groups: []string{"system:authenticated"}}
		c, err := client.New(config, client.Options{Scheme: api.Scheme()})
		if err != nil {
			return err
		}
		return c.Patch(t.Context(), object.DeepCopyObject().(client.Object), client.RawPatch(types.MergePatchType, []byte(patch)),
			client.DryRunAll)
	}
	const limits = "cnat-agenda-limits"
	for _, test := range []struct {
		object      client.Object
		patch, want string
	}{
		{tab, `{"metadata":{"annotations":{"stable.example.com/run-requested-at":"x by jane"}}}`, ""},
		{tab, `{"metadata":{"annotations":{"example.com/backup-requested-at":"x"}}}`, limits},
		{tab, `{"metadata":{"labels":{"a":"b"}}}`, limits},
		{tab, `{"metadata":{"finalizers":["a.example.com/b"]}}`, limits},
		{tab, `{"spec":{"suspend":true}}`, "denied request"},
		{db, `{"metadata":{"annotations":{"example.com/backup-requested-at":"x by jane"}}}`, ""},
		{db, `{"spec":{"backup":null}}`, "denied request"},
		{next, `{"spec":{"cancel":true},"metadata":{"annotations":{"agenda.cnat.programming-kubernetes.info/cancel-requested-at":"x by jane"}}}`, ""},
		{next, `{"spec":{"cancel":true,"ttlSecondsAfterFinished":0}}`, limits},
		{next, `{"spec":{"suspend":true}}`, "denied request"},
	} {
		err := patch(account, test.object, test.patch)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.patch, err)
		}
	}
	const operator = "system:serviceaccount:cnat-operator-system:cnat-operator-controller-manager"
	const copied = `{"metadata":{"annotations":{"stable.example.com/run-requested-at":"x by jane"}}}`
	create(t, &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "ats"},
		Rules:      []rbacv1.PolicyRule{rule("cnat.programming-kubernetes.info", "ats", "get", "patch")},
	})
	bind(t, operator, namespace, "Role", "ats")
	eventually(t, "the operator's rights", func() error { return patch(operator, next, copied) })
}

// The limits name each field of an At's spec, so that none can be changed that was added later.
func TestLimitsNameEachField(t *testing.T) {
	policy, err := os.ReadFile("config/agenda/policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range reflect.VisibleFields(reflect.TypeFor[cnatv1.AtSpec]()) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		want := fmt.Sprintf("object.spec.?%s == oldObject.spec.?%s\n", name, name)
		if !field.Anonymous && name != "cancel" && !strings.Contains(string(policy), want) {
			t.Errorf("the limits do not name %s", name)
		}
	}
}
