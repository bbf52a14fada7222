package helm

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/action"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/postrender"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// manifest is what Helm makes of the chart with all that it can make, by the post-renderer.
func manifest(t *testing.T, renderer postrender.PostRenderer) Objects {
	t.Helper()
	all := values()
	all["backup"] = map[string]any{"name": "r"}
	all["refuseEvictions"] = true
	install := action.NewInstall(&action.Configuration{Log: func(string, ...any) {}})
	install.ClientOnly, install.DryRun, install.PostRenderer = true, true, renderer
	install.ReleaseName, install.Namespace = "r", "ns"
	install.KubeVersion = &chartutil.KubeVersion{Version: "v1.34.0", Major: "1", Minor: "34"}
	made, err := install.Run(load(t, chartDir).forAction(), all)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := ParseManifest(made.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// Each object gets the owner and stays otherwise as it is, except what must outlive the owner.
func TestOwnedBy(t *testing.T) {
	owner := &corev1.Secret{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "owner", UID: "uid"},
	}
	plain, owned := manifest(t, nil), manifest(t, ownedBy(owner))
	if len(owned) != len(plain) || len(owned) < 10 {
		t.Fatalf("%d objects, and %d with an owner", len(plain), len(owned))
	}
	kept := 0
	for i, object := range owned {
		if object.GetKind() == "PersistentVolumeClaim" {
			kept++
		} else if !metav1.IsControlledBy(object, owner) {
			t.Errorf("%s %s has the owners %v", object.GetKind(), object.GetName(), object.GetOwnerReferences())
		}
		object.SetOwnerReferences(nil)
		if !reflect.DeepEqual(object, plain[i]) {
			t.Errorf("%s %s: got %v, want %v", object.GetKind(), object.GetName(), object, plain[i])
		}
	}
	if kept != 2 {
		t.Errorf("%d volume claims", kept)
	}
	for name, refused := range map[string]string{
		"metadata in one line": documentStart + "x.yaml\nkind: Service\nmetadata: {name: x}\n",
		"no metadata":          documentStart + "x.yaml\nkind: Service\n",
	} {
		_, err := ownedBy(owner).Run(bytes.NewBufferString(refused))
		if err == nil || !strings.Contains(err.Error(), "metadata:") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
