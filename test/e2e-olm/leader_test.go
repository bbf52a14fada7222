package e2eolm

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

const (
	leaseName = "cnat-operator.cnat.programming-kubernetes.info"
	// leaseDuration is controller-runtime's default: the lease of a leader that is killed lasts as long.
	leaseDuration = 15 * time.Second
)

func readLease(ctx SpecContext, g Gomega) *coordinationv1.Lease {
	lease := &coordinationv1.Lease{}
	g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: leaseName}, lease)).To(Succeed())
	return lease
}

// holder is the pod of the leader, or "".
func holder(lease *coordinationv1.Lease) string {
	name, _, _ := strings.Cut(ptr.Deref(lease.Spec.HolderIdentity, ""), "_")
	return name
}

// awaitReplicas waits for two replicas, one of them the leader, and returns that one.
func awaitReplicas(ctx SpecContext) *corev1.Pod {
	GinkgoHelper()
	leader := &corev1.Pod{}
	Eventually(ctx, func(g Gomega) {
		pods := &corev1.PodList{}
		g.Expect(k8s.List(ctx, pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"control-plane": "controller-manager"})).To(Succeed())
		g.Expect(pods.Items).To(HaveLen(2))
		for _, pod := range pods.Items {
			g.Expect(pod.DeletionTimestamp).To(BeNil())
			g.Expect(pod.Status.Conditions).To(ContainElement(And(HaveField("Type", corev1.PodReady), HaveField("Status", corev1.ConditionTrue))))
		}
		lease := readLease(ctx, g)
		g.Expect(k8s.Get(ctx, client.ObjectKey{Namespace: operatorNamespace, Name: holder(lease)}, leader)).To(Succeed())
		g.Expect(time.Since(lease.Spec.RenewTime.Time)).To(BeNumerically("<", leaseDuration))
	}).Should(Succeed())
	return leader
}

// awaitAnother waits until the lease has another holder than before.
func awaitAnother(ctx SpecContext, before string, since time.Time) time.Duration {
	GinkgoHelper()
	Eventually(ctx, func(g Gomega) {
		lease := readLease(ctx, g)
		g.Expect(ptr.Deref(lease.Spec.HolderIdentity, "")).NotTo(Or(BeEmpty(), Equal(before)))
	}).WithPolling(50 * time.Millisecond).Should(Succeed())
	return time.Since(since)
}

func failOver(ctx SpecContext) {
	for _, way := range []struct {
		name   string
		signal syscall.Signal
		limit  time.Duration
	}{
		{"graceful", syscall.SIGTERM, leaseDuration - time.Second},
		{"sigkill", syscall.SIGKILL, leaseDuration + 15*time.Second},
	} {
		leader := awaitReplicas(ctx)
		identity := ptr.Deref(readLease(ctx, Default).Spec.HolderIdentity, "")
		start := time.Now()
		Expect(syscall.Kill(managerOf(leader), way.signal)).To(Succeed())
		took := awaitAnother(ctx, identity, start)
		report("failover_%s_seconds=%.3f", way.name, took.Seconds())
		Expect(took).To(BeNumerically("<", way.limit), "%s: a leader that is asked to end releases the lease", way.name)
	}

	leader := awaitReplicas(ctx)
	identity := ptr.Deref(readLease(ctx, Default).Spec.HolderIdentity, "")
	pid := managerOf(leader)
	cluster(ctx, "pause", "kube-apiserver")
	resumed := false
	resume := func() {
		if !resumed {
			resumed = true
			cluster(ctx, "resume", "kube-apiserver")
		}
	}
	defer resume()
	start := time.Now()
	Eventually(ctx, func() error { return syscall.Kill(pid, 0) }).Should(MatchError(syscall.ESRCH), "the leader steps down: its process ends")
	report("steps_down_seconds=%.3f without the API server", time.Since(start).Seconds())
	Eventually(ctx, func() time.Duration { return time.Since(start) }).Should(BeNumerically(">", leaseDuration))
	resume()
	start = time.Now()
	report("takes_over_seconds=%.3f after the API server is back", awaitAnother(ctx, identity, start).Seconds())

	at := &cnatv1alpha1.At{}
	at.Namespace, at.Name, at.Spec.Command = workNamespace, "after-the-failover", "true"
	at.Spec.Schedule = ptr.To(metav1.Now())
	Eventually(ctx, func() error { return k8s.Create(ctx, at) }).Should(Succeed())
	awaitPhase(ctx, workNamespace, at.Name, cnatv1.AtSucceeded)
	awaitReplicas(ctx)
}

func cluster(ctx SpecContext, args ...string) {
	GinkgoHelper()
	output, err := run(ctx, filepath.Join("bin", "cluster"), args...)
	Expect(err).NotTo(HaveOccurred(), output)
}

// managerOf finds the operator's process in a pod: the node is this machine.
func managerOf(pod *corev1.Pod) int {
	GinkgoHelper()
	files, err := filepath.Glob("/proc/[0-9]*/cgroup")
	Expect(err).NotTo(HaveOccurred())
	for _, file := range files {
		groups, err := os.ReadFile(file)
		if err != nil || !strings.Contains(strings.ReplaceAll(string(groups), "_", "-"), string(pod.UID)) {
			continue
		}
		command, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
		if err != nil || !strings.HasPrefix(string(command), "/manager\x00") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			return pid
		}
	}
	Fail("the leader, " + pod.Name + ", has no process on this machine")
	return 0
}
