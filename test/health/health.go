// Package health judges an object as GitOps tools do: by kstatus, which Flux, Helm 4 and kpt wait by, and as Argo CD
// does, by the Lua in config/argocd.
package health

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Verdict is what both say of an object.
type Verdict struct {
	// KStatus is InProgress, Current, Failed or Terminating.
	KStatus string
	// ArgoCD is Healthy, Progressing, Degraded or Suspended.
	ArgoCD string
	// Message is Argo CD's.
	Message string
}

// The verdicts that there are. Others would have the two disagree.
var (
	InProgress  = Verdict{KStatus: "InProgress", ArgoCD: "Progressing"}
	Current     = Verdict{KStatus: "Current", ArgoCD: "Healthy"}
	Suspended   = Verdict{KStatus: "Current", ArgoCD: "Suspended"}
	Failed      = Verdict{KStatus: "Failed", ArgoCD: "Degraded"}
	Terminating = Verdict{KStatus: "Terminating", ArgoCD: "Progressing"}
)

// Of judges an object.
func Of(object client.Object, scheme *runtime.Scheme) (Verdict, error) {
	kind, err := apiutil.GVKForObject(object, scheme)
	if err != nil {
		return Verdict{}, err
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return Verdict{}, fmt.Errorf("reading the object: %w", err)
	}
	u := &unstructured.Unstructured{Object: content}
	u.SetGroupVersionKind(kind)
	result, err := status.Compute(u)
	if err != nil {
		return Verdict{}, fmt.Errorf("kstatus: %w", err)
	}
	verdict := Verdict{KStatus: result.Status.String()}
	verdict.ArgoCD, verdict.Message, err = argoHealth(u)
	return verdict, err
}

// Check reports where an object is judged otherwise than a user would expect.
func Check(t *testing.T, object client.Object, scheme *runtime.Scheme, want Verdict) {
	t.Helper()
	got, err := Of(object, scheme)
	if err != nil {
		t.Fatal(err)
	}
	if got.KStatus != want.KStatus || got.ArgoCD != want.ArgoCD || got.Message == "" {
		t.Errorf("kstatus says %s, Argo CD %s (%s); want %s and %s", got.KStatus, got.ArgoCD, got.Message, want.KStatus, want.ArgoCD)
	}
}
