package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
)

// An API server without the CRDs answers with a page that is not found. The error says what is missing.
func TestExplainsAClusterWithoutTheOperator(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	scheme := Scheme()
	cluster, err := client.New(&rest.Config{Host: server.URL}, client.Options{Scheme: scheme, Mapper: mapper(scheme)})
	if err != nil {
		t.Fatal(err)
	}
	at := &cnatv1.At{}
	at.Name, at.Namespace = "x", "ns"
	for what, err := range map[string]error{
		"get":    cluster.Get(t.Context(), client.ObjectKeyFromObject(at), at),
		"list":   cluster.List(t.Context(), &cnatv1.AtList{}),
		"create": cluster.Create(t.Context(), at),
	} {
		if err == nil || !strings.Contains(Explain(err).Error(), "this cluster does not know the kind: is the operator installed?") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestExplain(t *testing.T) {
	ats := schema.GroupResource{Group: "cnat.programming-kubernetes.info", Resource: "ats"}
	for _, test := range []struct {
		err    error
		begins string
	}{
		{errors.New("no route to host"), "no route to host"},
		{apierrors.NewNotFound(ats, "x"), `ats.cnat.programming-kubernetes.info "x" not found`},
		{fmt.Errorf("get: %w", apierrors.NewForbidden(ats, "", errors.New(`User "u" cannot list resource "ats"`))), "a right is missing: get: ats"},
		{apierrors.NewForbidden(ats, "x", errors.New("denied by a policy: ask for that right")), "ats"},
		{errors.New(`pods "p" is forbidden: User "u" cannot create resource "pods/exec"`), "a right is missing: pods"},
	} {
		if got := Explain(test.err).Error(); !strings.HasPrefix(got, test.begins) {
			t.Errorf("%q does not begin with %q", got, test.begins)
		}
	}
}
