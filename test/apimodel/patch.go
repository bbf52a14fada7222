package apimodel

import (
	"encoding/json"
	"fmt"
	"reflect"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Patched is an object as a merge patch or a JSON patch makes it, if its preconditions hold: the version, where the patch
// has one, and the tests.
func (s *Server) Patched(object client.Object, patch client.Patch) (client.Object, error) {
	k := KeyOf(object)
	stored := s.Objects[k]
	if stored == nil {
		return nil, k.NotFound()
	}
	data, err := patch.Data(object)
	if err != nil {
		return nil, fmt.Errorf("making the patch: %w", err)
	}
	before, err := json.Marshal(stored)
	if err != nil {
		return nil, err
	}
	after, err := apply(before, patch.Type(), data)
	if err != nil {
		return nil, apierrors.NewGenericServerResponse(422, "", k.Resource(), k.Name, err.Error(), 0, false)
	}
	next := reflect.New(reflect.TypeOf(stored).Elem()).Interface().(client.Object)
	if err := json.Unmarshal(after, next); err != nil {
		return nil, err
	}
	return next, s.Check(k, next.GetResourceVersion(), next.GetUID())
}

func apply(before []byte, kind types.PatchType, patch []byte) ([]byte, error) {
	if kind != types.JSONPatchType {
		return jsonpatch.MergePatch(before, patch)
	}
	operations, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, err
	}
	return operations.Apply(before)
}
