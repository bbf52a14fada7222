package database

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// holds reports whether a live object holds all that the chart says of it. What the chart says nothing of, such as
// defaults of the API server and additions of others, is not looked at.
func holds(live, want client.Object) (bool, error) {
	liveContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(live)
	if err != nil {
		return false, err
	}
	wantContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want)
	if err != nil {
		return false, err
	}
	// A live object of the cache has no kind, and its status is not the chart's to say.
	for _, key := range []string{"apiVersion", "kind", "status"} {
		delete(wantContent, key)
	}
	return covers(liveContent, wantContent), nil
}

// atomicFields are the fields to which an addition changes whom an object reaches, by their names in any object of the chart: one
// label more in a Service's selector, and it leads nowhere; one selector more in a NetworkPolicy, and it lets everybody in.
var atomicFields = map[string]bool{"selector": true, "podSelector": true, "ingress": true, "egress": true, "policyTypes": true}

// covers reports whether have has everything in want.
func covers(have, want any) bool {
	switch want := want.(type) {
	case nil:
		return true
	case map[string]any:
		fields, ok := have.(map[string]any)
		if !ok && len(want) > 0 {
			return false
		}
		for key, value := range want {
			if atomicFields[key] {
				if !reflect.DeepEqual(fields[key], value) {
					return false
				}
			} else if !covers(fields[key], value) {
				return false
			}
		}
		return true
	case []any:
		items, _ := have.([]any)
		return coversList(items, want)
	case string:
		// The Go type of an object may have the field where the chart has not.
		return want == "" || want == have
	default:
		return reflect.DeepEqual(have, want)
	}
}

// coversList compares lists as a strategic merge does: items with a name may have others between them, other lists are
// as a whole what the chart says. A rule that was added to a NetworkPolicy counts, a container that was added does not.
func coversList(have, want []any) bool {
	if len(want) == 0 {
		return true
	}
	if first, ok := want[0].(map[string]any); ok && first["name"] != nil {
		for _, item := range want {
			if !anyCovers(have, item) {
				return false
			}
		}
		return true
	}
	if len(have) != len(want) {
		return false
	}
	for i := range want {
		if !covers(have[i], want[i]) {
			return false
		}
	}
	return true
}

func anyCovers(have []any, want any) bool {
	for _, item := range have {
		if covers(item, want) {
			return true
		}
	}
	return false
}
