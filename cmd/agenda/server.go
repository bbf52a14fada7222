package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/apiserver/pkg/util/compatibility"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	"example.com/cnat-operator/cmd/agenda/runs"
)

func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return scheme, scheme.AddFieldLabelConversionFunc(v1alpha1.GroupVersion.WithKind("Run"), runs.CheckField)
}

// newServer returns a server of runs, which are computed from the cache. It is ready once that has synced.
func newServer(o *options, informers cache.Cache) (*server.GenericAPIServer, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	codecs := serializer.NewCodecFactory(scheme)
	config := server.NewRecommendedConfig(codecs)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	config.SkipOpenAPIInstallation = true
	if err := o.applyTo(config); err != nil {
		return nil, err
	}
	config.AddReadyzChecks(synced(informers))
	generic, err := config.Complete().New("agenda", server.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	group := server.NewDefaultAPIGroupInfo(v1alpha1.GroupVersion.Group, scheme, runtime.NewParameterCodec(scheme), codecs)
	group.VersionedResourcesStorageMap[v1alpha1.GroupVersion.Version] = map[string]rest.Storage{
		"runs": &runs.Storage{Reader: informers, Authorizer: config.Authorization.Authorizer, Now: time.Now},
	}
	return generic, generic.InstallAPIGroup(&group)
}

// synced fails until the cache has all objects, so that no list is served that lacks some.
func synced(informers cache.Cache) healthz.HealthChecker {
	return healthz.NamedCheck("caches", func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), time.Second)
		defer cancel()
		if !informers.WaitForCacheSync(ctx) {
			return fmt.Errorf("Ats, CronTabs and CronJobs are not all read yet")
		}
		return nil
	})
}
