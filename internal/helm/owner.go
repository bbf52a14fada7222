package helm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	helmclient "github.com/operator-framework/helm-operator-plugins/pkg/client"
	"helm.sh/helm/v3/pkg/kube"
	"helm.sh/helm/v3/pkg/postrender"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ownedBy makes an owner the controller of each object of a manifest, except those that are marked to be kept.
//
// It is in the place of helm-operator-plugins' own renderer, which decodes and encodes the whole manifest for that, a
// fifth of what an install allocates. This one puts a line into the text, and refuses a text whose objects it can't tell.
func ownedBy(owner client.Object) postrender.PostRenderer {
	return helmclient.PostRendererFunc(func(manifest *bytes.Buffer) (*bytes.Buffer, error) {
		reference := metav1.NewControllerRef(owner, owner.GetObjectKind().GroupVersionKind())
		encoded, err := json.Marshal(reference)
		if err != nil {
			return nil, err
		}
		documents := strings.Split(manifest.String(), documentStart)
		for i, document := range documents {
			// The annotation is looked for wherever it may stand: without an owner, an object that goes with the release
			// still goes with it, but one with an owner that should be kept would be lost.
			if strings.Contains(document, kube.ResourcePolicyAnno) || !strings.Contains(document, "\nkind:") {
				continue
			}
			head, rest, found := strings.Cut(document, "\nmetadata:\n")
			if !found {
				return nil, fmt.Errorf("an object of the chart has no line %q: %.100q", "metadata:", document)
			}
			documents[i] = fmt.Sprintf("%s\nmetadata:\n  ownerReferences: [%s]\n%s", head, encoded, rest)
		}
		return bytes.NewBufferString(strings.Join(documents, documentStart)), nil
	})
}

// documentStart begins each object of a manifest as Helm renders it. No text in an object can hold it: that is indented.
const documentStart = "---\n# Source: "
