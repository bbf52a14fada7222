package step

import "reflect"

// atomicFields are the fields to which an addition changes whom an object reaches, by their names in any object of the chart: one
// label more in a Service's selector, and it leads nowhere; one selector more in a NetworkPolicy, and it lets everybody in.
var atomicFields = map[string]bool{"selector": true, "podSelector": true, "ingress": true, "egress": true, "policyTypes": true}

// Covers reports whether have has everything in want.
func Covers(have, want any) bool {
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
			} else if !Covers(fields[key], value) {
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
		if !Covers(have[i], want[i]) {
			return false
		}
	}
	return true
}

func anyCovers(have []any, want any) bool {
	for _, item := range have {
		if Covers(item, want) {
			return true
		}
	}
	return false
}
