package database

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/pods"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// What is optional must not take the server away. A StatefulSet deletes the pod before it learns that the API server
// refuses the next one, so the operator asks before: by a dry run of the very pod, with the exporter as it is to be.

// exceededQuota is in what the API server says of a quota that has no room left. Of other refusals it is not.
const exceededQuota = "exceeded quota"

// exporterRecheck is how often it is tried again to have an exporter.
const exporterRecheck = time.Minute

// onlyPods is such a message where all that there is no room for is one pod more: the next one takes the place of
// another.
var onlyPods = regexp.MustCompile(`requested: ((count/)?pods=1,? ?)+used:`)

// render renders the release: with the exporter where there is to be one, and the API server would let the pod be with
// it.
func (r *Reconciler) render(
	ctx context.Context, p *pass, values map[string]any, live *appsv1.StatefulSet, blocked bool,
) (*helm.Desired, error) {
	db, seen := p.db, &p.seen
	plain := maps.Clone(values)
	if !p.noExporter {
		if err := addExporter(values, db, r.ExporterImage); err != nil {
			return nil, err
		}
	}
	want, err := r.Releases.Render(db, step.ReleaseName(db), values)
	if err == nil && !blocked && len(values) > len(plain) {
		if seen.withoutExporter, err = r.tryExporter(ctx, p, want, live); err != nil {
			return nil, err
		}
		if seen.withoutExporter != nil {
			want, err = r.Releases.Render(db, step.ReleaseName(db), plain)
		}
	}
	if err != nil {
		// Nothing was asked of the API server: a chart that can't be rendered fails the same way each time.
		seen.release.problem = step.NewProblem(v1.ReasonReleaseFailed, "%v", err)
		return nil, nil
	}
	return want, nil
}

// trial is what came of asking.
type trial struct {
	// about is the generation and the release's digest that it was asked for.
	about string
	at    time.Time
	found *step.Problem
}

// isFresh reports whether there is no need to ask again. Many Databases may wait for their slot with what they may have.
func (t trial) isFresh(about string, now time.Time) bool {
	memory := exporterRecheck
	if t.found == nil {
		memory *= 10
	}
	return t.about == about && now.Sub(t.at) < memory
}

// tryExporter says why the server is to be without the exporter, or nil.
func (r *Reconciler) tryExporter(
	ctx context.Context, p *pass, want *helm.Desired, live *appsv1.StatefulSet,
) (*step.Problem, error) {
	missing := p.isPodMissing()
	about := fmt.Sprint(p.db.Generation, missing, want.Digest)
	switch {
	case want.Digest == p.db.Status.Release.Digest && !missing:
		return nil, nil
	case p.track.trial.isFresh(about, p.now):
		return p.track.trial.found, nil
	}
	found, err := r.exporterProblem(ctx, want, live, missing)
	if err == nil {
		p.track.trial = trial{about: about, at: p.now, found: found}
	}
	return found, err
}

// exporterProblem asks the API server for the next pod, where its exporter is another or the pod is missing.
func (r *Reconciler) exporterProblem(
	ctx context.Context, want *helm.Desired, live *appsv1.StatefulSet, missing bool,
) (*step.Problem, error) {
	next, err := r.statefulSetIn(want.Objects)
	if err != nil {
		return nil, err
	}
	exporter := pods.ExporterIn(next.Spec.Template.Spec)
	if exporter == nil || !missing && live != nil && sameContainer(pods.ExporterIn(live.Spec.Template.Spec), exporter) {
		return nil, nil
	}
	refusal, err := r.tryPod(ctx, nextPod(next, live))
	if refusal == nil || err != nil {
		return nil, err
	}
	switch {
	case missing:
		// Where the server is refused by itself, it would be no better off.
		alone := nextPod(next, live)
		alone.Spec.Containers = withoutExporter(alone.Spec.Containers)
		if other, err := r.tryPod(ctx, alone); other != nil || err != nil {
			return nil, err
		}
	case live != nil && live.Status.Replicas > 0 && strings.Contains(refusal.Error(), exceededQuota):
		// The pod that is there still counts: what matters is what there is to be beside it.
		refusal, err = r.tryPod(ctx, growth(nextPod(next, live), pods.ExporterIn(live.Spec.Template.Spec), exporter))
		if refusal == nil || err != nil {
			return nil, err
		}
		if words := refusal.Error(); !strings.Contains(words, exceededQuota) || onlyPods.MatchString(words) {
			return nil, nil
		}
	}
	found := step.NewProblem(v1.ReasonMonitoringFailed, "the server is without the exporter, since with it the API server "+
		"would refuse the pod: %v. Change spec.monitoring, or what refuses it; it is tried again every %s",
		refusal, exporterRecheck)
	found.Serving = true
	return found, nil
}

// isPodMissing reports whether the pod has been refused for some time: a quota counts the pod before it for some seconds.
func (p *pass) isPodMissing() bool {
	found, reason := p.seen.server.Problem, ""
	if found != nil && found.Reason == v1.ReasonPodMissing {
		reason = found.Reason
	}
	return p.track.Since("the pod", reason, p.now) >= step.TransientGrace
}

// tryPod asks the API server whether it would create a pod.
func (r *Reconciler) tryPod(ctx context.Context, pod *corev1.Pod) (refusal, err error) {
	err = r.Client.Create(ctx, pod, client.DryRunAll)
	switch {
	case err == nil, apierrors.IsAlreadyExists(err), strings.Contains(err.Error(), "does not support dry run"):
		return nil, nil
	case isRefusal(err):
		return err, nil
	default:
		return nil, fmt.Errorf("try to create the pod: %w", err)
	}
}

// statefulSetIn is the chart's StatefulSet.
func (r *Reconciler) statefulSetIn(objects helm.Objects) (*appsv1.StatefulSet, error) {
	for _, object := range objects {
		if object.GetKind() == "StatefulSet" {
			typed, err := r.typed(object)
			if err != nil {
				return nil, fmt.Errorf("chart's StatefulSet: %w", err)
			}
			return typed.(*appsv1.StatefulSet), nil
		}
	}
	return &appsv1.StatefulSet{}, nil
}

// nextPod is the pod that the StatefulSet's controller would create.
func nextPod(next, live *appsv1.StatefulSet) *corev1.Pod {
	template := next.Spec.Template.DeepCopy()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: next.Namespace, GenerateName: next.Name + "-",
			Labels: template.Labels, Annotations: template.Annotations,
		},
		Spec: template.Spec,
	}
	if live == nil {
		pod.Spec.ServiceAccountName = "" // It is created with the release.
	}
	return pod
}

// growth is the pod with nothing but what the exporter is to have more than it has.
func growth(pod *corev1.Pod, have, want *corev1.Container) *corev1.Pod {
	more := want.DeepCopy()
	if have != nil {
		more.Resources.Requests = beyond(more.Resources.Requests, have.Resources.Requests)
		more.Resources.Limits = beyond(more.Resources.Limits, have.Resources.Limits)
	}
	pod.Spec.InitContainers, pod.Spec.Containers = nil, []corev1.Container{*more}
	return pod
}

// beyond is by how much each quantity is larger than what there is of it.
func beyond(want, have corev1.ResourceList) corev1.ResourceList {
	for name, quantity := range want {
		if quantity.Sub(have[name]); quantity.Sign() < 0 {
			quantity.Set(0)
		}
		want[name] = quantity
	}
	return want
}

func withoutExporter(containers []corev1.Container) []corev1.Container {
	var rest []corev1.Container
	for i := range containers {
		if containers[i].Name != pods.ExporterContainer {
			rest = append(rest, containers[i])
		}
	}
	return rest
}

// sameContainer reports whether a container has all that the chart says of it.
func sameContainer(have, want *corev1.Container) bool {
	if have == nil {
		return false
	}
	haveContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(have)
	if err != nil {
		return false
	}
	wantContent, err := runtime.DefaultUnstructuredConverter.ToUnstructured(want)
	return err == nil && step.Covers(haveContent, wantContent)
}

// isRefusal reports whether the API server said no, as for a quota, a policy or a webhook: that lasts, other than a stale
// read or an API server that is away.
func isRefusal(err error) bool {
	var answer apierrors.APIStatus
	return errors.As(err, &answer) && !helm.IsTransient(err) && !step.IsStaleRead(err)
}
