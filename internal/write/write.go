// Package write has what the controllers' writes to the API server have in common.
package write

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ErrStale means that a write met an object that is not as it was read.
var ErrStale = errors.New("the object has changed since it was read")

// Stale turns an error of a write that met another object than it was meant for into ErrStale. Other errors say what was
// being done.
func Stale(doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case apierrors.IsConflict(err) || apierrors.IsNotFound(err):
		return ErrStale
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// Locked is a patch from an object as it was read, which meets that version or fails with a conflict.
func Locked(before client.Object) client.Patch {
	return client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
}

// IsRefusal reports whether the API server said no to what was asked, as a quota, a policy, a webhook or a namespace
// that is being deleted make it do; not that it was too busy or could not be reached. An internal error is what it gives
// when a webhook that must be asked can't be.
func IsRefusal(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsForbidden(err) || apierrors.IsBadRequest(err) ||
		apierrors.IsNotFound(err) || apierrors.IsRequestEntityTooLargeError(err) || apierrors.IsNotAcceptable(err) ||
		apierrors.IsInternalError(err)
}

// Operation is one of a JSON patch (RFC 6902).
type Operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// JSONPatch is a patch of operations: all of them are carried out, or none.
func JSONPatch(operations ...Operation) (client.Patch, error) {
	data, err := json.Marshal(operations)
	if err != nil {
		return nil, fmt.Errorf("encoding a patch: %w", err)
	}
	return client.RawPatch(types.JSONPatchType, data), nil
}

// Key is a key of a map, like a label's, as part of an operation's path.
func Key(key string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}
