package database

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Additions of others to an object are left alone, but for those that change whom it reaches: one label more in a
// Service's selector, and it leads nowhere; one selector more beside a NetworkPolicy's, and it lets everybody in.

// sameReach tells whether a live object reaches what the chart's does, and nothing else.
func sameReach(live, want client.Object) bool {
	switch want := want.(type) {
	case *networkingv1.NetworkPolicy:
		policy, ok := live.(*networkingv1.NetworkPolicy)
		return ok && equality.Semantic.DeepEqual(policy.Spec, want.Spec)
	case *corev1.Service:
		service, ok := live.(*corev1.Service)
		return ok && maps.Equal(service.Spec.Selector, want.Spec.Selector)
	default:
		return true
	}
}

// setReach sets back what Helm's patches can't, since they take away nothing that Helm did not bring.
func (r *Reconciler) setReach(ctx context.Context, widened []client.Object) error {
	for _, object := range widened {
		path, value := "/spec", any(nil)
		switch object := object.(type) {
		case *networkingv1.NetworkPolicy:
			value = object.Spec
		case *corev1.Service:
			path, value = "/spec/selector", object.Spec.Selector
		}
		patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": path, "value": value}})
		if err != nil {
			return fmt.Errorf("set back %s: %w", object.GetName(), err)
		}
		if err := r.Client.Patch(ctx, object, client.RawPatch(types.JSONPatchType, patch)); err != nil {
			return fmt.Errorf("set back %s: %w", object.GetName(), err)
		}
	}
	return nil
}
