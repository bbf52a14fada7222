// Package testdb has what the tests of the steps of a Database share.
package testdb

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// Noon is the time at which the tests are.
var Noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// Ago is a time before Noon.
func Ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: Noon.Add(-d)} }

// New is the Database "shop" in the namespace "ns".
func New() *v1.Database {
	db := &v1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "shop", UID: "uid"}, Spec: v1.DatabaseSpec{User: "wp"}}
	db.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	return db
}

// Offline is a client whose reads, as those of the cache, find only objects with the operator's label, and one that finds
// all.
func Offline(t *testing.T, objects ...client.Object) (cached, live client.Client) {
	t.Helper()
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1.AddToScheme(scheme))
	all := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).Build()
	return interceptor.NewClient(all, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
			if err := c.Get(ctx, key, object, options...); err != nil || object.GetLabels()[step.LabelPartOf] == step.PartOf {
				return err
			}
			return apierrors.NewNotFound(corev1.Resource("objects"), key.Name)
		},
	}), all
}

// Pair is a certificate with its private key, as cert-manager puts them into a Secret.
func Pair(t *testing.T) map[string][]byte {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("wordpress-database", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key}
}
