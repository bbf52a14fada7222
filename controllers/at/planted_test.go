//go:build plantedbugs

package at

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/internal/write"
)

// buggy is a client that writes otherwise than it is asked.
type buggy struct {
	client.Client
	job, status func(*patched) // what becomes of a patch; nil: nothing
	anyVersion  bool           // deletes whatever has the name
	blind       bool           // updates whatever has the name
}

// patched is a patch, decoded.
type patched struct {
	operations []write.Operation // a JSON patch's
	merge      map[string]any    // a merge patch's
}

func (c buggy) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	if _, ok := object.(*batchv1.Job); ok {
		patch = changed(object, patch, c.job)
	}
	return c.Client.Patch(ctx, object, patch, options...)
}

func (c buggy) Update(ctx context.Context, object client.Object, options ...client.UpdateOption) error {
	if c.blind {
		object.SetUID("")
		object.SetResourceVersion("")
	}
	return c.Client.Update(ctx, object, options...)
}

func (c buggy) Delete(ctx context.Context, object client.Object, options ...client.DeleteOption) error {
	if c.anyVersion {
		options = append(options, client.Preconditions{ResourceVersion: new(string)})
	}
	return c.Client.Delete(ctx, object, options...)
}

func (c buggy) Status() client.SubResourceWriter { return buggyStatus{c.Client.Status(), c.status} }

type buggyStatus struct {
	client.SubResourceWriter
	bug func(*patched)
}

func (s buggyStatus) Patch(ctx context.Context, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	return s.SubResourceWriter.Patch(ctx, object, changed(object, patch, s.bug), options...)
}

func changed(object client.Object, patch client.Patch, bug func(*patched)) client.Patch {
	if bug == nil {
		return patch
	}
	data, err := patch.Data(object)
	var c patched
	into := any(&c.merge)
	if patch.Type() == types.JSONPatchType {
		into = &c.operations
	}
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(data)).Decode(into)
	}
	bug(&c)
	if err == nil {
		data, err = json.Marshal(into)
	}
	if err != nil {
		panic(err)
	}
	return client.RawPatch(patch.Type(), data)
}

// unlocked takes the resourceVersion out of a merge patch.
func unlocked(c *patched) {
	if metadata, ok := c.merge["metadata"].(map[string]any); ok {
		delete(metadata, "resourceVersion")
	}
}

// unlockedRecord does so where a Job is recorded.
func unlockedRecord(c *patched) {
	if status, ok := c.merge["status"].(map[string]any); ok && status["preparedJobUID"] != nil {
		unlocked(c)
	}
}

// without takes the tests of paths like that out of a JSON patch.
func without(path string) func(*patched) {
	return func(c *patched) {
		c.operations = slices.DeleteFunc(c.operations, func(o write.Operation) bool {
			return o.Op == "test" && strings.Contains(o.Path, path)
		})
	}
}

// plant puts a bug into an operator's client.
func plant(bug buggy) func(*operator) {
	return func(o *operator) { bug.Client = o.Client; o.Client = bug }
}

// The model finds the bugs that it is there to find: one is planted, and the
// lives that FuzzAt begins with show it.
func TestPlantedBugs(t *testing.T) {
	noLiveRead := func(o *operator) { o.APIReader = o.Client }
	tests := map[string]struct {
		plant func(*operator)
		want  string // what is said to be wrong
	}{
		"a Job is deleted whatever became of it":             {plant(buggy{anyVersion: true}), "is deleted, which has started"},
		"the live read is left out":                          {noLiveRead, "which nobody deleted"},
		"the live read is left out, and a container started": {noLiveRead, "is stopped, which has started"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := map[string]int{}
			for seed := range uint64(seeds) {
				wrong := strings.Join(liveOrPanic(seed, test.plant), "\n")
				if strings.Contains(wrong, test.want) {
					t.Logf("found by seed %d: %s", seed, wrong)
					return
				}
				if wrong != "" {
					found[wrong[:min(len(wrong), 100)]]++
				}
			}
			t.Errorf("not found: %q; found: %v", test.want, found)
		})
	}
}

// liveOrPanic lets the life of a seed be lived by an operator that may be so
// buggy that it panics.
func liveOrPanic(seed uint64, plant func(*operator)) (wrong []string) {
	defer func() {
		if reason := recover(); reason != nil {
			wrong = append(wrong, fmt.Sprint(reason))
		}
	}()
	return live(randomInput(seed), plant)
}

// Some bugs need more to happen than the first random lives have in them.
func TestPlantedBugsOfWrittenLives(t *testing.T) {
	notHeld := func(o *operator) { o.model.Unheld = true }
	large := func(bug buggy) func(*operator) { // a Job that is large is started by a patch
		return func(o *operator) { o.model.large = true; plant(bug)(o) }
	}
	tests := map[string]struct {
		live  func(*testing.T, func(*operator)) []string
		plant func(*operator)
		want  string
	}{
		"the UID test is left out":                           {lateCreateAndStart, large(buggy{job: without("/uid")}), "a second Job"},
		"the UID and version of the update are left out":     {lateCreateAndStart, plant(buggy{blind: true}), "a second Job"},
		"the compare-and-swap of the record is left out":     {lateRecord, plant(buggy{status: unlockedRecord}), "prepared after"},
		"an At is not held":                                  {deletedWhileStarting, notHeld, "runs, which is deleted"},
		"the test of the generation is left out":             {retractedWhileStarting, large(buggy{job: without("/annotations")}), "has changed since"},
		"the version of the update is left out":              {retractedWhileStarting, plant(buggy{blind: true}), "was retracted"},
		"the compare-and-swap of the retraction is left out": {replacedWhileRetracting, plant(buggy{job: unlocked}), "the foreign Job"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if wrong := strings.Join(test.live(t, test.plant), "\n"); !strings.Contains(wrong, test.want) {
				t.Errorf("not found: %q, but %q", test.want, wrong)
			}
		})
	}
}
