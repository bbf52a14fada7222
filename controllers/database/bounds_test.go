package database

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// However often a release is upgraded, few revisions stay.
func TestHistoryIsBounded(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	startOperator(t, namespace, operatorOptions{})
	db := newDatabase(namespace, "often").create(t)
	becomeReady(t, db)
	for n := range 5 {
		update(t, db, func() { db.Spec.Image = fmt.Sprintf("example.com/postgres:18.%d", n) })
		becomeReady(t, db)
	}
	stored := &corev1.SecretList{}
	if err := api.List(t.Context(), stored, client.InNamespace(namespace), client.MatchingLabels{"owner": "helm"}); err != nil {
		t.Fatal(err)
	}
	if len(stored.Items) != 3 || db.Status.Release.Revision != 6 {
		t.Errorf("%d revisions are stored, the newest is %d", len(stored.Items), db.Status.Release.Revision)
	}
}

// Another writer that sets an object back is not fought at the API server's speed, and is named. The server serves
// meanwhile, and the Database says so.
func TestFight(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	counted := &countingReleases{}
	startOperator(t, namespace, operatorOptions{wrap: counted.wrap})
	db := newDatabase(namespace, "odd").create(t)
	becomeReady(t, db)
	service := named(&corev1.Service{}, namespace, step.ReleaseName(db))
	eventually(t, "the fight to be reported", func() error {
		if err := get(t, service); err != nil {
			return err
		}
		before := service.DeepCopy()
		service.Spec.Selector["theirs"] = "x"
		if err := api.Patch(t.Context(), service, client.MergeFrom(before), client.FieldOwner("gitops")); err != nil {
			return err
		}
		if err := get(t, db); err != nil {
			return err
		}
		if !meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady) {
			t.Fatalf("not ready: %+v", db.Status.Conditions)
		}
		stalled := meta.FindStatusCondition(db.Status.Conditions, v1.ConditionStalled)
		if stalled.Reason != v1.ReasonContested || !strings.Contains(stalled.Message, `"gitops"`) {
			return fmt.Errorf("%+v", stalled)
		}
		return nil
	})
	if n := counted.repairs.Load(); n > 6 {
		t.Errorf("repaired %d times", n)
	}
}

// Nothing to do costs nothing: no Helm, and no request to the API server, but for a look at a Secret of the user's.
func TestNothingToDoCostsNothing(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	counted := &countingReleases{}
	var requests requestCounter
	op := startOperator(t, namespace, operatorOptions{wrap: counted.wrap, transport: requests.wrap})
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"team": "blog"}}
	plain := newDatabase(namespace, "plain").password("secret").spec(func(s *v1.DatabaseSpec) {
		s.AllowFrom = []v1.NetworkPeer{
			{NamespaceSelector: &metav1.LabelSelector{}},
			{NamespaceSelector: selector, PodSelector: selector},
			{PodSelector: &metav1.LabelSelector{}},
			{IPBlock: v1.IPBlock{CIDR: "10.0.0.0/8"}},
		}
		s.Backup = &v1.DatabaseBackup{Schedule: "@daily"}
		s.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	}).create(t)
	secret := named(&corev1.Secret{StringData: map[string]string{"password": "theirs"}}, namespace, "mine")
	if err := api.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	referring := newDatabase(namespace, "referring").secretRef("mine", "password").create(t)
	becomeReady(t, plain)
	becomeReady(t, referring)
	for db, want := range map[*v1.Database]int64{plain: 0, referring: 1} {
		// The cache follows the last write.
		eventually(t, fmt.Sprintf("a pass over %s with %d requests", db.Name, want), func() error {
			before, calls := requests.Load(), counted.calls.Load()
			request := ctrl.Request{NamespacedName: client.ObjectKeyFromObject(db)}
			if _, err := op.reconciler.Reconcile(t.Context(), request); err != nil {
				return err
			}
			if n, c := requests.Load()-before, counted.calls.Load()-calls; n != want || c != 0 {
				return fmt.Errorf("%d requests and %d calls of Helm", n, c)
			}
			return nil
		})
	}
}
