// Package release brings the Helm release of a Database to what its spec asks for.
//
// It has a read phase of its own, after the chart was rendered: only then it is known which objects there are to be, so
// that the live ones, Helm's stored release and what the API server would make of the next pod can be read.
package release

import (
	"context"
	"strconv"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/internal/helm"
)

// Releases is what the reconciler needs of Helm. Observe returns nil for a release that is not there.
type Releases interface {
	Render(owner client.Object, name string, values map[string]any) (*helm.Desired, error)
	Observe(ctx context.Context, owner client.Object, name string, trusted ...string) (*helm.Release, error)
	Install(ctx context.Context, want *helm.Desired) (*helm.Release, error)
	Upgrade(ctx context.Context, want *helm.Desired, from *helm.Release) (*helm.Release, error)
	Apply(ctx context.Context, owner client.Object, name string, object *unstructured.Unstructured) error
	Uninstall(ctx context.Context, owner client.Object, name string, trusted ...string) error
}

// Step is what the release needs of the operator.
type Step struct {
	Client    client.Client
	APIReader client.Reader
	Releases  Releases
	Clock     clock.PassiveClock
	// DefaultImage and ExporterImage are those of a Database that names none.
	DefaultImage, ExporterImage string
	// DefaultVersion is PostgreSQL's major version in DefaultImage where that is by digest alone; empty: not known.
	DefaultVersion string
	// MaxConcurrentRollouts is how many slots there are; zero is one.
	MaxConcurrentRollouts int
	Slots                 *Slots
}

// Needs is what the release needs of the other steps.
type Needs struct {
	// Credentials is where the password is.
	Credentials v1.SecretKeyReference
	// Storage and Dumps are the chart's values for the volume claims.
	Storage, Dumps map[string]any
	// RestoreFrom is the dump that the data directory is to be initialized from.
	RestoreFrom v1.DatabaseRestore
	// Live is the StatefulSet; nil: there is none.
	Live *appsv1.StatefulSet
	// Ready says that the server is, and PodMissing that its pod can't be created.
	Ready, PodMissing bool
	// NoExporter: there is none for now, whatever the spec says.
	NoExporter bool
	// Blocked: something is missing without which the server could not start again, so that the release stays as it is.
	Blocked bool
	// DataProblem: the data is lost or in danger, so that nothing is done that restarts the server.
	DataProblem bool
}

// Result is what came of a release.
type Result struct {
	Status v1.ReleaseStatus
	// Current: what was asked for is installed.
	Current bool
	// Rolling: the StatefulSet was just changed, and the cache does not show it so.
	Rolling bool
	// Slot: the release is current as far as the spec goes, and waits for a slot to be upgraded to a newer chart.
	Slot bool
	// Waiting says what the operator does or waits for.
	Waiting string
	Problem *step.Problem
	Events  []step.Event
	Recheck time.Duration

	// Image is what the server is to run, and ImageProblem why that is not what the spec asks for.
	Image        string
	ImageProblem *step.Problem
	// WithoutExporter says why there is no exporter, although the spec asks for it.
	WithoutExporter *step.Problem
	// CronJob creates backups, as it was rendered; nil: it is not there.
	CronJob *batchv1.CronJob
}

// Memory is what the process remembers of a release from one pass to the next.
type Memory struct {
	step.Sightings
	// acted is when the release was last installed or upgraded: the cache may be behind.
	acted   time.Time
	repairs repairs
	// pinned is what the objects looked like when they were found to be those of the stored release.
	pinned string
	// trial is what the API server last said of the pod with the exporter.
	trial trial
}

// run is the step's part of one pass over one Database.
type run struct {
	*Step
	db     *v1.Database
	needs  Needs
	memory *Memory
	now    time.Time
	// blocked: nothing is installed or upgraded.
	blocked bool
}

// Run renders the chart, reads what there is of it, and brings the release to that by one action at most. While it is
// blocked, as by a Secret that is missing, or waits for a rollout slot, it is kept as it is stored.
func (s *Step) Run(ctx context.Context, db *v1.Database, needs Needs, memory *Memory, now time.Time) (Result, error) {
	r := &run{Step: s, db: db, needs: needs, memory: memory, now: now, blocked: needs.Blocked || needs.DataProblem}
	image, imageProblem := imageFor(db, s.DefaultImage, s.DefaultVersion)
	rendered, err := r.render(ctx, image)
	result := Result{Problem: rendered.problem}
	if err == nil && rendered.want != nil {
		result, err = r.bring(ctx, rendered.want)
	}
	result.Image, result.ImageProblem = image, imageProblem
	if result.WithoutExporter = rendered.withoutExporter; result.WithoutExporter != nil {
		result.Recheck = step.Sooner(result.Recheck, exporterRecheck)
	}
	return result, err
}

// bring observes, decides, and carries the decision out.
func (r *run) bring(ctx context.Context, want *helm.Desired) (Result, error) {
	seen, err := r.observe(ctx, want)
	result := Result{Status: seen.known}
	switch {
	case seen.pinned:
		result = seen.pinnedResult()
		if err == nil {
			err = r.pin(ctx, seen, &result)
		}
	case err != nil, seen.unknown:
	case settled(seen.known, want.Digest, len(seen.found.drift) > 0):
		result.Status, result.Current = succeeded(seen.known), true
		result.Status.Generation = r.db.Generation
	case r.blocked:
		result, err = r.repair(ctx, seen.known, seen)
	default:
		result, err = r.act(ctx, want, seen)
	}
	result.CronJob = seen.found.cronJob
	return result, err
}

// act decides what to do about a release that is not settled, and does it.
func (r *run) act(ctx context.Context, want *helm.Desired, seen observed) (Result, error) {
	in := r.situation(seen, want.Digest)
	do := decide(in)
	started := r.Clock.Now()
	result, err := r.do(ctx, do, in, want, seen)
	if do.kind == actionUpgrade && err == nil && in.state() == stateOutdated && isRollout(r.db, r.needs.Ready, false) {
		result.Status.RolloutTime = &metav1.Time{Time: started}
	}
	releaseActions.observe(do.kind, result, err, r.Clock.Since(started))
	return result, err
}

// situation puts together what the decision is made from.
func (r *run) situation(seen observed, digest string) situation {
	in := situation{
		stored: seen.stored, known: seen.known, uid: string(r.db.UID), owner: r.db.Name, namespace: r.db.Namespace,
		digest: digest, drift: len(seen.found.drift) > 0, acted: cacheLag,
	}
	if seen.stored != nil {
		in.seen = r.memory.Since("revision", strconv.FormatInt(seen.stored.Revision, 10), r.now)
	}
	if at := seen.known.LastAttemptTime; at != nil {
		in.attempted = r.memory.Since("attempt", at.UTC().Format(time.RFC3339), r.now)
	}
	if !r.memory.acted.IsZero() {
		in.acted = r.now.Sub(r.memory.acted)
	}
	return in
}
