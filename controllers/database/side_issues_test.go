package database

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

// Whatever is wrong beside a server that serves is reported, the Database stays Ready, the server is not restarted, and
// what is deleted of its objects is restored.
func TestRepairsGoOnBesideWhatIsWrong(t *testing.T) {
	t.Parallel()
	makes := func(name string, data map[string][]byte) func(*testing.T, string) {
		return func(t *testing.T, namespace string) {
			t.Helper()
			if err := api.Create(t.Context(), named(&corev1.Secret{Data: data}, namespace, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	deletes := func(name string) func(*testing.T, string) {
		return func(t *testing.T, namespace string) {
			t.Helper()
			if err := api.Delete(t.Context(), named(&corev1.Secret{}, namespace, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	nothing := func(*testing.T, string) {}
	for _, test := range []struct {
		name   string
		reason string
		edit   func(*v1.DatabaseSpec)
		// before is done before the Database is created, and after once it is Ready.
		before, after func(t *testing.T, namespace string)
	}{
		{
			"the certificate was deleted", v1.ReasonSecretMissing, func(s *v1.DatabaseSpec) { s.TLS.SecretName = "pair" },
			makes("pair", testdb.Pair(t)), deletes("pair"),
		},
		{
			"the user's password was deleted", v1.ReasonSecretMissing,
			func(s *v1.DatabaseSpec) { s.PasswordSecretRef = v1.SecretKeyReference{Name: "mine", Key: "password"} },
			makes("mine", map[string][]byte{"password": []byte("secret")}), deletes("mine"),
		},
		{
			"the binding is somebody else's", v1.ReasonNameConflict, func(*v1.DatabaseSpec) {},
			makes("shop-database-binding", nil), nothing,
		},
		{
			"the exporter's password is somebody else's", v1.ReasonNameConflict,
			func(s *v1.DatabaseSpec) { s.Monitoring = &v1.DatabaseMonitoring{} }, makes("shop-database-exporter", nil), nothing,
		},
		{
			"a quota refuses the binding", v1.ReasonRefused, func(*v1.DatabaseSpec) {}, nothing,
			func(t *testing.T, namespace string) {
				t.Helper()
				zeroQuota(t, namespace, corev1.ResourceSecrets)
				deletes("shop-database-binding")(t, namespace)
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			test.before(t, namespace)
			op := startOperator(t, namespace, operatorOptions{})
			db := newDatabase(namespace, "shop").spec(test.edit).create(t)
			becomeReady(t, db)
			test.after(t, namespace)
			isReported := func() error {
				if err := get(t, db); err != nil {
					return err
				}
				return isServingWith(db, test.reason)
			}
			eventually(t, "Stalled, and Ready", func() error {
				// As it does when the wait that it asked for is over. What is refused is an error each time.
				_, _ = op.reconciler.Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(db)})
				return isReported()
			})
			service := named(&corev1.Service{}, namespace, step.ReleaseName(db))
			if err := api.Delete(t.Context(), service); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the Service", func() error { return ownedBy(t, service, db) })
			if err := isReported(); err != nil {
				t.Error(err)
			}
			if statefulSet := statefulSetOf(db); get(t, statefulSet) != nil || statefulSet.Generation != 1 {
				t.Errorf("the server was restarted: %d", statefulSet.Generation)
			}
		})
	}
}
