package at

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	runv1 "example.com/cnat-operator/api/run/v1"
	"example.com/cnat-operator/internal/testenv"
)

// The API server stores all that the Go types promise: a schema that lacks a
// field would drop it.
func TestAPIServerPrunesNothing(t *testing.T) {
	template := testenv.FullTemplate()
	tests := map[string]cnatv1.AtSpec{
		"template":   {After: &metav1.Duration{Duration: time.Hour}, Run: runv1.Run{Template: template}},
		"containers": {After: &metav1.Duration{Duration: time.Hour}, Run: runv1.Run{Containers: template.Spec.Containers}},
	}
	namespace := newNamespace(t)
	for name, spec := range tests {
		t.Run(name, func(t *testing.T) {
			at := &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: spec}
			at.SetGroupVersionKind(cnatv1.GroupVersion.WithKind("At"))
			testenv.StoresWhole(t, api, at)
		})
	}
}
