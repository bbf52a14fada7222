package main

import (
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"example.com/cnat-operator/test/audit"
)

func TestCompare(t *testing.T) {
	before := &seen{objects: map[string]string{"A b/c": "1", "A b/d": "1", "A b/e": "1"}, restarts: map[string]int32{"p": 1}}
	after := &seen{objects: map[string]string{"A b/c": "1", "A b/d": "2", "A b/f": "1"}, restarts: map[string]int32{"p": 1}}
	want := []string{"changed: A b/d", "created: A b/f", "deleted: A b/e"}
	if got := compare(before, after); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := compare(before, before); len(got) > 0 {
		t.Errorf("nothing changed: %q", got)
	}
	after = &seen{objects: before.objects, restarts: map[string]int32{"p": 2}}
	if got := compare(before, after); !slices.Equal(got, []string{"stopped: the operator, pod p"}) {
		t.Errorf("a restart: %q", got)
	}
}

func TestDigestIsNotOfWhatOthersWrite(t *testing.T) {
	object := func(kind, spec, status, version string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"kind": kind, "spec": spec, "status": status, "metadata": map[string]any{"uid": "u", "resourceVersion": version},
		}}
	}
	base := digest(object("Pod", "a", "b", "1"))
	if digest(object("Pod", "a", "c", "2")) != base {
		t.Error("the status of a Pod counts")
	}
	if digest(object("Pod", "x", "b", "1")) == base {
		t.Error("the spec of a Pod does not count")
	}
	if digest(object("At", "a", "b", "1")) == digest(object("At", "a", "c", "1")) {
		t.Error("the status of an At does not count")
	}
}

func TestOutside(t *testing.T) {
	user := &tenant{namespace: "user", victim: "victim", others: []string{"other"}}
	tests := map[string]struct {
		verb   string
		object *audit.Object
		want   bool
	}{
		"no object":                 {"create", nil, false},
		"a read":                    {"get", &audit.Object{Resource: "secrets", Namespace: "victim"}, false},
		"the user's own":            {"delete", &audit.Object{Resource: "secrets", Namespace: "user"}, false},
		"others' work":              {"patch", &audit.Object{Resource: "services", Namespace: "other"}, false},
		"the victim's":              {"delete", &audit.Object{Resource: "secrets", Namespace: "victim"}, true},
		"the victim's status":       {"patch", &audit.Object{Resource: "databases", Subresource: "status", Namespace: "victim"}, false},
		"the victim's Database":     {"patch", &audit.Object{Resource: "databases", Namespace: "victim"}, true},
		"an event for the victim":   {"create", &audit.Object{Resource: "events", Namespace: "victim"}, false},
		"the lease":                 {"update", &audit.Object{Resource: "leases", Namespace: operatorNamespace}, false},
		"the operator's Deployment": {"patch", &audit.Object{Resource: "deployments", Namespace: operatorNamespace}, true},
		"a review":                  {"create", &audit.Object{Resource: "tokenreviews"}, false},
		"the cluster's":             {"create", &audit.Object{Resource: "clusterrolebindings"}, true},
		"kube-system":               {"create", &audit.Object{Resource: "configmaps", Namespace: "kube-system"}, true},
	}
	for name, test := range tests {
		if got := user.outside(&audit.Event{Verb: test.verb, ObjectRef: test.object}); (got != "") != test.want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
