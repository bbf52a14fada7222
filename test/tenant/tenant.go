package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	operatorNamespace = "cnat-operator-system"

	// patience is for a pod's start on a machine that is busy with all the tries.
	patience = 2 * time.Minute
)

// tenant is the user, and those whom the user must not reach.
type tenant struct {
	admin     client.Client
	clientset *kubernetes.Clientset
	user      client.Client // may edit its namespace, and nothing else
	namespace string
	victim    string   // another namespace
	others    []string // namespaces in which the operator has work of its own
	shop      *databasev1.Database

	mutex   sync.Mutex
	escapes []string
}

// escaped notes what a try has reached in a way that no comparison shows.
func (t *tenant) escaped(format string, args ...any) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.escapes = append(t.escapes, fmt.Sprintf(format, args...))
}

func setup(ctx context.Context) (*tenant, error) {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(cnatv1.AddToScheme(scheme))
	utilruntime.Must(crontabv1.AddToScheme(scheme))
	utilruntime.Must(databasev1.AddToScheme(scheme))
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	t := &tenant{}
	if t.admin, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	if t.clientset, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if err := t.findOthers(ctx); err != nil {
		return nil, err
	}
	for prefix, name := range map[string]*string{"tenant-": &t.namespace, "victim-": &t.victim} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			GenerateName: prefix, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "baseline"},
		}}
		if err := t.admin.Create(ctx, namespace); err != nil {
			return nil, err
		}
		*name = namespace.Name
	}
	t.user, err = t.userWith(ctx, config, "editor", "edit")
	return t, err
}

// shopOwns is a reference to the victim's Database as an owner.
func (t *tenant) shopOwns() metav1.OwnerReference {
	return *metav1.NewControllerRef(t.shop, databasev1.GroupVersion.WithKind("Database"))
}

// findOthers finds the namespaces with Ats and Databases that were there before.
func (t *tenant) findOthers(ctx context.Context) error {
	ats, databases := &cnatv1.AtList{}, &databasev1.DatabaseList{}
	if err := errors.Join(t.admin.List(ctx, ats), t.admin.List(ctx, databases)); err != nil {
		return err
	}
	for i := range ats.Items {
		t.others = append(t.others, ats.Items[i].Namespace)
	}
	for i := range databases.Items {
		t.others = append(t.others, databases.Items[i].Namespace)
	}
	return nil
}

// userWith is a client of a service account to which cluster roles are bound in the user's namespace.
func (t *tenant) userWith(ctx context.Context, admin *rest.Config, name string, clusterRoles ...string) (client.Client, error) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name}}
	if err := t.admin.Create(ctx, account); err != nil {
		return nil, err
	}
	for _, clusterRole := range clusterRoles {
		if err := t.admin.Create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name + "-" + clusterRole},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: t.namespace, Name: name}},
		}); err != nil {
			return nil, err
		}
	}
	lifetime := int64(7200)
	token, err := t.clientset.CoreV1().ServiceAccounts(t.namespace).CreateToken(ctx, name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &lifetime}}, metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	config := rest.AnonymousClientConfig(admin)
	config.BearerToken, config.QPS = token.Status.Token, -1
	return client.New(config, client.Options{Scheme: t.admin.Scheme()})
}

func (t *tenant) cleanUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var failed []error
	// What the user's finalizers keep would keep the namespace too.
	secrets := &corev1.SecretList{}
	failed = append(failed, t.admin.List(ctx, secrets, client.InNamespace(t.namespace)))
	for i := range secrets.Items {
		if secret := &secrets.Items[i]; len(secret.Finalizers) > 0 {
			patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
			failed = append(failed, client.IgnoreNotFound(t.admin.Patch(ctx, secret, patch)))
		}
	}
	for _, name := range []string{t.namespace, t.victim} {
		failed = append(failed, t.admin.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}))
	}
	return errors.Join(failed...)
}

// getDatabase reads a Database of the user's.
func (t *tenant) getDatabase(ctx context.Context, name string) (*databasev1.Database, error) {
	db := &databasev1.Database{}
	return db, t.user.Get(ctx, client.ObjectKey{Namespace: t.namespace, Name: name}, db)
}

// createDatabase creates a Database of the user's.
func (t *tenant) createDatabase(ctx context.Context, name string, spec databasev1.DatabaseSpec) error {
	spec.User = "app"
	return t.user.Create(ctx, &databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: name}, Spec: spec})
}

// reports reports whether a condition of a Database is True for its newest generation.
func reports(db *databasev1.Database, conditions ...string) bool {
	return slices.ContainsFunc(conditions, func(name string) bool {
		got := meta.FindStatusCondition(db.Status.Conditions, name)
		return got != nil && got.Status == metav1.ConditionTrue && got.ObservedGeneration == db.Generation
	})
}

// await waits until one of the conditions of a Database of the user's is True.
func (t *tenant) await(ctx context.Context, name string, conditions ...string) error {
	return poll(ctx, "Database "+name+" to be "+strings.Join(conditions, " or "), patience, func() (bool, error) {
		db, err := t.getDatabase(ctx, name)
		return err == nil && reports(db, conditions...), err
	})
}

// sql asks a Database as the superuser, in its pod.
func sql(ctx context.Context, namespace, name, statement string) (string, error) {
	output, err := exec.CommandContext(ctx, "kubectl", "--namespace="+namespace, "exec", name+"-database-0", "--container=postgres", "--",
		"psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--username=postgres", "--dbname="+name, "--command="+statement).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("asking Database %s: %w: %s", name, err, output)
	}
	return strings.TrimSpace(string(output)), nil
}
