package step

import (
	"testing"

	"sigs.k8s.io/yaml"
)

func TestCovers(t *testing.T) {
	for _, test := range []struct {
		name       string
		have, want string
		ok         bool
	}{
		{"the same", "a: 1", "a: 1", true},
		{"a default of the API server", "{a: 1, b: 2}", "a: 1", true},
		{"another value", "a: 2", "a: 1", false},
		{"a field removed", "b: 2", "a: 1", false},
		{"false where nothing is", "{}", "a: false", false},
		{"nothing wanted", "{}", "a: null", true},
		{"an empty text, which the Go type has", "{}", "a: ''", true},
		{"an empty map", "{}", "a: {}", true},
		{"a map for a text", "a: b", "a: {c: d}", false},
		{"a rule more", "a: [{x: 1}, {y: 2}]", "a: [{x: 1}]", false},
		{"a rule other", "a: [{y: 2}]", "a: [{x: 1}]", false},
		{"a rule with a default", "a: [{x: 1, y: 2}]", "a: [{x: 1}]", true},
		{"a container more", "a: [{name: other}, {name: c, x: 1}]", "a: [{name: c, x: 1}]", true},
		{"a container other", "a: [{name: c, x: 2}]", "a: [{name: c, x: 1}]", false},
		{"two mounts of one volume", "a: [{name: v, p: 1}, {name: v, p: 2}]", "a: [{name: v, p: 2}, {name: v, p: 1}]", true},
		{"a container removed", "a: []", "a: [{name: c}]", false},
		{"a label more in a selector", "selector: {a: b, none: such}", "selector: {a: b}", false},
		{"a peer opened to all namespaces", "ingress: [{from: [{p: {}, n: {}}]}]", "ingress: [{from: [{p: {}}]}]", false},
		{"a word other", "a: [x, z]", "a: [x, y]", false},
	} {
		var have, want any
		if err := yaml.Unmarshal([]byte(test.have), &have); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(test.want), &want); err != nil {
			t.Fatal(err)
		}
		if got := Covers(have, want); got != test.ok {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}
