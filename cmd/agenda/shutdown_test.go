package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
)

// Where the certificate is lost, another one is created, served and trusted, without a restart.
func TestCertificateRotates(t *testing.T) {
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: "cnat-agenda", Name: "cnat-agenda"}
	if err := api.Get(t.Context(), key, secret); err != nil {
		t.Fatal(err)
	}
	before := certificate()
	if before == nil {
		t.Fatal("no certificate is served")
	}
	secret.Data = nil
	if err := api.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another certificate", func() error {
		if now := certificate(); now == nil || bytes.Equal(now, before) {
			return fmt.Errorf("the old one is served")
		}
		return nil
	})
	eventually(t, "the API server to trust it", func() error { return api.List(t.Context(), &v1alpha1.RunList{}, client.Limit(1)) })
}

// While the agenda is down all else works. A namespace that is deleted is emptied, but ends only once the agenda answers
// or its APIService is deleted, as with any aggregated API.
func TestWhileItIsDown(t *testing.T) {
	if err := plane.RunKube("kube-controller-manager", "--controllers=namespace-controller"); err != nil {
		t.Fatal(err)
	}
	if err := agenda.end(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if _, err := kubectl("wait", "apiservice", apiService, "--for=condition=Available=false", "--timeout="+patience.String()); err != nil {
		t.Fatal(err)
	}
	first, second := newNamespace(t), newNamespace(t)
	content := map[string]*corev1.ConfigMap{}
	for _, namespace := range []string{first, second} {
		content[namespace] = &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "content"}}
		create(t, content[namespace])
	}
	if output, err := kubectl("get", "configmaps,crontabs,ats", "-n", first); err != nil || !strings.Contains(output, "content") {
		t.Errorf("kubectl get: %v, %s", err, output)
	}
	ends := func(namespace string) func() error {
		return func() error {
			err := api.Get(t.Context(), client.ObjectKey{Name: namespace}, &corev1.Namespace{})
			if err == nil {
				return fmt.Errorf("%s is there", namespace)
			}
			return client.IgnoreNotFound(err)
		}
	}
	for _, namespace := range []string{first, second} {
		remove(t, namespace)
		eventually(t, "the namespace to be emptied, and to say what it waits for", func() error {
			return waitsForDiscovery(t, content[namespace])
		})
	}

	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kubectl("patch", "apiservice", apiService, "--type=merge", "-p", `{"spec":{"service":{"port":`+port+`}}}`); err != nil {
		t.Fatal(err)
	}
	kubeconfig, err := kubeconfigAs(account)
	if err != nil {
		t.Fatal(err)
	}
	// With files where they are given.
	agenda = start(kubeconfig, port, "--tls-cert-file="+folder+"/certificate/tls.crt",
		"--tls-private-key-file="+folder+"/certificate/tls.key")
	if err := available(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the namespace to end once the agenda answers", ends(first))
	eventually(t, "the other one to end, too", ends(second))
}

// An agenda that is down for good is out of the way once its APIService is deleted.
func TestWithoutTheAPIService(t *testing.T) {
	if err := agenda.end(); err != nil {
		t.Error(err)
	}
	if _, err := kubectl("wait", "apiservice", apiService, "--for=condition=Available=false", "--timeout="+patience.String()); err != nil {
		t.Fatal(err)
	}
	namespace := newNamespace(t)
	remove(t, namespace)
	if _, err := kubectl("delete", "apiservice", apiService); err != nil {
		t.Fatal(err)
	}
	if _, err := kubectl("wait", "--for=delete", "namespace/"+namespace, "--timeout="+patience.String()); err != nil {
		t.Error(err)
	}
}

func remove(t *testing.T, namespace string) {
	t.Helper()
	if err := api.Delete(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		t.Fatal(err)
	}
}

// waitsForDiscovery is nil when a namespace's content is deleted, and the namespace is not because of the agenda.
func waitsForDiscovery(t *testing.T, content client.Object) error {
	t.Helper()
	namespace := &corev1.Namespace{}
	if err := api.Get(t.Context(), client.ObjectKey{Name: content.GetNamespace()}, namespace); err != nil {
		return err
	}
	for _, condition := range namespace.Status.Conditions {
		if condition.Type == corev1.NamespaceDeletionDiscoveryFailure && condition.Status == corev1.ConditionTrue &&
			strings.Contains(condition.Message, v1alpha1.GroupVersion.Group) {
			if err := api.Get(t.Context(), client.ObjectKeyFromObject(content), content); client.IgnoreNotFound(err) != nil {
				return err
			} else if err == nil {
				return fmt.Errorf("%s is not deleted", content.GetName())
			}
			return nil
		}
	}
	return fmt.Errorf("its conditions are %v", namespace.Status.Conditions)
}

// certificate is what is served; nil where nothing is.
func certificate() []byte {
	connection, err := tls.Dial("tcp", "127.0.0.1:"+agenda.port, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return nil
	}
	defer func() { _ = connection.Close() }()
	return connection.ConnectionState().PeerCertificates[0].Raw
}
