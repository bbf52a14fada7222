package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/test/audit"
)

// kinds are those of the objects that are compared: in a namespace, and in the cluster.
var (
	kinds = []string{
		"v1/ConfigMap", "v1/Secret", "v1/Service", "v1/ServiceAccount", "v1/PersistentVolumeClaim", "v1/Pod",
		"apps/v1/StatefulSet", "apps/v1/Deployment", "apps/v1/DaemonSet", "batch/v1/Job", "batch/v1/CronJob",
		"networking.k8s.io/v1/NetworkPolicy", "policy/v1/PodDisruptionBudget",
		"rbac.authorization.k8s.io/v1/Role", "rbac.authorization.k8s.io/v1/RoleBinding",
		"cnat.programming-kubernetes.info/v1/At", "stable.example.com/v1/CronTab", "example.com/v1/Database",
	}
	clusterKinds = []string{
		"v1/Namespace", "rbac.authorization.k8s.io/v1/ClusterRole", "rbac.authorization.k8s.io/v1/ClusterRoleBinding",
		"storage.k8s.io/v1/StorageClass", "apiextensions.k8s.io/v1/CustomResourceDefinition",
		"admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy",
		"admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding",
	}
)

func kindOf(text string) schema.GroupVersionKind {
	i := strings.LastIndex(text, "/")
	return schema.FromAPIVersionAndKind(text[:i], text[i+1:])
}

// seen is what is there outside of the user's namespace, the neighbor's objects in it, and how the operator is.
type seen struct {
	objects  map[string]string // a digest by kind, namespace and name
	restarts map[string]int32  // by the operator's pods
	logged   int64             // how long the audit log is
}

func (t *tenant) observe(ctx context.Context, auditLog string) (*seen, error) {
	now := &seen{objects: map[string]string{}, restarts: map[string]int32{}}
	for _, namespace := range []string{t.victim, operatorNamespace, "kube-system", "default"} {
		for _, kind := range kinds {
			if err := t.list(ctx, now, kind, client.InNamespace(namespace)); err != nil {
				return nil, err
			}
		}
	}
	for _, kind := range kinds {
		if err := t.list(ctx, now, kind, client.InNamespace(t.namespace), client.MatchingLabels(neighborLabels)); err != nil {
			return nil, err
		}
	}
	for _, kind := range clusterKinds {
		if err := t.list(ctx, now, kind); err != nil {
			return nil, err
		}
	}
	pods := &corev1.PodList{}
	err := t.admin.List(ctx, pods, client.InNamespace(operatorNamespace))
	if err != nil {
		return nil, err
	}
	for i := range pods.Items {
		for _, container := range pods.Items[i].Status.ContainerStatuses {
			now.restarts[pods.Items[i].Name] += container.RestartCount
		}
	}
	if auditLog != "" {
		now.logged, err = audit.Size(auditLog)
	}
	return now, err
}

func (t *tenant) list(ctx context.Context, into *seen, kind string, options ...client.ListOption) error {
	list := &unstructured.UnstructuredList{}
	gvk := kindOf(kind)
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err := t.admin.List(ctx, list, options...); err != nil {
		return fmt.Errorf("listing %s: %w", kind, err)
	}
	for i := range list.Items {
		object := &list.Items[i]
		into.objects[strings.TrimLeft(fmt.Sprintf("%s %s/%s", gvk.Kind, object.GetNamespace(), object.GetName()), "/")] = digest(object)
	}
	return nil
}

// digest is of what makes an object what it is. Status is others' work, and flaps on a busy machine, but for an At's:
// at rest it stays.
func digest(object *unstructured.Unstructured) string {
	content := object.DeepCopy().Object
	if object.GetKind() != "At" {
		delete(content, "status")
	}
	unstructured.RemoveNestedField(content, "metadata", "managedFields")
	unstructured.RemoveNestedField(content, "metadata", "resourceVersion")
	text, err := json.Marshal(content)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// judge returns what was reached.
func (t *tenant) judge(ctx context.Context, before *seen, auditLog string) ([]string, error) {
	after, err := t.observe(ctx, "")
	if err != nil {
		return nil, err
	}
	escapes := append(slices.Clone(t.escapes), compare(before, after)...)
	if auditLog != "" {
		err = audit.ReadFile(auditLog, before.logged, func(e *audit.Event) {
			if what := t.outside(e); what != "" && !slices.Contains(escapes, what) {
				escapes = append(escapes, what)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	served, err := t.victimIsServed(ctx)
	return append(escapes, served...), err
}

func compare(before, after *seen) []string {
	var found []string
	for name, digest := range before.objects {
		switch now, ok := after.objects[name]; {
		case !ok:
			found = append(found, "deleted: "+name)
		case now != digest:
			found = append(found, "changed: "+name)
		}
	}
	for name := range after.objects {
		if _, ok := before.objects[name]; !ok {
			found = append(found, "created: "+name)
		}
	}
	for pod, restarts := range after.restarts {
		if known, ok := before.restarts[pod]; !ok || restarts > known {
			found = append(found, "stopped: the operator, pod "+pod)
		}
	}
	slices.Sort(found)
	return found
}

// outside describes a write of the operator's account that is not its work for what is in its own namespace; a refused
// one is one that it tried for the user. It is empty for any other request.
func (t *tenant) outside(e *audit.Event) string {
	o := e.ObjectRef
	if o == nil || !slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, e.Verb) {
		return ""
	}
	status := o.Subresource == "status" && (o.Resource == "ats" || o.Resource == "databases")
	review := o.Namespace == "" && (o.Resource == "tokenreviews" || o.Resource == "subjectaccessreviews")
	switch {
	case o.Namespace == t.namespace || slices.Contains(t.others, o.Namespace), review,
		o.Namespace == operatorNamespace && (o.Resource == "leases" || o.Resource == "events"),
		o.Namespace == t.victim && (status || o.Resource == "events"):
		return ""
	}
	return fmt.Sprintf("request: %s %s %s/%s, answered with %d", e.Verb, o.Resource, o.Namespace, o.Name, e.ResponseStatus.Code)
}
