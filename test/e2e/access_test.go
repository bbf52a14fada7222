package e2e

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	crontabv1 "example.com/cnat-operator/api/crontab/v1"
)

// userWith is a client with the token of a service account to which one
// cluster role is bound in the namespace.
func userWith(ctx SpecContext, namespace, name, clusterRole string) client.Client {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	Expect(k8s.Create(ctx, account)).To(Succeed())
	Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}},
	})).To(Succeed())
	token, err := clientset.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())

	admin, err := ctrl.GetConfig()
	Expect(err).NotTo(HaveOccurred())
	config := rest.AnonymousClientConfig(admin)
	config.BearerToken = token.Status.Token
	user, err := client.New(config, client.Options{Scheme: k8s.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	return user
}

var _ = Describe("Access", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = newNamespace(ctx) })

	// cnat-operator-edit alone holds the rights to Ats, CronTabs and Databases, and none to Jobs.
	It("is not lent to those who may not run pods themselves", func(ctx SpecContext) {
		user := userWith(ctx, namespace, "ats-only", "cnat-operator-edit")
		Eventually(ctx, func() error { return user.Create(ctx, parse(namespace, atManifest("lent", "", "true"))) }).
			Should(MatchError(ContainSubstring("may not create jobs.batch in namespace " + namespace)))
		Expect(user.Create(ctx, parse(namespace, crontabOf("lent", `{cronSpec: "@yearly", command: "true"}`)))).
			To(MatchError(ContainSubstring("may not create jobs.batch in namespace " + namespace)))
		Expect(create(ctx, namespace, crontabOf("tab", `{cronSpec: "@yearly", command: "true"}`))).To(Succeed())
		tab := &crontabv1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tab"}}
		for what, patch := range map[string]string{
			"its spec": `{"spec":{"command":"false"}}`, "a run now": `{"metadata":{"annotations":{"` + crontabv1.AnnotationRunRequest + `":"now"}}}`,
		} {
			Expect(user.Patch(ctx, tab, client.RawPatch(types.MergePatchType, []byte(patch)))).
				To(MatchError(ContainSubstring("may not create jobs.batch in namespace "+namespace)), what)
		}
		scale := &autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: 3}}
		Expect(user.SubResource("scale").Update(ctx, tab, client.WithSubResourceBody(scale))).
			To(MatchError(ContainSubstring("may not create jobs.batch in namespace " + namespace)))
		Expect(user.Create(ctx, parse(namespace, databaseManifest("lent", "user: wp")))).
			To(MatchError(ContainSubstring("may not create statefulsets.apps in namespace " + namespace)))
	})

	It("comes with Kubernetes' own edit role, by aggregation", func(ctx SpecContext) {
		user := userWith(ctx, namespace, "editor", "edit")
		Eventually(ctx, func() error { return user.Create(ctx, parse(namespace, atManifest("own", "", "true"))) }).Should(Succeed())
		Expect(user.Create(ctx, parse(namespace, crontabOf("own", `{cronSpec: "@yearly", command: "true"}`)))).To(Succeed())
		Expect(user.Create(ctx, parse(namespace, databaseManifest("own", "user: wp")))).To(Succeed())
	})

	It("to view comes with Kubernetes' own view role", func(ctx SpecContext) {
		user := userWith(ctx, namespace, "viewer", "view")
		Expect(create(ctx, namespace, atManifest("seen", "", "true"))).To(Succeed())
		at := parse(namespace, atManifest("seen", "", "true"))
		Eventually(ctx, func() error { return user.Get(ctx, client.ObjectKeyFromObject(at), at) }).Should(Succeed())
		Expect(user.Delete(ctx, at)).To(MatchError(ContainSubstring("forbidden")))
	})
})
