package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// good is the condition that says that an object of a kind has come to its good end.
var good = map[string]string{"At": "Complete", "CronTab": "Ready", "Database": "Ready"}

// exampleWorks: the alm-example of that name comes to its good end as it is, and is cleaned up after it is deleted.
func exampleWorks(ctx context.Context, s *scorecard, name string) error {
	all, err := s.examples()
	if err != nil {
		return err
	}
	for _, example := range all {
		if example.GetName() == name {
			return s.work(ctx, example)
		}
	}
	return fmt.Errorf("there is no alm-example of the name %q", name)
}

func (s *scorecard) work(ctx context.Context, object *unstructured.Unstructured) (err error) {
	condition := good[object.GetKind()]
	object.SetNamespace(s.namespace)
	if err := s.k8s.Create(ctx, object); err != nil {
		return fmt.Errorf("creating the example: %w", err)
	}
	defer func() { // also after a failure
		if removed := s.remove(context.WithoutCancel(ctx), object); err == nil {
			err = removed
		}
	}()
	err = poll(ctx, func(ctx context.Context) (bool, error) {
		if err := s.k8s.Get(ctx, client.ObjectKeyFromObject(object), object); err != nil {
			return false, err
		}
		return conditionOf(object, condition) == "True", nil
	})
	if err != nil {
		status, _ := json.Marshal(object.Object["status"]) // It was read from JSON.
		return fmt.Errorf("waiting for %s to be True: %w; its status: %s", condition, err, status)
	}
	return nil
}

// remove deletes an object, and waits until it and what was created for it is deleted.
func (s *scorecard) remove(ctx context.Context, object *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.k8s.Delete(ctx, object); err != nil {
		return fmt.Errorf("deleting the example: %w", err)
	}
	var left []string
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		left = nil
		err := s.k8s.Get(ctx, client.ObjectKeyFromObject(object), object)
		if err == nil {
			left = append(left, object.GetKind()+" "+object.GetName())
		} else if !apierrors.IsNotFound(err) {
			return false, err
		}
		for _, kind := range []string{"v1 Pod", "apps/v1 StatefulSet", "batch/v1 Job", versions["At"] + " At"} {
			version, kind, _ := strings.Cut(kind, " ")
			list := &unstructured.UnstructuredList{}
			list.SetAPIVersion(version)
			list.SetKind(kind + "List")
			if err := s.k8s.List(ctx, list, client.InNamespace(s.namespace)); err != nil {
				return false, err
			}
			for _, item := range list.Items {
				if belongsTo(item, object) {
					left = append(left, kind+" "+item.GetName())
				}
			}
		}
		return len(left) == 0, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for all of it to be deleted: %w; left are %s", err, strings.Join(left, ", "))
	}
	return nil
}

// belongsTo is whether an object was made for another: its name begins with the other's.
func belongsTo(item unstructured.Unstructured, object *unstructured.Unstructured) bool {
	return item.GetName() == object.GetName() || strings.HasPrefix(item.GetName(), object.GetName()+"-")
}

// everyKindHasAnExample: each version of it, and no example is of one that the bundle does not own.
func everyKindHasAnExample(_ context.Context, s *scorecard, _ string) error {
	all, err := s.examples()
	if err != nil {
		return err
	}
	examples := map[string]int{}
	for _, example := range all {
		gvk := example.GroupVersionKind()
		examples[gvk.Kind+" "+gvk.Version]++
	}
	for _, crd := range s.bundle.CSV.Spec.CustomResourceDefinitions.Owned {
		kind := crd.Kind + " " + crd.Version
		if examples[kind] == 0 {
			return fmt.Errorf("%s has no alm-example", kind)
		}
		delete(examples, kind)
	}
	if len(examples) > 0 {
		return fmt.Errorf("alm-examples are of kinds that the bundle does not own: %v", examples)
	}
	return nil
}

func (s *scorecard) examples() ([]*unstructured.Unstructured, error) {
	var examples []*unstructured.Unstructured
	if err := json.Unmarshal([]byte(s.bundle.CSV.Annotations["alm-examples"]), &examples); err != nil {
		return nil, fmt.Errorf("reading the alm-examples: %w", err)
	}
	return examples, nil
}

func conditionOf(object *unstructured.Unstructured, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions") // None is none.
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == kind {
			status, _ := c["status"].(string)
			return status
		}
	}
	return ""
}

func poll(ctx context.Context, done wait.ConditionWithContextFunc) error {
	return wait.PollUntilContextCancel(ctx, 250*time.Millisecond, true, done)
}
