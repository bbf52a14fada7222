package release

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/pods"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/controllers/database/values"
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

// rendered is what the chart gives.
type rendered struct {
	// want is nil where the chart can't be rendered, and problem says why.
	want    *helm.Desired
	problem *step.Problem
	// withoutExporter says why there is no exporter, although the spec asks for it.
	withoutExporter *step.Problem
}

// render renders the release: with the exporter where there is to be one, and the API server would let the pod be with
// it.
func (r *run) render(ctx context.Context, image string) (rendered, error) {
	plain, err := r.values(image)
	if err != nil {
		return rendered{}, err
	}
	full := maps.Clone(plain)
	if !r.needs.NoExporter {
		if err := values.AddExporter(full, r.db, r.ExporterImage); err != nil {
			return rendered{}, err
		}
	}
	var result rendered
	result.want, err = r.Releases.Render(r.db, step.ReleaseName(r.db), full)
	if err == nil && !r.needs.Blocked && len(full) > len(plain) {
		if result.withoutExporter, err = r.tryExporter(ctx, result.want); err != nil {
			return rendered{}, err
		}
		if result.withoutExporter != nil {
			result.want, err = r.Releases.Render(r.db, step.ReleaseName(r.db), plain)
		}
	}
	if err != nil {
		// Nothing was asked of the API server: a chart that can't be rendered fails the same way each time.
		result.want, result.problem = nil, step.NewProblem(v1.ReasonReleaseFailed, "%v", err)
	}
	return result, nil
}

// values are the chart's, without the exporter.
func (r *run) values(image string) (map[string]any, error) {
	all, err := values.For(r.db, r.needs.Credentials, r.needs.Storage, image)
	if err != nil {
		return nil, err
	}
	backup, err := values.Backup(r.db, r.needs.Dumps, r.needs.RestoreFrom)
	maps.Copy(all, backup)
	return all, err
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
func (r *run) tryExporter(ctx context.Context, want *helm.Desired) (*step.Problem, error) {
	missing := r.isPodMissing()
	about := fmt.Sprint(r.db.Generation, missing, want.Digest)
	switch {
	case want.Digest == r.db.Status.Release.Digest && !missing:
		return nil, nil
	case r.memory.trial.isFresh(about, r.now):
		return r.memory.trial.found, nil
	}
	found, err := r.exporterProblem(ctx, want, r.needs.Live, missing)
	if err == nil {
		r.memory.trial = trial{about: about, at: r.now, found: found}
	}
	return found, err
}

// exporterProblem asks the API server for the next pod, where its exporter is another or the pod is missing.
func (s *Step) exporterProblem(
	ctx context.Context, want *helm.Desired, live *appsv1.StatefulSet, missing bool,
) (*step.Problem, error) {
	next, err := s.statefulSetIn(want.Objects)
	if err != nil {
		return nil, err
	}
	exporter := pods.ExporterIn(next.Spec.Template.Spec)
	if exporter == nil || !missing && live != nil && sameContainer(pods.ExporterIn(live.Spec.Template.Spec), exporter) {
		return nil, nil
	}
	refusal, err := s.tryPod(ctx, nextPod(next, live))
	if refusal == nil || err != nil {
		return nil, err
	}
	switch {
	case missing:
		// Where the server is refused by itself, it would be no better off.
		alone := nextPod(next, live)
		alone.Spec.Containers = withoutExporter(alone.Spec.Containers)
		if other, err := s.tryPod(ctx, alone); other != nil || err != nil {
			return nil, err
		}
	case live != nil && live.Status.Replicas > 0 && strings.Contains(refusal.Error(), exceededQuota):
		// The pod that is there still counts: what matters is what there is to be beside it.
		refusal, err = s.tryPod(ctx, growth(nextPod(next, live), pods.ExporterIn(live.Spec.Template.Spec), exporter))
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
func (r *run) isPodMissing() bool {
	reason := ""
	if r.needs.PodMissing {
		reason = v1.ReasonPodMissing
	}
	return r.memory.Since("the pod", reason, r.now) >= step.TransientGrace
}

// tryPod asks the API server whether it would create a pod.
func (s *Step) tryPod(ctx context.Context, pod *corev1.Pod) (refusal, err error) {
	err = s.Client.Create(ctx, pod, client.DryRunAll)
	switch {
	case err == nil, apierrors.IsAlreadyExists(err), strings.Contains(err.Error(), "does not support dry run"):
		return nil, nil
	case IsRefusal(err):
		return err, nil
	default:
		return nil, fmt.Errorf("try to create the pod: %w", err)
	}
}

// statefulSetIn is the chart's StatefulSet.
func (s *Step) statefulSetIn(objects helm.Objects) (*appsv1.StatefulSet, error) {
	for _, object := range objects {
		if object.GetKind() == "StatefulSet" {
			typed, err := s.typed(object)
			if err != nil {
				return nil, fmt.Errorf("chart's StatefulSet: %w", err)
			}
			return typed.(*appsv1.StatefulSet), nil
		}
	}
	return &appsv1.StatefulSet{}, nil
}
