package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	apiopenapi "k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/util/compatibility"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	"example.com/cnat-operator/cmd/agenda/openapi"
	"example.com/cnat-operator/cmd/agenda/requests"
	"example.com/cnat-operator/cmd/agenda/runs"
)

// shutdownDelay is how long a server that ends still takes requests: until the Service leads to it no more.
const shutdownDelay = 3 * time.Second

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	// What is posted is decoded to the internal version, which is the same.
	internal := schema.GroupVersion{Group: v1alpha1.GroupVersion.Group, Version: runtime.APIVersionInternal}
	scheme.AddKnownTypes(internal, &v1alpha1.Request{})
	return scheme, scheme.AddFieldLabelConversionFunc(v1alpha1.GroupVersion.WithKind("Run"), runs.CheckField)
}

// newServer returns a server of runs, which are computed from the manager's cache. It is ready once that has synced.
func newServer(o *options, mgr ctrl.Manager) (*server.GenericAPIServer, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	codecs := serializer.NewCodecFactory(scheme)
	config := server.NewRecommendedConfig(codecs)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	config.ShutdownDelayDuration = shutdownDelay
	names := apiopenapi.NewDefinitionNamer(scheme)
	config.OpenAPIConfig = server.DefaultOpenAPIConfig(openapi.GetOpenAPIDefinitions, names)
	config.OpenAPIV3Config = server.DefaultOpenAPIV3Config(openapi.GetOpenAPIDefinitions, names)
	config.OpenAPIConfig.Info.Title, config.OpenAPIV3Config.Info.Title = "agenda", "agenda"
	if err := o.applyTo(config); err != nil {
		return nil, err
	}
	config.AddReadyzChecks(synced(mgr.GetCache()))
	generic, err := config.Complete().New("agenda", server.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	// A request is about the object as it is now, not as the cache has it.
	live, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme()})
	if err != nil {
		return nil, err
	}
	group := server.NewDefaultAPIGroupInfo(v1alpha1.GroupVersion.Group, scheme, runtime.NewParameterCodec(scheme), codecs)
	storages := requests.Storages(live, time.Now)
	storages["runs"] = &runs.Storage{Reader: mgr.GetCache(), Authorizer: config.Authorization.Authorizer, Now: time.Now}
	group.VersionedResourcesStorageMap[v1alpha1.GroupVersion.Version] = storages
	return generic, generic.InstallAPIGroup(&group)
}

func (o *options) applyTo(config *server.RecommendedConfig) error {
	if err := o.serving.MaybeDefaultWithSelfSignedCerts("localhost", nil, nil); err != nil {
		return fmt.Errorf("creating a certificate: %w", err)
	}
	if err := o.serving.ApplyTo(&config.SecureServing, &config.LoopbackClientConfig); err != nil {
		return err
	}
	if err := o.authentication.ApplyTo(&config.Authentication, config.SecureServing, nil); err != nil {
		return err
	}
	return o.authorization.ApplyTo(&config.Authorization)
}

// synced fails until the cache has all objects, so that no list is served that lacks some.
func synced(informers cache.Cache) healthz.HealthChecker {
	return healthz.NamedCheck("caches", func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !informers.WaitForCacheSync(ctx) {
			return errors.New("not all Ats, CronTabs and CronJobs are read yet")
		}
		return nil
	})
}
