package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
)

// fill gives a namespace an At in half an hour, and an hourly CronTab and CronJob.
func fill(t *testing.T) string {
	t.Helper()
	namespace := newNamespace(t)
	due := metav1.NewTime(time.Now().Add(30 * time.Minute).Truncate(time.Second))
	create(t, &cnatv1.At{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "once"},
		Spec:       cnatv1.AtSpec{Schedule: &due, Run: runv1.Run{Command: "true"}},
	})
	create(t, &crontabv1.CronTab{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tab"},
		Spec:       crontabv1.CronTabSpec{CronSpec: "10 * * * *", TimeZone: "Europe/Berlin", RunSpec: crontabv1.RunSpec{Image: "i"}},
	})
	create(t, cronJob(namespace, "job", "20 * * * *"))
	eventually(t, "the agenda to see all three", func() error {
		kinds := map[string]bool{}
		list := &v1alpha1.RunList{}
		err := api.List(t.Context(), list, client.InNamespace(namespace))
		for _, run := range list.Items {
			kinds[run.Spec.Kind] = true
		}
		if err == nil && len(kinds) < 3 {
			err = fmt.Errorf("it sees %v", kinds)
		}
		return err
	})
	return namespace
}

func selecting(selector string) *client.ListOptions {
	return &client.ListOptions{FieldSelector: fields.ParseSelectorOrDie(selector)}
}

func TestListAndGet(t *testing.T) {
	namespace := fill(t)
	list := &v1alpha1.RunList{}
	if err := api.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for i, run := range list.Items {
		count[run.Spec.Kind]++
		if i > 0 && run.Spec.When.Before(&list.Items[i-1].Spec.When) {
			t.Errorf("run %d is before the one ahead of it", i)
		}
		got := &v1alpha1.Run{}
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(&run), got); err != nil || got.Spec != run.Spec {
			t.Errorf("%s: got %+v, %v", run.Name, got, err)
		}
	}
	if count["At"] != 1 || count["CronTab"] != 24 || count["CronJob"] != 24 {
		t.Errorf("runs %v", count)
	}
	if err := api.List(t.Context(), list, client.InNamespace(namespace), selecting("until=3h,spec.kind!=At,spec.name!=job")); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 3 || list.Items[0].Spec.Name != "tab" || list.Items[0].Spec.Zone != "Europe/Berlin" {
		t.Errorf("the CronTab's in three hours: %s", text(list.Items))
	}
	one := list.Items[1].Name
	if err := api.List(t.Context(), list, client.InNamespace(namespace), selecting("metadata.name="+one)); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].Name != one {
		t.Errorf("the one of a name: %s", text(list.Items))
	}
}

// Pages make up the list, and a page that is asked for later still ends where the first one said.
func TestPagesMakeUpTheList(t *testing.T) {
	namespace := fill(t)
	whole, page := &v1alpha1.RunList{}, &v1alpha1.RunList{}
	if err := api.List(t.Context(), whole, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	var names []string
	for {
		err := api.List(t.Context(), page, client.InNamespace(namespace), client.Limit(10), client.Continue(page.Continue))
		if err != nil || len(page.Items) > 10 {
			t.Fatalf("%d runs, %v", len(page.Items), err)
		}
		for _, run := range page.Items {
			names = append(names, run.Name)
		}
		if page.Continue == "" {
			break
		}
	}
	if len(names) != len(whole.Items) || names[0] != whole.Items[0].Name || names[len(names)-1] != whole.Items[len(names)-1].Name {
		t.Errorf("pages have %d runs of %d", len(names), len(whole.Items))
	}
}

// A user sees the runs of what they may list, and nothing of the rest.
func TestUsersSeeWhatTheyMayList(t *testing.T) {
	runs := rule(v1alpha1.GroupVersion.Group, "runs", "list", "get")
	for user, test := range map[string]struct {
		roles []string
		rules []rbacv1.PolicyRule
		kinds []string
	}{
		"nobody":  {nil, []rbacv1.PolicyRule{runs}, nil},
		"tabs":    {nil, []rbacv1.PolicyRule{runs, rule("stable.example.com", "crontabs", "list")}, []string{"CronTab"}},
		"getter":  {nil, []rbacv1.PolicyRule{runs, rule("stable.example.com", "crontabs", "get")}, nil},
		"jobs":    {nil, []rbacv1.PolicyRule{runs, rule("batch", "cronjobs", "list")}, []string{"CronJob"}},
		"both":    {nil, []rbacv1.PolicyRule{runs, rule("batch", "cronjobs", "list"), rule("cnat.programming-kubernetes.info", "ats", "list")}, []string{"At", "CronJob"}},
		"on-call": {[]string{"cnat-agenda-view"}, nil, nil},
	} {
		t.Run(user, func(t *testing.T) {
			namespace := fill(t)
			c := as(t, user, namespace, test.roles, test.rules...)
			list := &v1alpha1.RunList{}
			if err := c.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
				t.Fatal(err)
			}
			seen := map[string]bool{}
			for _, run := range list.Items {
				seen[run.Spec.Kind] = true
			}
			all := &v1alpha1.RunList{}
			if err := api.List(t.Context(), all, client.InNamespace(namespace)); err != nil {
				t.Fatal(err)
			}
			for _, run := range all.Items {
				want := slices.Contains(test.kinds, run.Spec.Kind)
				err := c.Get(t.Context(), client.ObjectKeyFromObject(&run), &v1alpha1.Run{})
				if seen[run.Spec.Kind] != want || want && err != nil || !want && !apierrors.IsNotFound(err) {
					t.Fatalf("%s: listed %t, got %v", run.Name, seen[run.Spec.Kind], err)
				}
			}
			if err := c.List(t.Context(), list); !apierrors.IsForbidden(err) {
				t.Errorf("all namespaces: %v", err)
			}
			if err := c.List(t.Context(), list, client.InNamespace("default")); !apierrors.IsForbidden(err) {
				t.Errorf("another namespace: %v", err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		options client.ListOption
		want    string
	}{
		"a field":         {selecting("spec.node=a"), "runs are selected by metadata.name, metadata.namespace, spec.kind, spec.name, until"},
		"a span":          {selecting("until=9000h"), "until must be in the next"},
		"no time":         {selecting("until=tomorrow"), "is no duration"},
		"labels":          {client.MatchingLabels{"a": "b"}, "runs have no labels"},
		"a damaged token": {client.Continue("AAAA"), "the continue token is damaged"},
	} {
		err := api.List(t.Context(), &v1alpha1.RunList{}, test.options)
		if !apierrors.IsBadRequest(err) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	run := &v1alpha1.Run{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}}
	if err := api.Create(t.Context(), run); !apierrors.IsMethodNotSupported(err) {
		t.Errorf("created a run: %v", err)
	}
	if out, err := kubectl("get", "--raw", "/apis/"+v1alpha1.GroupVersion.String()+"/runs?watch=true"); err == nil ||
		!strings.Contains(err.Error(), "watch is not supported") {
		t.Errorf("watched: %s, %v", out, err)
	}
}

// What kubectl does with it: columns, explanations, and that the operator's kinds keep their names.
func TestKubectl(t *testing.T) {
	namespace := fill(t)
	for command, want := range map[string]string{
		"get runs -n " + namespace:                                                    "WHEN",
		"get runs -n " + namespace + " --field-selector=spec.kind=At":                 "once",
		"get run -A --chunk-size=3 -o wide":                                           "cronjob-job-",
		"explain runs.spec.lastSeconds":                                               "how long the object's last run took, in seconds",
		"explain runs":                                                                "GROUP:      agenda.cnat.programming-kubernetes.info",
		"get crontabs -n " + namespace + " -o yaml":                                   "apiVersion: stable.example.com/v1",
		"get ats,databases -n " + namespace + " -o yaml":                              "apiVersion: cnat.programming-kubernetes.info/v1\n",
		"get crontab tab -n " + namespace + " -o name":                                "crontab.stable.example.com/tab",
		"get at once -n " + namespace + " -o name":                                    "at.cnat.programming-kubernetes.info/once",
		"api-resources --api-group=agenda.cnat.programming-kubernetes.info -o name":   "runs.agenda.cnat.programming-kubernetes.info\n",
		"get --raw /openapi/v3/apis/agenda.cnat.programming-kubernetes.info/v1alpha1": "lastSeconds is how long",
		"get --raw /apis/agenda.cnat.programming-kubernetes.info/v1alpha1":            `"name":"crontabs/run"`,
	} {
		eventually(t, "kubectl "+command, func() error { // the API server looks at what it aggregates once in a while
			output, err := kubectl(strings.Fields(command)...)
			if err == nil && !strings.Contains(output, want) {
				err = fmt.Errorf("%q is not in %.2000s", want, output)
			}
			return err
		})
	}
	eventually(t, "the aggregator to have OpenAPI v2", func() error {
		output, err := kubectl("get", "--raw", "/openapi/v2")
		if err == nil && !strings.Contains(output, "agenda.v1alpha1.RunSpec") {
			err = fmt.Errorf("no RunSpec")
		}
		return err
	})
}
