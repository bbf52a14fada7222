// Package requests carries out what users ask for by subresources: with the server's own rights, and in the user's name.
// That they may ask for it the API server was asked before.
package requests

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// request is what was asked for of an object.
type request struct {
	key client.ObjectKey
	// uid is that of the object which the user means; empty: whichever has the name.
	uid types.UID
	// text is for the object's annotation.
	text   string
	dryRun []string
}

// longestUser bounds the name of a user that is written to an object: controllers take an annotation's value of 256 bytes
// as it is.
const longestUser = 220

// textOf says when something was asked for and by whom. A policy keeps others from writing somebody else's name.
func textOf(now time.Time, user string) (string, error) {
	unprintable := strings.ContainsFunc(user, func(r rune) bool { return !unicode.IsPrint(r) })
	if user == "" || len(user) > longestUser || unprintable || !utf8.ValidString(user) {
		return "", apierrors.NewBadRequest(fmt.Sprintf(
			"a request carries its user's name, which must have 1 to %d bytes, all of them printable", longestUser))
	}
	return now.UTC().Format(time.RFC3339Nano) + " by " + user, nil
}

// get reads an object live. It is a conflict if it is not the one that the user means.
func (r *request) get(ctx context.Context, c client.Client, object client.Object, resource schema.GroupResource) error {
	if err := c.Get(ctx, r.key, object); err != nil {
		return err
	}
	if r.uid != "" && r.uid != object.GetUID() {
		return r.refuse(resource, "the object has the UID %s, not %s", object.GetUID(), r.uid)
	}
	return nil
}

// refuse says why an object can't do what it is asked for.
func (r *request) refuse(resource schema.GroupResource, format string, args ...any) error {
	return apierrors.NewConflict(resource, r.key.Name, fmt.Errorf(format, args...))
}

// annotate writes the request to an object, if it has still the UID that it was read with.
func (r *request) annotate(ctx context.Context, c client.Client, object client.Object, annotation string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": object.GetUID(), "annotations": map[string]string{annotation: r.text},
	}})
	if err != nil {
		return err
	}
	return c.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch), r.options())
}

func (r *request) options() *client.PatchOptions { return &client.PatchOptions{DryRun: r.dryRun} }
