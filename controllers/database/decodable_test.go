package database

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
)

// What the API server lets in can be read by the operator: one object that can't would end the watch of all. Exponents of
// nine digits would take it hours.
func TestAcceptedIsReadable(t *testing.T) {
	namespace := newNamespace(t)
	const (
		int32s = "4294967296"
		int64s = "9223372036854775808"
	)
	quantities := []string{
		`"1E1.5"`, `"1e1."`, `"1e.5"`, `"1e999999"`, `"1e-999999"`, `"1e+000999999"`, `"1e99"`, `"1."`, `".5"`, `"+1"`, `"-1"`, `"1e+5"`, `"1m"`, `"1n"`,
		`"9999999999999999999Ei"`, `"99999999999999999999Ei"`, `""`, `null`, int64s, `1.5`, `1e30`, `1`,
	}
	var specs []string
	for _, quantity := range quantities {
		for _, field := range []string{"resources: {%s}", "backup: {resources: {%s}}", "monitoring: {resources: {%s}}"} {
			for _, kind := range []string{"limits: {memory: %s}", "requests: {cpu: %s}"} {
				specs = append(specs, fmt.Sprintf(field, fmt.Sprintf(kind, quantity)))
			}
		}
		specs = append(specs, fmt.Sprintf("storage: {size: %s}", quantity), fmt.Sprintf("backup: {storage: {size: %s}}", quantity))
	}
	for _, age := range []string{`1h1`, `24`, `"24"`, `1d`, `2562048h`, `9999999h`, `""`, `null`, `1.5h`, `.5h`, `720h0m0.000000000000001s`, `-1h`, `1µs720h`, `720h1μs`} {
		specs = append(specs, "passwordRotation: {every: "+age+"}")
	}
	for _, number := range []string{int32s, int64s, "1e10", "1.5", "-1"} {
		term := "{topologyKey: a, labelSelector: {}}"
		specs = append(
			specs,
			"tolerations: [{tolerationSeconds: "+number+"}]",
			"topologySpreadConstraints: [{topologyKey: a, whenUnsatisfiable: DoNotSchedule, maxSkew: "+number+"}]",
			"topologySpreadConstraints: [{topologyKey: a, whenUnsatisfiable: DoNotSchedule, maxSkew: 1, minDomains: "+number+"}]",
			"affinity: {podAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: "+number+", podAffinityTerm: "+term+"}]}}",
			"affinity: {podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: "+number+", podAffinityTerm: "+term+"}]}}",
			"affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: "+number+", preference: {}}]}}",
			"backup: {retain: "+number+"}", "monitoring: {intervalSeconds: "+number+"}",
		)
	}
	accepted := 0
	for _, spec := range specs {
		object := &unstructured.Unstructured{}
		text := fmt.Sprintf("apiVersion: example.com/v1\nkind: Database\nmetadata: {name: odd, namespace: %s}\nspec: {user: app, %s}\n", namespace, spec)
		if err := yaml.Unmarshal([]byte(text), &object.Object); err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		if err := api.Create(t.Context(), object, client.DryRunAll); err != nil {
			continue
		}
		if accepted++; strings.Contains(spec, "999999\"") {
			t.Errorf("%s is accepted", spec)
			continue
		}
		stored, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(stored, &v1.Database{}); err != nil {
			t.Errorf("%s is accepted, and can't be read: %v", spec, err)
		}
	}
	if accepted < 30 {
		t.Errorf("only %d of %d were accepted", accepted, len(specs))
	}
}
