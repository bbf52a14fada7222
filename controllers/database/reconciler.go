// Package database reconciles Databases: credentials, then a Helm release, then the server's readiness, then status.
package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/monitoring"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/step"
)

// +kubebuilder:rbac:groups=example.com,resources=databases,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=example.com,resources=databases/status,verbs=patch
// +kubebuilder:rbac:groups=example.com,resources=databases/finalizers,verbs=update
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// A pod is patched so that the kubelet brings a new password into it at once, and tried by a dry run.
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch;create;patch
// Helm stores its releases in Secrets, which it updates.
// +kubebuilder:rbac:groups="",resources=secrets,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups="",resources=configmaps;serviceaccounts;services,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="",resources=persistentvolumeclaims,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=apps,resources=statefulsets,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:roleName=storage-class,groups=storage.k8s.io,resources=storageclasses,verbs=get
// +kubebuilder:rbac:groups=networking.k8s.io,resources=networkpolicies,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups=monitoring.coreos.com,resources=servicemonitors,verbs=get;create;patch;delete
// +kubebuilder:rbac:groups=policy,resources=poddisruptionbudgets,verbs=get;list;watch;create;patch;delete

// Reconciler reconciles Databases.
type Reconciler struct {
	// Client reads from the manager's cache, and writes.
	Client client.Client
	// APIReader reads past the cache: the Secrets that users name are not in it.
	APIReader client.Reader
	// Recorder sends events.
	Recorder events.EventRecorder
	// Clock gives the time. Nil is the real one.
	Clock clock.PassiveClock
	// Releases is Helm.
	Releases release.Releases
	// DefaultImage is the server's image for a Database that names none.
	DefaultImage string
	// DefaultVersion is PostgreSQL's major version in DefaultImage where that is by digest alone; empty: not known.
	DefaultVersion string
	// ExporterImage is the exporter's image for a Database with monitoring that names none.
	ExporterImage string
	// MaxConcurrentReconciles is how many Databases are worked on at once. Zero is 4.
	MaxConcurrentReconciles int
	// MaxConcurrentRollouts is how many Databases may be not ready at once for the sake of an upgrade to a newer chart.
	// Zero is 1.
	MaxConcurrentRollouts int
	// Namespaces are those that the manager's cache is limited to. None: all.
	Namespaces map[string]cache.Config

	crashes    client.Reader
	tracker    tracker
	monitorAPI monitoring.MissingAPI
}

// pass is one reconciliation of one Database.
type pass struct {
	db    *v1.Database
	track *track
	now   time.Time
	// found is what the pass read, and seen what the steps made of it.
	found snapshot
	seen  observation
	// failed are the errors of the steps.
	failed []error
}

// Reconcile brings one Database closer to its spec.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	db := &v1.Database{}
	if err := r.Client.Get(ctx, request.NamespacedName, db); err != nil {
		if apierrors.IsNotFound(err) {
			r.tracker.forget(request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	p := &pass{db: db, track: r.tracker.of(db), now: r.Clock.Now()}
	p.track.busy.Lock() // by nobody, where one worker handles a Database
	defer p.track.busy.Unlock()
	p.track.log = log.FromContext(ctx)
	if p.track.isStale(db, p.now) {
		return ctrl.Result{RequeueAfter: step.StaleRetry}, nil
	}
	// Owner references are made from it, and the cache leaves it out.
	db.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	if !db.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, db)
	}
	if err := r.addFinalizer(ctx, db); err != nil {
		return retry(err)
	}
	p.found = r.observe(ctx, p)
	r.act(ctx, p)
	status := statusFor(p)
	hold := p.hold(&status)
	if hold == 0 {
		if err := r.report(ctx, db, status, p.seen.events()); err != nil {
			return retry(errors.Join(append(p.failed, err)...))
		}
	}
	if len(p.failed) > 0 {
		return retry(errors.Join(p.failed...))
	}
	if !p.seen.release.Slot && p.seen.server.Ready && db.Status.Release.RolloutTime == nil {
		r.tracker.slots.Release(db.UID)
	}
	return ctrl.Result{RequeueAfter: step.Sooner(p.seen.recheck(), hold), Priority: priorityOf(db)}, nil
}

// failure notes how a step ended. An error of one step keeps no other from being done. What the API server refuses is
// reported at once, other errors when they last.
func (p *pass) failure(what string, err error) {
	text := ""
	if err != nil {
		text = "failing"
		p.failed = append(p.failed, err)
	}
	lasting := p.track.Since(what, text, p.now) >= step.TransientGrace
	switch {
	case err == nil:
	case release.IsRefusal(err):
		p.seen.failures = append(p.seen.failures, step.NewProblem(v1.ReasonRefused, "%v", err))
	case lasting:
		p.seen.failures = append(p.seen.failures, step.NewProblem(v1.ReasonAPIServerFailing,
			"%s, for %s and longer: %v", what, step.TransientGrace, err))
	}
}

func (r *Reconciler) addFinalizer(ctx context.Context, db *v1.Database) error {
	before := db.DeepCopy()
	if !controllerutil.AddFinalizer(db, finalizer) {
		return nil
	}
	if err := r.Client.Patch(ctx, db, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("add finalizer: %w", err)
	}
	r.tracker.of(db).written = db.ResourceVersion
	db.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	return nil
}

// retry turns the error of a pass into what the queue does: a stale read is no failure and is tried again soon,
// everything else after a wait that grows.
func retry(err error) (ctrl.Result, error) {
	if step.IsStaleRead(err) {
		return ctrl.Result{RequeueAfter: step.StaleRetry}, nil
	}
	return ctrl.Result{}, err
}
