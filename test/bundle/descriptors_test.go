package bundle

import (
	"reflect"
	"strings"
	"testing"

	"github.com/operator-framework/api/pkg/operators/v1alpha1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

// Consoles show the fields of an object by the CSV's descriptors, which come
// from the markers at the fields.
func TestEveryFieldHasADescriptor(t *testing.T) {
	kinds := map[string]struct{ spec, status any }{
		"At v1":       {cnatv1.AtSpec{}, cnatv1.AtStatus{}},
		"At v1alpha1": {cnatv1.AtSpec{}, cnatv1.AtStatus{}},
		"CronTab v1":  {crontabv1.CronTabSpec{}, crontabv1.CronTabStatus{}},
		"Database v1": {databasev1.DatabaseSpec{}, databasev1.DatabaseStatus{}},
	}
	owned := load(t, folder).CSV.Spec.CustomResourceDefinitions.Owned
	if len(owned) != len(kinds) {
		t.Errorf("the bundle owns %d CRDs, the test knows %d", len(owned), len(kinds))
	}
	for _, crd := range owned {
		name := crd.Kind + " " + crd.Version
		kind, known := kinds[name]
		if !known {
			t.Errorf("the test does not know %s", name)
			continue
		}
		check(t, name, "spec", fields(reflect.TypeOf(kind.spec), ""), specDescriptors(crd))
		check(t, name, "status", fields(reflect.TypeOf(kind.status), ""), statusDescriptors(crd))
		if len(crd.Resources) == 0 || crd.DisplayName == "" || crd.Description == "" {
			t.Errorf("%s lacks resources, a display name or a description", name)
		}
	}
}

// descriptor is what spec and status descriptors have in common.
type descriptor struct {
	complete bool
}

func specDescriptors(crd v1alpha1.CRDDescription) map[string]descriptor {
	descriptors := map[string]descriptor{}
	for _, d := range crd.SpecDescriptors {
		descriptors[d.Path] = descriptor{d.DisplayName != "" && d.Description != "" && len(d.XDescriptors) > 0}
	}
	return descriptors
}

func statusDescriptors(crd v1alpha1.CRDDescription) map[string]descriptor {
	descriptors := map[string]descriptor{}
	for _, d := range crd.StatusDescriptors {
		descriptors[d.Path] = descriptor{d.DisplayName != "" && d.Description != "" && len(d.XDescriptors) > 0}
	}
	return descriptors
}

func check(t *testing.T, kind, part string, fields []string, descriptors map[string]descriptor) {
	t.Helper()
	if len(fields) == 0 {
		t.Errorf("%s has no fields in its %s", kind, part)
	}
	for _, path := range fields {
		found, ok := descriptors[path]
		switch {
		case !ok:
			t.Errorf("%s: %s.%s has no descriptor: add the marker +operator-sdk:csv:customresourcedefinitions:type=%s to the field, and make bundle", kind, part, path, part)
		case !found.complete:
			t.Errorf("%s: the descriptor of %s.%s has no display name, description or x-descriptors", kind, part, path)
		}
		delete(descriptors, path)
	}
	for path := range descriptors {
		t.Errorf("%s: there is a descriptor of %s.%s, and no such field", kind, part, path)
	}
}

// fields are the paths of all fields of a type, down to those of other
// people's types, as a CSV writes them.
func fields(t reflect.Type, parent string) []string {
	var paths []string
	for i := range t.NumField() {
		field := t.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if strings.Contains(options, "inline") {
			paths = append(paths, fields(field.Type, parent)...)
			continue
		}
		path := parent + name
		paths = append(paths, path)
		kind, below := field.Type, path+"."
		for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
			if kind.Kind() == reflect.Slice {
				below = path + "[0]."
			}
			kind = kind.Elem()
		}
		if kind.Kind() == reflect.Struct && strings.HasPrefix(kind.PkgPath(), "example.com/cnat-operator/") {
			paths = append(paths, fields(kind, below)...)
		}
	}
	return paths
}
