package step

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
)

// FindSecret is Find for a Secret in the Database's namespace.
func FindSecret(ctx context.Context, db *v1.Database, name string, readers ...client.Reader) (*corev1.Secret, error) {
	return Find[corev1.Secret](ctx, "Secret "+name, db.Namespace, name, readers...)
}

// Find reads an object from the first of the readers that has it, and returns nil where none has. What the cache does
// not have may still be there: without the operator's label, or as of a moment ago.
func Find[T any, Object interface {
	*T
	client.Object
}](ctx context.Context, what, namespace, name string, readers ...client.Reader) (Object, error) {
	for _, reader := range readers {
		object := Object(new(T))
		err := reader.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, object)
		if err == nil {
			return object, nil
		}
		if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("get %s: %w", what, err)
		}
	}
	return nil, nil
}

// WriteSecret creates a Secret where there was none before, and changes it where it is another: with the lock, so that
// it fails where the Secret was changed since it was read. Nil is not written.
func WriteSecret(ctx context.Context, c client.Client, before, after *corev1.Secret) error {
	if after == nil {
		return nil
	}
	if before == nil {
		if err := c.Create(ctx, after); err != nil {
			return fmt.Errorf("create Secret %s: %w", after.Name, err)
		}
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, after, patch); err != nil {
		return fmt.Errorf("patch Secret %s: %w", after.Name, err)
	}
	return nil
}
