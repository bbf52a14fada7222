package database

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/testenv"
)

// The operator's account writes objects of the operator's own only. All tests of the controllers run under this policy.
func TestAccountIsConfined(t *testing.T) {
	namespace := newNamespace(t)
	account, err := client.New(testenv.Account(apiConfig), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	theirs := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "theirs"}}
	if err := api.Create(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}
	owned := metav1.ObjectMeta{Namespace: namespace, Name: "owned", OwnerReferences: []metav1.OwnerReference{
		{APIVersion: v1.GroupVersion.String(), Kind: "Database", Name: "db", UID: "uid"},
	}}
	other := *owned.DeepCopy()
	other.Name, other.OwnerReferences[0].APIVersion = "other", "elsewhere.io/v1"
	labelled := metav1.ObjectMeta{Namespace: namespace, Name: "labelled", Labels: map[string]string{step.LabelPartOf: step.PartOf}}
	pod := corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}
	create := func(object client.Object, options ...client.CreateOption) func() error {
		return func() error { return account.Create(t.Context(), object.DeepCopyObject().(client.Object), options...) }
	}
	change := func(patch string) func() error {
		return func() error {
			return account.Patch(t.Context(), theirs, client.RawPatch(types.MergePatchType, []byte(patch)))
		}
	}
	ownerless := create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "no"}})
	eventually(t, "the policy to take effect", func() error {
		if err := ownerless(); !apierrors.IsForbidden(err) {
			return errors.Join(errors.New("an object without an owner is created"), err)
		}
		return nil
	})
	for what, try := range map[string]func() error{
		"an object of another owner is created":  create(&corev1.ConfigMap{ObjectMeta: other}),
		"a Service with only a label is created": create(&corev1.Service{ObjectMeta: labelled, Spec: corev1.ServiceSpec{ClusterIP: "None"}}),
		"a pod is created":                       create(&corev1.Pod{ObjectMeta: labelled, Spec: pod}),
		"somebody else's Secret is changed":      change(`{"data":{"a":"Yg=="}}`),
		"somebody else's Secret gets the label":  change(`{"metadata":{"labels":{"app.kubernetes.io/part-of":"cnat-operator"}}}`),
		"somebody else's Secret is deleted":      func() error { return account.Delete(t.Context(), theirs.DeepCopy()) },
	} {
		if err := try(); !apierrors.IsForbidden(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, try := range map[string]func() error{
		"an object with an owner":        create(&corev1.ConfigMap{ObjectMeta: owned}),
		"a Secret that outlives its own": create(&corev1.Secret{ObjectMeta: labelled}),
		"a pod, as a dry run":            create(&corev1.Pod{ObjectMeta: labelled, Spec: pod}, client.DryRunAll),
	} {
		if err := try(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}
