package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/test/stored"
)

// A change is made to the newest release of a Database of the user's.
type change func(t *tenant, name string, secret *corev1.Secret, r release)

// releaseTries change what Helm stored, or plant it.
func releaseTries() []try {
	tries := []try{
		tampering("deployed-drift", reachAll, drift),
		tampering("deployed-upgrade", reachAll, upgrade),
		tampering("deployed-delete", reachAll, remove),
		tampering("failed-upgrade", inStatus("failed", reachAll), upgrade),
		tampering("failed-delete", inStatus("failed", reachAll), remove),
		tampering("pending-upgrade", inStatus("pending-upgrade", reachAll), upgrade),
		tampering("pending-delete", inStatus("pending-rollback", reachAll), remove),
		tampering("superseded-drift", inStatus("superseded", reachAll), drift),
		tampering("hooks", hooks, remove),
		tampering("extra-kinds", extraKinds, drift),
		tampering("lists", lists, drift),
		tampering("neighbor-drift", reachNeighbor, drift),
		tampering("neighbor-upgrade", reachNeighbor, upgrade),
		tampering("neighbor-delete", reachNeighbor, remove),
		tampering("namespace-forged", namespaceForged, remove),
		tampering("name-forged", nameForged, remove),
		tampering("chart-and-values", chartAndValues, upgrade),
		tampering("owner-forged", ownerForged, remove),
		tampering("no-content", noContent, drift),
		{name: "newer-revision", database: true, run: newerRevision},
		{name: "garbage", database: true, run: garbage},
		{name: "planted-deployed", run: plantedAs("deployed")},
		{name: "planted-pending", run: plantedAs("pending-install")},
		{name: "planted-failed", run: plantedAs("failed")},
		{name: "planted-uninstalled", run: plantedAs("uninstalled")},
		{name: "after-uninstall", database: true, run: afterUninstall},
		{name: shop, run: copied},
		{name: "bomb", database: true, alone: true, run: bomb},
	}
	return tries
}

// tampering changes the newest release of a Database, and has the operator act on it.
func tampering(name string, made change, acted trigger) try {
	return try{name: name, database: true, run: func(ctx context.Context, t *tenant, name string) error {
		secret, r, err := t.newest(ctx, name)
		if err != nil {
			return err
		}
		made(t, name, secret, r)
		if err := t.store(ctx, secret, r); err != nil {
			return err
		}
		return acted(ctx, t, name)
	}}
}

func reachAll(t *tenant, name string, _ *corev1.Secret, r release) { r.add(t.reach(name)) }

// inStatus changes the release's status too, both where Helm reads it and where it selects by it.
func inStatus(status string, also change) change {
	return func(t *tenant, name string, secret *corev1.Secret, r release) {
		also(t, name, secret, r)
		r.set("status", status)
		secret.Labels["status"] = status
	}
}

// hooks would run at each of Helm's actions.
func hooks(t *tenant, name string, _ *corev1.Secret, r release) {
	r["hooks"] = []any{map[string]any{
		"name": "pwned-" + name, "kind": "ConfigMap", "path": "templates/hook.yaml", "weight": 0,
		"manifest": fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pwned-%s, namespace: %s}\n", name, t.victim),
		"events":   []string{"pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-rollback", "pre-delete", "post-delete"},
	}}
}

// extraKinds are what the role edit may not create, in the own namespace and in the cluster.
func extraKinds(t *tenant, name string, _ *corev1.Secret, r release) {
	subject := fmt.Sprintf("subjects: [{kind: ServiceAccount, name: editor, namespace: %s}]", t.namespace)
	r.add(fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: pwned-%[1]s, namespace: kube-system}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
%[2]s
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: pwned-%[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
%[2]s
---
apiVersion: v1
kind: Namespace
metadata: {name: pwned-%[1]s}
`, name, subject))
}

// lists hide objects of other namespaces in one document.
func lists(t *tenant, name string, _ *corev1.Secret, r release) {
	item := fmt.Sprintf(`{apiVersion: v1, kind: ConfigMap, metadata: {name: pwned-%s, namespace: %s}}`, name, t.victim)
	r.add("apiVersion: v1\nkind: List\nitems: [" + item + "]\n")
	r.add("apiVersion: v1\nkind: ConfigMapList\nitems: [" + item + "]\n")
}

// reachNeighbor is a manifest of what belongs to another Database in the same namespace.
func reachNeighbor(t *tenant, _ string, _ *corev1.Secret, r release) {
	for _, head := range []string{
		"apiVersion: apps/v1\nkind: StatefulSet\nspec: {replicas: 0}", "apiVersion: v1\nkind: Service\nspec: {ports: [{port: 81}]}",
		"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nspec: {podSelector: {}}", "apiVersion: v1\nkind: ServiceAccount",
	} {
		r.add(fmt.Sprintf("%s\nmetadata: {name: %s-database, namespace: %s}\n", head, neighbor, t.namespace))
	}
	for head, suffix := range map[string]string{
		"apiVersion: v1\nkind: PersistentVolumeClaim": "data", "apiVersion: v1\nkind: Secret": "credentials",
		"apiVersion: v1\nkind: ConfigMap": "config",
	} {
		r.add(fmt.Sprintf("%s\nmetadata: {name: %s-database-%s}\n", head, neighbor, suffix))
	}
}

// namespaceForged says that the release is one of the victim's namespace.
func namespaceForged(t *tenant, name string, _ *corev1.Secret, r release) {
	r["namespace"] = t.victim
	text, _ := r["manifest"].(string)
	r["manifest"] = strings.ReplaceAll(text, "namespace: "+t.namespace, "namespace: "+t.victim)
	reachAll(t, name, nil, r)
}

// nameForged says that the release is another Database's.
func nameForged(t *tenant, name string, _ *corev1.Secret, r release) {
	r["name"] = shop + "-database"
	text, _ := r["manifest"].(string)
	r["manifest"] = strings.ReplaceAll(text, name+"-database", shop+"-database")
	reachAll(t, name, nil, r)
	r.add(fmt.Sprintf("apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: %s-database, namespace: %s}\n", shop, t.victim))
}

// chartAndValues are those that a rollback, or an upgrade that reuses values, would take.
func chartAndValues(t *tenant, name string, _ *corev1.Secret, r release) {
	r["config"] = map[string]any{"image": "pwned", "namespaceOverride": t.victim}
	chart, _ := r["chart"].(map[string]any)
	chart["templates"] = []any{map[string]any{"name": "templates/pwned.yaml", "data": []byte(t.reach(name))}}
	chart["values"] = map[string]any{"image": "pwned"}
	reachAll(t, name, nil, r)
}

// ownerForged names the victim's Database as the owner, in all the ways that a Secret can.
func ownerForged(t *tenant, name string, secret *corev1.Secret, r release) {
	secret.OwnerReferences = []metav1.OwnerReference{t.shopOwns()}
	for label, value := range secret.Labels {
		if strings.HasPrefix(label, "example.com/owner") && value != "" {
			secret.Labels["example.com/owner-uid"] = string(t.shop.UID)
		}
	}
	secret.Labels["example.com/database"], secret.Labels["app.kubernetes.io/part-of"] = shop, "cnat-operator"
	secret.Finalizers = append(secret.Finalizers, "databases.example.com/release")
	reachAll(t, name, nil, r)
}

// noContent leaves out what code may take for granted.
func noContent(_ *tenant, _ string, _ *corev1.Secret, r release) {
	r["info"], r["chart"], r["config"], r["hooks"] = nil, nil, nil, nil
}

// newerRevision is planted beside the true one.
func newerRevision(ctx context.Context, t *tenant, name string) error {
	_, r, err := t.newest(ctx, name)
	if err != nil {
		return err
	}
	r["version"] = 99
	reachAll(t, name, nil, r)
	if err := t.store(ctx, t.planted(name, 99, "deployed", nil), r); err != nil {
		return err
	}
	if err := drift(ctx, t, name); err != nil {
		return err
	}
	return remove(ctx, t, name)
}

// garbage is what can't be decoded.
func garbage(ctx context.Context, t *tenant, name string) error {
	secret, _, err := t.newest(ctx, name)
	if err != nil {
		return err
	}
	if err := t.storeRaw(ctx, secret, []byte("no release")); err != nil {
		return err
	}
	return drift(ctx, t, name)
}

// plantedAs plants a release before there is a Database for it.
func plantedAs(status string) func(context.Context, *tenant, string) error {
	return func(ctx context.Context, t *tenant, name string) error {
		secret := t.planted(name, 1, status, nil)
		if err := t.store(ctx, secret, t.newRelease(name, 1, status, t.reach(name))); err != nil {
			return err
		}
		if err := install(ctx, t, name); err != nil {
			return err
		}
		return remove(ctx, t, name)
	}
}

// afterUninstall keeps a release over the Database's deletion, for the next one of its name.
func afterUninstall(ctx context.Context, t *tenant, name string) error {
	secret, r, err := t.newest(ctx, name)
	if err != nil {
		return err
	}
	labels := secret.Labels
	if err := remove(ctx, t, name); err != nil {
		return err
	}
	reachAll(t, name, nil, r)
	r["version"] = 7
	if err := t.store(ctx, t.planted(name, 7, "deployed", labelsBut(labels, "version", "7")), r); err != nil {
		return err
	}
	if err := install(ctx, t, name); err != nil {
		return err
	}
	return remove(ctx, t, name)
}

func labelsBut(labels map[string]string, key, value string) map[string]string {
	labels[key] = value
	return labels
}

// copied takes all that is stored of the victim's Database for one of the same name, and deletes that with its data.
func copied(ctx context.Context, t *tenant, name string) error {
	secrets := &corev1.SecretList{}
	if err := t.admin.List(ctx, secrets, client.InNamespace(t.victim)); err != nil {
		return err
	}
	copies := 0
	for i := range secrets.Items {
		secret := &secrets.Items[i]
		if secret.Type != stored.Type && !strings.HasPrefix(secret.Name, name+"-database-") {
			continue
		}
		secret.ObjectMeta = metav1.ObjectMeta{Namespace: t.namespace, Name: secret.Name, Labels: secret.Labels, Annotations: secret.Annotations}
		if err := t.user.Create(ctx, secret); err != nil {
			return err
		}
		copies++
	}
	if copies < 2 {
		return fmt.Errorf("only %d Secrets were copied", copies)
	}
	spec := databasev1.DatabaseSpec{DeletionPolicy: databasev1.DeletionDelete}
	if err := t.createDatabase(ctx, name, spec); err != nil {
		return err
	}
	if err := t.await(ctx, name, databasev1.ConditionReady, databasev1.ConditionStalled); err != nil {
		return err
	}
	return remove(ctx, t, name)
}

// bomb is a release that is small and has no end. It would stop the operator for all.
func bomb(ctx context.Context, t *tenant, name string) error {
	secret, _, err := t.newest(ctx, name)
	if err != nil {
		return err
	}
	data, err := stored.Pack(io.LimitReader(spaces{}, 700<<20))
	if err != nil {
		return err
	}
	if err := t.storeRaw(ctx, secret, data); err != nil {
		return err
	}
	return drift(ctx, t, name)
}

type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}
