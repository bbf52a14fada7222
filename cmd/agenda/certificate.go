package main

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
)

// certify has the manager keep and renew the certificate of the Service, and its CA in the APIService. The channel is
// closed once both are there; at once where there is no Service.
func (o *options) certify(mgr ctrl.Manager) (<-chan struct{}, error) {
	ready := make(chan struct{})
	if o.service == "" {
		close(ready)
		return ready, nil
	}
	namespace, name, ok := strings.Cut(o.service, "/")
	if !ok {
		return nil, fmt.Errorf("--service=%s is not NAMESPACE/NAME", o.service)
	}
	folder := o.serving.ServerCert.CertDirectory
	o.serving.ServerCert.CertKey.CertFile = folder + "/tls.crt"
	o.serving.ServerCert.CertKey.KeyFile = folder + "/tls.key"
	apiService := v1alpha1.GroupVersion.Version + "." + v1alpha1.GroupVersion.Group
	return ready, rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey: types.NamespacedName{Namespace: namespace, Name: name},
		CertDir:   folder,
		CAName:    name + "-ca", CAOrganization: name,
		// The name by which the API server calls.
		DNSName:    name + "." + namespace + ".svc",
		Webhooks:   []rotator.WebhookInfo{{Name: apiService, Type: rotator.APIService}},
		FieldOwner: name,
		IsReady:    ready,
	})
}
