// Command extension goes the way from a ClusterExtension to objects, by operator-controller's own packages, without its
// controllers: it resolves a bundle by the ClusterCatalogs of a cluster and the catalogs that catalogd serves, pulls the
// bundle, renders it, and asks whether the CRDs of the cluster may be upgraded to the bundle's. It prints what it found.
package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/operator-framework/operator-registry/alpha/declcfg"
	"go.podman.io/image/v5/types"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	ocv1 "github.com/operator-framework/operator-controller/api/v1"
	"github.com/operator-framework/operator-controller/internal/operator-controller/catalogmetadata/cache"
	catalogclient "github.com/operator-framework/operator-controller/internal/operator-controller/catalogmetadata/client"
	"github.com/operator-framework/operator-controller/internal/operator-controller/resolve"
	"github.com/operator-framework/operator-controller/internal/operator-controller/rukpak/bundle/source"
	"github.com/operator-framework/operator-controller/internal/operator-controller/rukpak/preflights/crdupgradesafety"
	"github.com/operator-framework/operator-controller/internal/operator-controller/rukpak/render/registryv1"
	"github.com/operator-framework/operator-controller/internal/operator-controller/scheme"
	httputil "github.com/operator-framework/operator-controller/internal/shared/util/http"
	imageutil "github.com/operator-framework/operator-controller/internal/shared/util/image"
)

// result is what is printed, as JSON.
type result struct {
	Bundle, Version, Image string
	// Deprecations are the messages about the installed bundle.
	Deprecations []string
	Objects      []client.Object
	// Refused is why the CRDs may not be upgraded.
	Refused string
}

type options struct {
	extension string
	// installed is the bundle that is installed, if any.
	installed, installedVersion string
	// certificates is a folder with what catalogd and the registry are verified by, and folder one of one's own.
	certificates, folder string
}

func main() {
	var o options
	flag.StringVar(&o.installed, "installed", "", "the name of the bundle that is installed")
	flag.StringVar(&o.installedVersion, "installed-version", "", "its version")
	flag.StringVar(&o.certificates, "certificates", "", "the folder of the certificates by which catalogd and the registry are verified")
	flag.StringVar(&o.folder, "folder", "", "a folder for what is pulled")
	flag.Parse()
	klog.SetOutput(io.Discard)
	klog.LogToStderr(false)
	ctrl.SetLogger(klog.NewKlogr())
	o.extension = flag.Arg(0)
	found, err := o.run(ctrl.SetupSignalHandler())
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "extension:", err)
		os.Exit(1)
	}
}

func (o options) run(ctx context.Context) (*result, error) {
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	cluster, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	if err != nil {
		return nil, err
	}
	extension := &ocv1.ClusterExtension{}
	if err := cluster.Get(ctx, client.ObjectKey{Name: o.extension}, extension); err != nil {
		return nil, err
	}
	bundle, found, err := o.resolve(ctx, cluster, extension)
	if err != nil {
		return nil, fmt.Errorf("resolving: %w", err)
	}
	if found.Objects, err = o.render(ctx, extension, bundle.Image); err != nil {
		return nil, fmt.Errorf("rendering %s: %w", bundle.Image, err)
	}
	if install := extension.Spec.Install; install != nil && install.Preflight != nil && install.Preflight.CRDUpgradeSafety != nil &&
		install.Preflight.CRDUpgradeSafety.Enforcement == ocv1.CRDUpgradeSafetyEnforcementNone {
		return found, nil
	}
	crds, err := apiextensionsv1.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	if err := crdupgradesafety.NewPreflight(crds.CustomResourceDefinitions()).Upgrade(ctx, found.Objects); err != nil {
		found.Refused = err.Error()
	}
	return found, nil
}

// resolve finds the bundle to install.
func (o options) resolve(ctx context.Context, cluster client.Client, extension *ocv1.ClusterExtension) (*declcfg.Bundle, *result, error) {
	pool, err := httputil.NewCertPool(o.certificates, ctrl.Log)
	if err != nil {
		return nil, nil, err
	}
	folder := filepath.Join(o.folder, "catalogs")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, err
	}
	catalogs := catalogclient.New(cache.NewFilesystemCache(folder), func() (*http.Client, error) {
		return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}, nil
	})
	resolver := &resolve.CatalogResolver{
		WalkCatalogsFunc: resolve.CatalogWalker(
			func(ctx context.Context, options ...client.ListOption) ([]ocv1.ClusterCatalog, error) {
				var list ocv1.ClusterCatalogList
				err := cluster.List(ctx, &list, options...)
				for i := range list.Items {
					_, populateErr := catalogs.PopulateCache(ctx, &list.Items[i])
					err = errors.Join(err, populateErr)
				}
				return list.Items, err
			},
			catalogs.GetPackage,
		),
		Validations: []resolve.ValidationFunc{resolve.NoDependencyValidation},
	}
	var installed *ocv1.BundleMetadata
	if o.installed != "" {
		installed = &ocv1.BundleMetadata{Name: o.installed, Version: o.installedVersion}
	}
	bundle, version, deprecation, err := resolver.Resolve(ctx, extension, installed)
	if err != nil {
		return nil, nil, err
	}
	found := &result{Bundle: bundle.Name, Version: version.Version.String(), Image: bundle.Image}
	if deprecation != nil {
		for _, entry := range deprecation.Entries {
			if entry.Reference.Name == o.installed {
				found.Deprecations = append(found.Deprecations, entry.Message)
			}
		}
	}
	return bundle, found, nil
}

// render pulls a bundle, and gives the objects that it is applied as.
func (o options) render(ctx context.Context, extension *ocv1.ClusterExtension, image string) ([]client.Object, error) {
	puller := &imageutil.ContainersImagePuller{SourceCtxFunc: func(context.Context) (*types.SystemContext, error) {
		return &types.SystemContext{DockerCertPath: o.certificates, OCICertPath: o.certificates}, nil
	}}
	files, _, _, err := puller.Pull(ctx, extension.Name, image, imageutil.BundleCache(filepath.Join(o.folder, "bundles")))
	if err != nil {
		return nil, err
	}
	bundle, err := source.FromFS(files).GetBundle()
	if err != nil {
		return nil, err
	}
	return registryv1.Renderer.Render(bundle, extension.Spec.Namespace)
}
