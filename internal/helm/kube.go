package helm

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"helm.sh/helm/v3/pkg/kube"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/cli-runtime/pkg/resource"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// kubeClient is Helm's way to the API server, for one release. It creates as Helm does, and changes and deletes as
// applier does, whatever manifest Helm found in its storage.
type kubeClient struct {
	*kube.Client
	*applier
	clients *restClients
	// desired are the objects of this manifest, which need not be parsed again.
	desired *Desired
	ctx     context.Context // Helm's interface has none, and this one serves one action
}

// IsReachable implements kube.Interface: the next request shows it as well.
func (k *kubeClient) IsReachable() error { return nil }

// Build implements kube.Interface, for manifests that were verified or rendered.
func (k *kubeClient) Build(reader io.Reader, _ bool) (kube.ResourceList, error) {
	manifest := &strings.Builder{}
	if _, err := io.Copy(manifest, reader); err != nil {
		return nil, err
	}
	objects := Objects{}
	if k.desired != nil && manifest.String() == k.desired.manifest {
		for _, object := range k.desired.Objects {
			objects = append(objects, object.DeepCopy())
		}
	} else {
		var err error
		if objects, err = ParseManifest(manifest.String()); err != nil {
			return nil, err
		}
	}
	var list kube.ResourceList
	for _, object := range objects {
		if err := k.check(object); err != nil {
			return nil, err
		}
		client, mapping, err := k.clients.forKind(object.GroupVersionKind())
		if err != nil {
			return nil, err
		}
		list.Append(&resource.Info{
			Client: client, Mapping: mapping, Namespace: object.GetNamespace(), Name: object.GetName(), Object: object,
		})
	}
	return list, nil
}

// Update implements kube.Interface. What the objects were before, Helm knows only from its storage: it is not used.
func (k *kubeClient) Update(_, target kube.ResourceList, _ bool) (*kube.Result, error) {
	result := &kube.Result{Updated: target}
	keep := map[ID]bool{}
	for _, info := range target {
		object, ok := info.Object.(*unstructured.Unstructured)
		if !ok {
			return result, fmt.Errorf("%s is a %T", info.Name, info.Object)
		}
		keep[idOf(object)] = true
		if err := k.apply(k.ctx, object); err != nil {
			return result, fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return result, k.prune(k.ctx, keep)
}

// Delete implements kube.Interface. Uninstall deletes the objects itself.
func (k *kubeClient) Delete(kube.ResourceList) (*kube.Result, []error) { return &kube.Result{}, nil }

// DeleteWithPropagationPolicy implements kube.InterfaceDeletionPropagation.
func (k *kubeClient) DeleteWithPropagationPolicy(list kube.ResourceList, _ metav1.DeletionPropagation) (*kube.Result, []error) {
	return k.Delete(list)
}

// restClients are the clients of all kinds, made once.
type restClients struct {
	config     *rest.Config
	httpClient *http.Client
	mapper     meta.RESTMapper
	byKind     sync.Map
}

type kindClient struct {
	client  rest.Interface
	mapping *meta.RESTMapping
}

func (c *restClients) forKind(gvk schema.GroupVersionKind) (rest.Interface, *meta.RESTMapping, error) {
	if known, ok := c.byKind.Load(gvk); ok {
		known := known.(kindClient)
		return known.client, known.mapping, nil
	}
	mapping, err := c.mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return nil, nil, err
	}
	codecs := serializer.NewCodecFactory(clientgoscheme.Scheme)
	client, err := apiutil.RESTClientForGVK(gvk, false, true, c.config, codecs, c.httpClient)
	if err != nil {
		return nil, nil, err
	}
	c.byKind.Store(gvk, kindClient{client, mapping})
	return client, mapping, nil
}
