package e2e

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

// restored are the kinds that docs/backup-tools.md says to take, besides volume claims, in the order to restore them.
var restored = []schema.GroupVersionKind{
	corev1.SchemeGroupVersion.WithKind("SecretList"),
	databasev1.GroupVersion.WithKind("DatabaseList"),
	crontabv1.GroupVersion.WithKind("CronTabList"),
	cnatv1.GroupVersion.WithKind("AtList"),
}

// takes is the selector of docs/backup-tools.md.
const takes = "owner notin (helm),!stable.example.com/crontab"

// backup is the YAML of the objects that a backup tool takes: without what it leaves out itself when it restores.
func backup(ctx SpecContext, namespace string) []string {
	GinkgoHelper()
	selector, err := labels.Parse(takes)
	Expect(err).NotTo(HaveOccurred())
	var manifests []string
	for _, kind := range restored {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind)
		Expect(k8s.List(ctx, list, &client.ListOptions{Namespace: namespace, LabelSelector: selector})).To(Succeed())
		for i := range list.Items {
			object := &list.Items[i]
			for _, field := range []string{
				"uid", "resourceVersion", "generation", "creationTimestamp", "ownerReferences", "managedFields", "finalizers",
			} {
				unstructured.RemoveNestedField(object.Object, "metadata", field)
			}
			unstructured.RemoveNestedField(object.Object, "status")
			manifest, err := yaml.Marshal(object.Object)
			Expect(err).NotTo(HaveOccurred())
			manifests = append(manifests, string(manifest))
		}
	}
	return manifests
}

// deleteAll deletes the objects of a namespace but the volume claims, and waits until they are.
func deleteAll(ctx SpecContext, namespace string) {
	GinkgoHelper()
	for _, kinds := range []string{
		"crontabs,ats,databases", "jobs,cronjobs,statefulsets,pods,services,configmaps,serviceaccounts,networkpolicies,secrets",
	} {
		output, err := kubectl(ctx, namespace, "delete", kinds, "--all", "--timeout=180s")
		Expect(err).NotTo(HaveOccurred(), output)
	}
	Eventually(ctx, func() string {
		output, _ := kubectl(ctx, namespace, "get", "crontabs,ats,databases,jobs,statefulsets,pods,secrets", "-o", "name")
		return output
	}).Should(Or(BeEmpty(), ContainSubstring("No resources found")))
}

var _ = Describe("What a backup tool restores", func() {
	It("goes on with its data, and runs what may run once more", func(ctx SpecContext) {
		namespace := newNamespace(ctx)
		Expect(create(ctx, namespace, databaseManifest("shop", "user: app, backup: {}"))).To(Succeed())
		db := awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")
		query(ctx, db, "fill", "CREATE TABLE kept AS SELECT 42 AS answer")
		Expect(k8s.Delete(ctx, &cnatv1.At{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "fill"}})).To(Succeed())
		requestBackup(ctx, db, "one")
		credentials := &corev1.Secret{}
		credentialsKey := client.ObjectKey{Namespace: namespace, Name: "shop-database-credentials"}
		Expect(k8s.Get(ctx, credentialsKey, credentials)).To(Succeed())
		password := string(credentials.Data["password"])
		claims := claimsOf(ctx, namespace)
		Expect(claims).To(HaveLen(2))

		Expect(create(ctx, namespace, `{apiVersion: v1, kind: Secret, metadata: {name: mine}, stringData: {key: value}}`)).To(Succeed())
		Expect(create(ctx, namespace, crontabOf("tab", `{cronSpec: "@yearly", command: "true"}`))).To(Succeed())
		next := awaitCronTab(ctx, namespace, "tab", scheduled).Status.Next
		Expect(create(ctx, namespace, atManifest("later", "2099-01-01T00:00:00Z", "true"))).To(Succeed())
		guarded := `{schedule: "2019-07-03T02:00:00Z", startingDeadlineSeconds: 60, command: "true"}`
		Expect(create(ctx, namespace, atOf("guarded", guarded))).To(Succeed())
		Expect(create(ctx, namespace, atOf("cancelled", `{schedule: "2019-07-03T02:00:00Z", cancel: true, command: "true"}`))).To(Succeed())
		Expect(create(ctx, namespace, atOf("again", `{schedule: "2019-07-03T02:00:00Z", command: "true"}`))).To(Succeed())
		first := awaitAt(ctx, namespace, "again", inPhase(cnatv1.AtSucceeded))
		awaitAt(ctx, namespace, "guarded", inPhase(cnatv1.AtMissed))

		manifests := backup(ctx, namespace)
		deleteAll(ctx, namespace)
		Expect(claimsOf(ctx, namespace)).To(Equal(claims))
		began := time.Now().Add(-time.Second)
		for _, manifest := range manifests {
			err := create(ctx, namespace, manifest)
			if !apierrors.IsAlreadyExists(err) { // the binding may be, once the Database is
				Expect(err).NotTo(HaveOccurred(), manifest)
			}
		}

		By("taking up the data, with the password that applications know")
		db = awaitDatabase(ctx, namespace, "shop", databasev1.ConditionReady, "")
		Expect(query(ctx, db, "ask", "SELECT answer FROM kept")).To(Equal("42"))
		Expect(k8s.Get(ctx, credentialsKey, credentials)).To(Succeed())
		Expect(string(credentials.Data["password"])).To(Equal(password))
		Expect(claimsOf(ctx, namespace)).To(Equal(claims))
		binding := &corev1.Secret{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: db.Status.Binding.Name}, binding)).To(Succeed())
		Expect(string(binding.Data["password"])).To(Equal(password))
		Expect(binding.OwnerReferences).To(ContainElement(HaveField("UID", db.UID)))
		requestBackup(ctx, db, "two")

		By("creating the next run of the CronTab anew, and none of the past")
		tab := awaitCronTab(ctx, namespace, "tab", scheduled)
		Expect(tab.Status.Next.Name).To(Equal(next.Name))
		Expect(tab.Status.Next.UID).NotTo(Equal(next.UID))
		Expect(ptr.Deref(tab.Status.MissedRuns, 0)).To(BeZero())
		Expect(tab.Status.LastScheduleTime).To(BeNil())

		By("running the Ats whose time has passed, but for those that say no")
		again := awaitAt(ctx, namespace, "again", inPhase(cnatv1.AtSucceeded))
		Expect(again.UID).NotTo(Equal(first.UID))
		Expect(again.Status.StartTime.Time).To(BeTemporally(">=", began))
		Expect(awaitAt(ctx, namespace, "guarded", inPhase(cnatv1.AtMissed)).Status.JobUID).To(BeEmpty())
		Expect(awaitAt(ctx, namespace, "cancelled", inPhase(cnatv1.AtCancelled)).Status.JobUID).To(BeEmpty())
		Expect(awaitAt(ctx, namespace, "later", inPhase(cnatv1.AtPending)).Status.JobUID).To(BeEmpty())
		mine := &corev1.Secret{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "mine"}, mine)).To(Succeed())
	}, SpecTimeout(10*time.Minute))
})

// claimsOf are the UIDs of a namespace's volume claims, by name.
func claimsOf(ctx SpecContext, namespace string) map[string]string {
	GinkgoHelper()
	claims := &corev1.PersistentVolumeClaimList{}
	Expect(k8s.List(ctx, claims, client.InNamespace(namespace))).To(Succeed())
	uids := map[string]string{}
	for _, claim := range claims.Items {
		uids[claim.Name] = string(claim.UID)
	}
	return uids
}
