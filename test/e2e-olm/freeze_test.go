package e2eolm

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// frozen is the name of the policy, and part of what it answers.
const frozen = "e2e-olm-frozen"

// freeze refuses all that the operator writes in the namespace of the states, and waits until that holds.
func freeze(ctx SpecContext) {
	GinkgoHelper()
	all := admissionv1.RuleWithOperations{
		Operations: []admissionv1.OperationType{admissionv1.OperationAll},
		Rule:       admissionv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*/*"}},
	}
	Expect(k8s.Create(ctx, &admissionv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: frozen},
		Spec: admissionv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: statesNamespace}},
				ResourceRules:     []admissionv1.NamedRuleWithOperations{{RuleWithOperations: all}},
			},
			MatchConditions: []admissionv1.MatchCondition{{
				Name:       "operator",
				Expression: "request.userInfo.username.startsWith('system:serviceaccount:" + operatorNamespace + ":')",
			}},
			Validations: []admissionv1.Validation{{Expression: "false", Message: frozen}},
		},
	})).To(Succeed())
	Expect(k8s.Create(ctx, &admissionv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: frozen},
		Spec: admissionv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: frozen, ValidationActions: []admissionv1.ValidationAction{admissionv1.Deny},
		},
	})).To(Succeed())
	Eventually(ctx, func() string {
		output, _ := run(ctx, "kubectl", "--namespace="+statesNamespace, "create", "secret", "generic", "tried", "--dry-run=server",
			"--as=system:serviceaccount:"+operatorNamespace+":cnat-operator-controller-manager")
		return output
	}).Should(ContainSubstring(frozen))
}

func thaw(ctx SpecContext) {
	GinkgoHelper()
	for _, object := range []client.Object{
		&admissionv1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: frozen}},
		&admissionv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: frozen}},
	} {
		Expect(client.IgnoreNotFound(k8s.Delete(ctx, object))).To(Succeed())
	}
}

// breakOffUpgrade leaves what an operator leaves that is killed in an upgrade of a release: a revision that is pending.
func breakOffUpgrade(ctx SpecContext, release string) {
	GinkgoHelper()
	first := &corev1.Secret{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: statesNamespace, Name: "sh.helm.release.v1." + release + ".v1"}, first)).To(Succeed())
	stored := map[string]any{}
	Expect(json.Unmarshal(unpack(first.Data["release"]), &stored)).To(Succeed())
	stored["version"] = 2
	stored["info"].(map[string]any)["status"] = "pending-upgrade"
	second := &corev1.Secret{
		ObjectMeta: objectMeta(statesNamespace, "sh.helm.release.v1."+release+".v2"), Type: first.Type,
		Data: map[string][]byte{"release": pack(stored)},
	}
	second.Labels = first.Labels
	second.Labels["version"], second.Labels["status"] = "2", "pending-upgrade"
	Expect(k8s.Create(ctx, second)).To(Succeed())
}

// unpack reads what Helm stores: JSON, packed by gzip, in base64.
func unpack(data []byte) []byte {
	GinkgoHelper()
	packed, err := base64.StdEncoding.DecodeString(string(data))
	Expect(err).NotTo(HaveOccurred())
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	Expect(err).NotTo(HaveOccurred())
	text, err := io.ReadAll(reader)
	Expect(err).NotTo(HaveOccurred())
	return text
}

func pack(value any) []byte {
	GinkgoHelper()
	text, err := json.Marshal(value)
	Expect(err).NotTo(HaveOccurred())
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err = writer.Write(text)
	Expect(err).NotTo(HaveOccurred())
	Expect(writer.Close()).To(Succeed())
	return []byte(base64.StdEncoding.EncodeToString(packed.Bytes()))
}
