package e2eolmv1

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// manifest is what docs/olm-v1.md has users apply.
var manifest = filepath.Join(root, "config", "catalog", "clusterextension.yaml")

// serveCatalog creates the namespace and the ClusterCatalog of the manifest, and expects that catalogd serves each document
// of the catalog, and answers questions about them.
func serveCatalog(ctx SpecContext) {
	for _, object := range readManifests(manifest) {
		if object.GetKind() != "ClusterExtension" {
			// catalogd's webhook must be there first.
			Eventually(ctx, func() error { return create(ctx, object) }).Should(Succeed())
		}
	}
	catalog := newObject("ClusterCatalog", packageName)
	Eventually(ctx, func(g Gomega) {
		g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(catalog), catalog)).To(Succeed())
		g.Expect(conditionOf(catalog, "Serving")).To(HaveField("Status", metav1.ConditionTrue), "%v", catalog.Object)
	}).Should(Succeed())
	Expect(catalog.GetLabels()).To(HaveKeyWithValue("olm.operatorframework.io/metadata.name", packageName), "by its webhook")
	base, _, err := unstructured.NestedString(catalog.Object, "status", "urls", "base")
	Expect(err).NotTo(HaveOccurred())

	served := documents(base + "/api/v1/all")
	Expect(served).To(ConsistOf(catalogFile()...))
	for query, want := range map[string][]string{
		"schema=olm.package":                                    {packageName},
		"schema=olm.channel&package=" + packageName:             {"candidate", "fast", "stable"},
		"schema=olm.bundle&package=" + packageName:              {bundle(oldestVersion), bundle(beforeVersion), bundle(version)},
		"schema=olm.bundle&name=" + bundle(version):             {bundle(version)},
		"schema=olm.deprecations":                               {""},
		"schema=olm.bundle&package=another":                     {},
		"package=" + packageName + "&schema=olm.channel&name=x": {},
	} {
		names := []string{}
		for _, document := range documents(base + "/api/v1/metas?" + query) {
			name, _ := document["name"].(string)
			names = append(names, name)
		}
		Expect(names).To(ConsistOf(want), query)
	}
	report("catalogd serves %d documents", len(served))
}

// documents are those that catalogd answers with, which are lines of JSON.
func documents(url string) []map[string]any {
	GinkgoHelper()
	ca, err := os.ReadFile(filepath.Join(certs, "ca.crt"))
	Expect(err).NotTo(HaveOccurred())
	pool := x509.NewCertPool()
	Expect(pool.AppendCertsFromPEM(ca)).To(BeTrue())
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	response, err := web.Get(url)
	Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	Expect(response.StatusCode).To(Equal(http.StatusOK), url)
	var all []map[string]any
	for decoder := json.NewDecoder(response.Body); ; {
		var document map[string]any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			return all
		}
		Expect(err).NotTo(HaveOccurred(), url)
		all = append(all, document)
	}
}

// catalogFile is what catalog/ has.
func catalogFile() (all []any) {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(root, "catalog", "catalog.yaml"))
	Expect(err).NotTo(HaveOccurred())
	for document := range strings.SplitSeq(string(text), "---\n") {
		var content map[string]any
		Expect(yaml.Unmarshal([]byte(document), &content)).To(Succeed())
		if content != nil {
			all = append(all, content)
		}
	}
	Expect(len(all)).To(BeNumerically(">", 6))
	return all
}

func bundle(version string) string { return packageName + ".v" + version }
