package e2e

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
)

const (
	agendaNamespace = "cnat-agenda"
	agendaGroup     = "agenda.cnat.programming-kubernetes.info"
	agendaService   = "apiservice/v1alpha1." + agendaGroup
)

// `make e2e` deploys the agenda first; its last test removes it.
var _ = Describe("The agenda", Ordered, Serial, func() {
	BeforeAll(func(ctx SpecContext) { Expect(agendaIsReady(ctx)).To(Succeed()) })

	It("lists what runs when by kubectl get runs", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(create(ctx, namespace, crontabOf("tab", `{cronSpec: "0 * * * *", command: "true"}`))).To(Succeed())
		runs := func() (string, error) { return kubectl(ctx, namespace, "get", "runs", "--chunk-size=10") }
		Eventually(ctx, runs).Should(MatchRegexp(`CronTab +tab `))
		output, err := runs()
		Expect(err).NotTo(HaveOccurred(), output)
		Expect(strings.Split(output, "\n")).To(HaveLen(1 + 24))
		Expect(kubectl(ctx, namespace, "explain", "runs.spec.zone")).To(ContainSubstring("time zone"))
		output, err = kubectl(ctx, namespace, "get", "runs", "--field-selector=spec.node=a")
		Expect(err).To(HaveOccurred())
		Expect(output).To(ContainSubstring("runs are selected by metadata.name"))
	})

	// From the request to the Job, past all policies: the At has the name of who is on call.
	It("lets a user on call run a CronTab and edit nothing", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(create(ctx, namespace, crontabOf("tab", `{cronSpec: "@yearly", command: "true"}`))).To(Succeed())
		user := userWith(ctx, namespace, "on-call", "cnat-agenda-on-call")
		bindTo(ctx, namespace, "on-call", "view")
		name := "system:serviceaccount:" + namespace + ":on-call"
		Eventually(ctx, func() (string, error) { return ask(ctx, name, namespace, "crontabs/tab/run") }).
			Should(ContainSubstring("it is to run now"))
		Eventually(ctx, func(g Gomega) {
			ats := &cnatv1.AtList{}
			g.Expect(k8s.List(ctx, ats, client.InNamespace(namespace))).To(Succeed())
			g.Expect(ats.Items).To(ContainElement(SatisfyAll(
				HaveField("Annotations", HaveKeyWithValue(crontabv1.AnnotationRunRequest, HaveSuffix(" by "+name))),
				HaveField("Status.Phase", cnatv1.AtSucceeded))))
		}).Should(Succeed())
		tab := &crontabv1.CronTab{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tab"}}
		suspend := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"suspend":true}}`))
		Expect(user.Patch(ctx, tab, suspend)).To(MatchError(apierrors.IsForbidden, "forbidden"))
		output, err := ask(ctx, name, namespace, "crontabs/tab/skip")
		Expect(err).NotTo(HaveOccurred(), output)
		Expect(output).To(ContainSubstring("it skips its run of "))
	})

	It("shows nothing of a namespace to a user without rights on it", func(ctx SpecContext) {
		mine, other := newNamespace(ctx), newNamespace(ctx)
		userWith(ctx, mine, "reader", "view")
		name := "--as=system:serviceaccount:" + mine + ":reader"
		for _, namespace := range []string{mine, other} {
			Expect(create(ctx, namespace, crontabOf("tab", `{cronSpec: "0 * * * *", command: "true"}`))).To(Succeed())
			Eventually(ctx, func() (string, error) { return kubectl(ctx, namespace, "get", "runs") }).Should(ContainSubstring("tab"))
		}
		Expect(kubectl(ctx, mine, "get", "runs", name)).To(ContainSubstring("tab"))
		for _, scope := range []string{"--namespace=" + other, "--all-namespaces"} {
			output, err := kubectl(ctx, mine, "get", "runs", name, scope)
			Expect(err).To(HaveOccurred(), output)
			Expect(output).To(ContainSubstring("forbidden"))
		}
	})

	// Every replica goes on to serve, with the old certificate until the new one is in its files.
	It("answers while its certificate is renewed", func(ctx SpecContext) {
		pods := &corev1.PodList{}
		Expect(k8s.List(ctx, pods, client.InNamespace(agendaNamespace))).To(Succeed())
		Expect(pods.Items).To(HaveLen(2))
		served := map[string][]byte{}
		for _, pod := range pods.Items {
			address := forward(ctx, agendaNamespace, "pod/"+pod.Name, 6443)
			certificate, err := servedCertificate(address)
			Expect(err).NotTo(HaveOccurred(), pod.Name)
			served[address] = certificate
		}
		key := client.ObjectKey{Namespace: agendaNamespace, Name: "cnat-agenda"}
		secret := &corev1.Secret{}
		Expect(k8s.Get(ctx, key, secret)).To(Succeed())
		before := secret.DeepCopy()
		secret.Data["tls.crt"] = nil
		Expect(k8s.Update(ctx, secret)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, key, secret)).To(Succeed())
			g.Expect(secret.Data["tls.crt"]).NotTo(BeEmpty())
		}).Should(Succeed())
		Expect(secret.Data["tls.crt"]).NotTo(Equal(before.Data["tls.crt"]))
		Expect(secret.Data["ca.crt"]).To(Equal(before.Data["ca.crt"]))
		Eventually(ctx, func(g Gomega) {
			output, err := kubectl(ctx, "default", "get", "runs")
			Expect(err).NotTo(HaveOccurred(), output)
			for address, old := range served {
				g.Expect(servedCertificate(address)).NotTo(Equal(old))
			}
		}).Should(Succeed())
	})

	It("answers while a replica is deleted", func(ctx SpecContext) {
		pods := &corev1.PodList{}
		Expect(k8s.List(ctx, pods, client.InNamespace(agendaNamespace))).To(Succeed())
		Expect(len(pods.Items)).To(BeNumerically(">=", 2))
		Expect(k8s.Delete(ctx, &pods.Items[0])).To(Succeed())
		Consistently(ctx, func() error {
			output, err := kubectl(ctx, "default", "get", "runs")
			if err != nil {
				return fmt.Errorf("%w: %s", err, output)
			}
			return nil
		}, 20*time.Second).Should(Succeed())
		Eventually(ctx, agendaIsReady).Should(Succeed())
	})

	// A namespace is emptied, and ends once the agenda is back: so it is with each aggregated API.
	It("takes nothing else with it when both replicas are away", func(ctx SpecContext) {
		Expect(kubectl(ctx, agendaNamespace, "scale", "deployment/cnat-agenda", "--replicas=0")).Error().NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			Expect(kubectl(ctx, agendaNamespace, "scale", "deployment/cnat-agenda", "--replicas=2")).Error().NotTo(HaveOccurred())
			Eventually(ctx, agendaIsReady).Should(Succeed())
		})
		Expect(kubectl(ctx, agendaNamespace, "wait", agendaService, "--for=condition=Available=false", "--timeout=60s")).
			Error().NotTo(HaveOccurred())
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-"}}
		Expect(k8s.Create(ctx, namespace)).To(Succeed())
		Expect(create(ctx, namespace.Name, atManifest("now", "", "true"))).To(Succeed())
		Eventually(ctx, func() (string, error) { return kubectl(ctx, namespace.Name, "get", "at", "now") }).
			Should(ContainSubstring("Succeeded"))
		Expect(kubectl(ctx, namespace.Name, "get", "pods")).To(ContainSubstring("now"))

		Expect(k8s.Delete(ctx, namespace)).To(Succeed())
		Eventually(ctx, func(g Gomega) {
			g.Expect(k8s.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)).To(Succeed())
			g.Expect(namespace.Status.Conditions).To(ContainElement(SatisfyAll(
				HaveField("Type", corev1.NamespaceDeletionDiscoveryFailure), HaveField("Status", corev1.ConditionTrue),
				HaveField("Message", ContainSubstring(agendaGroup)))))
			ats := &cnatv1.AtList{}
			g.Expect(k8s.List(ctx, ats, client.InNamespace(namespace.Name))).To(Succeed())
			g.Expect(ats.Items).To(BeEmpty())
		}).Should(Succeed())
		Expect(kubectl(ctx, agendaNamespace, "scale", "deployment/cnat-agenda", "--replicas=2")).Error().NotTo(HaveOccurred())
		Eventually(ctx, func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(namespace), namespace) }).
			Should(MatchError(apierrors.IsNotFound, "not found"))
	})

	It("leaves nothing behind", func(ctx SpecContext) {
		Expect(kubectl(ctx, agendaNamespace, "delete", agendaService)).Error().NotTo(HaveOccurred())
		output, err := kubectl(ctx, "", "delete", "--ignore-not-found", "-k", "../../config/agenda", "--timeout=3m")
		Expect(err).NotTo(HaveOccurred(), output)
		Expect(k8s.Get(ctx, client.ObjectKey{Name: agendaNamespace}, &corev1.Namespace{})).
			To(MatchError(apierrors.IsNotFound, "not found"))
		Eventually(ctx, func() (string, error) { return kubectl(ctx, "default", "api-resources", "--no-headers") }).
			ShouldNot(ContainSubstring(agendaGroup))
	})
})

func agendaIsReady(ctx SpecContext) error {
	deployment := &appsv1.Deployment{}
	if err := k8s.Get(ctx, client.ObjectKey{Namespace: agendaNamespace, Name: "cnat-agenda"}, deployment); err != nil {
		return err
	}
	if deployment.Status.ReadyReplicas < 2 {
		return fmt.Errorf("%d replicas are ready", deployment.Status.ReadyReplicas)
	}
	_, err := kubectl(ctx, "default", "get", "runs")
	return err
}

// servedCertificate is the one that a replica serves with.
func servedCertificate(address string) ([]byte, error) {
	connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it is the certificate that is looked at
	if err != nil {
		return nil, err
	}
	return connection.ConnectionState().PeerCertificates[0].Raw, connection.Close()
}

// ask posts an empty request as a user.
func ask(ctx SpecContext, user, namespace, path string) (string, error) {
	file := GinkgoT().TempDir() + "/request.json"
	Expect(os.WriteFile(file, []byte("{}"), 0o600)).To(Succeed())
	return kubectl(ctx, namespace, "create", "-f", file, "--as="+user, "--as-group=system:authenticated",
		"--raw=/apis/"+agendaGroup+"/v1alpha1/namespaces/"+namespace+"/"+path)
}

// bindTo binds another cluster role to a service account.
func bindTo(ctx SpecContext, namespace, account, clusterRole string) {
	GinkgoHelper()
	Expect(k8s.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account + "-" + clusterRole},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: clusterRole},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: account}},
	})).To(Succeed())
}
