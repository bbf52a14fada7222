package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	leaseName      = "cnat-operator.cnat.programming-kubernetes.info"
	serviceAccount = "cnat-operator-controller-manager"
)

// replicas are the operator's pods that are ready, wherever it is installed.
func (s *scorecard) replicas(ctx context.Context) ([]corev1.Pod, error) {
	pods := &corev1.PodList{}
	err := s.k8s.List(ctx, pods, client.MatchingLabels{"app.kubernetes.io/name": "cnat-operator"})
	if err != nil {
		return nil, fmt.Errorf("listing the operator's pods: %w", err)
	}
	var ready []corev1.Pod
	for _, pod := range pods.Items {
		for _, condition := range pod.Status.Conditions {
			ours := pod.Spec.ServiceAccountName == serviceAccount && pod.DeletionTimestamp == nil
			if ours && condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
				ready = append(ready, pod)
			}
		}
	}
	return ready, nil
}

// oneLeader: of two replicas, one holds the lease, and goes on holding it.
func oneLeader(ctx context.Context, s *scorecard, _ string) error {
	var last string
	err := poll(ctx, func(ctx context.Context) (bool, error) {
		ready, err := s.replicas(ctx)
		if err != nil {
			return false, err
		}
		last = fmt.Sprintf("%d replicas are ready", len(ready))
		if len(ready) != 2 {
			return false, nil
		}
		leases := &coordinationv1.LeaseList{}
		if err := s.k8s.List(ctx, leases, client.InNamespace(ready[0].Namespace), client.MatchingFields{"metadata.name": leaseName}); err != nil {
			return false, fmt.Errorf("listing the leases: %w", err)
		}
		leaders := 0
		for _, lease := range leases.Items {
			held := ptr.Deref(lease.Spec.HolderIdentity, "")
			fresh := lease.Spec.RenewTime != nil && time.Since(lease.Spec.RenewTime.Time) < 15*time.Second
			for _, pod := range ready {
				if fresh && strings.HasPrefix(held, pod.Name+"_") {
					leaders++
				}
			}
			last = fmt.Sprintf("lease %s is held by %q", lease.Name, held)
		}
		return leaders == 1, nil
	})
	if err != nil {
		return fmt.Errorf("waiting for two replicas with one leader: %w; %s", err, last)
	}
	return nil
}

// metricsOnlyForTheAuthorised: who shows no token is not known, who may not read metrics is refused, who may is answered.
func metricsOnlyForTheAuthorised(ctx context.Context, s *scorecard, _ string) error {
	ready, err := s.replicas(ctx)
	if err != nil {
		return err
	}
	if len(ready) == 0 {
		return errors.New("no replica of the operator is ready")
	}
	request := &authenticationv1.TokenRequest{}
	nobody := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "default"}}
	if err := s.k8s.SubResource("token").Create(ctx, nobody, request); err != nil {
		return fmt.Errorf("asking for a token of who has no rights: %w", err)
	}
	for _, ask := range []struct {
		who, token string
		want       int
	}{
		{"without a token", "", http.StatusUnauthorized},
		{"as a service account without rights", request.Status.Token, http.StatusForbidden},
		{"as the scorecard, which may read metrics", s.config.BearerToken, http.StatusOK},
	} {
		got, err := askForMetrics(ctx, ready[0].Status.PodIP, ask.token)
		if err != nil {
			return err
		}
		if got != ask.want {
			return fmt.Errorf("%s the metrics endpoint answers %d, not %d", ask.who, got, ask.want)
		}
	}
	return nil
}

func askForMetrics(ctx context.Context, address, token string) (int, error) {
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+":8443/metrics", http.NoBody)
	if err != nil {
		return 0, err
	}
	if token != "" {
		ask.Header.Set("Authorization", "Bearer "+token)
	}
	// The certificate is the operator's own; whether it is trusted is not what is tested.
	insecure := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // see above
	answer, err := insecure.Do(ask)
	if err != nil {
		return 0, fmt.Errorf("asking for metrics: %w", err)
	}
	return answer.StatusCode, answer.Body.Close()
}
