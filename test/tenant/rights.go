package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

// rightTries ask for what the user, or one with less than the role edit, may not have.
func rightTries() []try {
	var spec databasev1.DatabaseSpec
	spec.AllowFrom = []databasev1.NetworkPeer{{IPBlock: databasev1.IPBlock{CIDR: "0.0.0.0/0"}}}
	spec.Evictions = databasev1.EvictionsRefused
	spec.Backup = &databasev1.DatabaseBackup{}
	tries := []try{
		{name: "status-database", database: true, run: statusOfDatabase},
		{name: "status-at", run: statusOfAt},
		{name: "no-jobs", run: withoutJobs},
	}
	for _, right := range databaseRights {
		tries = append(tries, lacking(right, spec))
	}
	return tries
}

// databaseRights are what a user needs who asks for a Database with everything, since the operator creates these for it.
var databaseRights = []schema.GroupResource{
	{Group: "apps", Resource: "statefulsets"},
	{Group: "batch", Resource: "cronjobs"},
	{Group: "networking.k8s.io", Resource: "networkpolicies"},
	{Group: "policy", Resource: "poddisruptionbudgets"},
}

// statusOfDatabase writes what the operator trusts.
func statusOfDatabase(ctx context.Context, t *tenant, name string) error {
	db := &databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"release":{"revision":99}}}`))
	return mustBeForbidden(t, name, t.user.Status().Patch(ctx, db, patch))
}

func statusOfAt(ctx context.Context, t *tenant, name string) error {
	at := newAt(t.namespace, name, time.Hour)
	if err := t.user.Create(ctx, at); err != nil {
		return err
	}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"status":{"jobUID":"forged"}}`))
	return mustBeForbidden(t, name, t.user.Status().Patch(ctx, at, patch))
}

// mustBeForbidden notes an escape where a request was not refused.
func mustBeForbidden(t *tenant, name string, err error) error {
	if err == nil {
		t.escaped("allowed: %s", name)
		return nil
	}
	if !apierrors.IsForbidden(err) {
		return err
	}
	return nil
}

// userOf may edit Ats and Databases, and what else the rules say.
func (t *tenant) userOf(ctx context.Context, name string, rules ...rbacv1.PolicyRule) (client.Client, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	about := metav1.ObjectMeta{Namespace: t.namespace, Name: name}
	if err := t.admin.Create(ctx, &rbacv1.Role{ObjectMeta: about, Rules: rules}); err != nil {
		return nil, err
	}
	if err := t.admin.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: about,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: t.namespace, Name: name}},
	}); err != nil {
		return nil, err
	}
	return t.userWith(ctx, config, name, "cnat-operator-edit")
}

// lacking has a user ask for a Database who has all the rights that it needs but one.
func lacking(right schema.GroupResource, spec databasev1.DatabaseSpec) try {
	spec.User = "app"
	var rules []rbacv1.PolicyRule
	for _, other := range databaseRights {
		if other != right {
			rules = append(rules, rbacv1.PolicyRule{APIGroups: []string{other.Group}, Resources: []string{other.Resource}, Verbs: []string{"create"}})
		}
	}
	return try{name: "no-" + right.Resource, run: func(ctx context.Context, t *tenant, name string) error {
		user, err := t.userOf(ctx, name, rules...)
		if err != nil {
			return err
		}
		db := &databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name}, Spec: spec}
		return poll(ctx, "an answer about "+right.Resource, time.Minute, func() (bool, error) { // RBAC takes a moment
			err := user.Create(ctx, db.DeepCopy())
			if err == nil {
				t.escaped("allowed: a Database for a user who may not create %s", right)
			}
			return err == nil || strings.Contains(err.Error(), "may not create "+right.Resource), err
		})
	}}
}

// withoutJobs changes an At of another user, who may create Jobs, in each way that would run something else.
func withoutJobs(ctx context.Context, t *tenant, name string) error {
	user, err := t.userOf(ctx, name)
	if err != nil {
		return err
	}
	at := newAt(t.namespace, name, time.Hour)
	if err := t.user.Create(ctx, at); err != nil {
		return err
	}
	for _, spec := range []string{
		`{"command":"echo pwned"}`, `{"schedule":"2020-01-01T00:00:00Z"}`,
		`{"command":null,"template":{"spec":{"serviceAccountName":"editor","containers":[{"name":"a","image":"a"}]}}}`,
	} {
		patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":%s}`, spec))
		err := poll(ctx, "an answer", time.Minute, func() (bool, error) {
			err := user.Patch(ctx, &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name}}, patch)
			if err == nil {
				t.escaped("allowed: %s of an At for a user who may not create jobs", spec)
			}
			return err == nil || strings.Contains(err.Error(), "may not create jobs"), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
