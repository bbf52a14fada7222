// Package database reconciles Databases: credentials, then a Helm release, then the server's readiness, then status.
package database

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/helm"
)

// +kubebuilder:rbac:groups=example.com,resources=databases,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=example.com,resources=databases/status,verbs=patch
// +kubebuilder:rbac:groups=example.com,resources=databases/finalizers,verbs=update
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch
// A pod is patched so that the kubelet brings a new password into it at once.
// +kubebuilder:rbac:groups="",resources=pods,verbs=list;watch;patch
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
	// Clock tells the time. Nil is the real one.
	Clock clock.PassiveClock
	// Releases is Helm.
	Releases Releases
	// DefaultImage is the server's image for a Database that names none.
	DefaultImage string
	// ExporterImage is the exporter's image for a Database with monitoring that names none.
	ExporterImage string
	// MaxConcurrentReconciles is how many Databases are worked on at once. Zero is 4.
	MaxConcurrentReconciles int
	// MaxConcurrentRollouts is how many Databases may be not ready at once for the sake of an upgrade to a newer chart.
	// Zero is 1.
	MaxConcurrentRollouts int
	// Namespaces are those that the manager's cache is limited to. None: all.
	Namespaces map[string]cache.Config

	crashes  client.Reader
	turns    turns
	held     sync.Map // of *helm.Release, by the UID of a Database that waits for its turn
	repairs  repairs
	written  written
	monitors monitors
}

// Reconcile brings one Database closer to its spec.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	db := &v1.Database{}
	if err := r.Client.Get(ctx, request.NamespacedName, db); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if r.written.isStale(db) {
		return ctrl.Result{RequeueAfter: staleRetry}, nil
	}
	// Owner references are made from it, and the cache leaves it out.
	db.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	if !db.DeletionTimestamp.IsZero() {
		return r.finalize(ctx, db)
	}
	if err := r.addFinalizer(ctx, db); err != nil {
		return retry(err)
	}
	seen, err := r.ensure(ctx, db)
	if err != nil {
		return retry(errors.Join(err, r.reportRefused(ctx, db, err)))
	}
	if err := r.report(ctx, db, statusFor(db, seen), seen.events()); err != nil {
		return retry(err)
	}
	if rolledOut(seen, db.Status.Conditions) {
		r.turns.end(db.UID)
	}
	return ctrl.Result{RequeueAfter: seen.recheck()}, nil
}

// ensure goes from step to step as far as it can, and tells how far it came.
func (r *Reconciler) ensure(ctx context.Context, db *v1.Database) (*observation, error) {
	seen := &observation{}
	seen.release.status = db.Status.Release
	seen.monitor = r.ensureServiceMonitor(ctx, db)
	var err error
	if seen.credentials, err = r.ensureCredentials(ctx, db); err != nil || !seen.credentials.usable() {
		return seen, err
	}
	if seen.certificate, err = r.checkCertificate(ctx, db); err != nil {
		return seen, err
	}
	if seen.credentials.problem == nil {
		if seen.binding, err = r.ensureBinding(ctx, db, seen.credentials.password, seen.certificate.ca); err != nil {
			return seen, err
		}
	}
	if seen.exporter, err = r.ensureExporter(ctx, db); err != nil || seen.exporter != nil {
		return seen, err
	}
	if seen.storage, err = r.dataStorage(ctx, db); err != nil {
		return seen, err
	}
	if seen.data = dataProblem(db, seen.storage.claim); seen.data != nil {
		// A claim that the user creates has none of our labels, and is not watched.
		seen.storage.recheck = secretRecheck
	}
	if seen.backupStorage, err = r.backupStorageFor(ctx, db); err != nil {
		return seen, err
	}
	seen.image, seen.imageProblem = imageFor(db, r.DefaultImage)
	values, err := valuesFor(db, seen.credentials.ref, seen.storage, seen.image)
	if err != nil {
		return seen, err
	}
	backup, err := backupValues(db, seen.backupStorage)
	if err != nil {
		return seen, err
	}
	maps.Copy(values, backup)
	if err := addExporter(values, db, r.ExporterImage); err != nil {
		return seen, err
	}
	return seen, r.ensureObjects(ctx, db, seen, values)
}

// ensureObjects sees to the release and the server that comes of it.
func (r *Reconciler) ensureObjects(ctx context.Context, db *v1.Database, seen *observation, values map[string]any) error {
	digest, err := r.Releases.Digest(values)
	if err != nil {
		return err
	}
	var held *held
	pinned := seen.pinned()
	if pinned == nil {
		if held, err = r.hold(ctx, db, digest); err != nil {
			return err
		}
	}
	var objects helm.Objects
	switch {
	case held != nil:
		digest, objects = held.digest, held.objects
	case db.Status.Release.Revision > 0: // Before that there is nothing to compare with what the chart makes.
		if objects, err = r.Releases.Render(releaseName(db), db.Namespace, values); err != nil {
			// Nothing was asked of the API server: a chart that can't be rendered fails the same way each time.
			seen.release.problem = newProblem(v1.ReasonReleaseFailed, "%v", err)
			return nil
		}
	}
	found, err := r.inspect(ctx, objects)
	if err != nil {
		return err
	}
	if held != nil {
		found.stored = objects
	}
	if len(found.drift) == 0 {
		r.repairs.forget(db.UID)
	}
	if pinned != nil {
		// A release that is changed, or repaired, may restart the server or create an empty claim.
		seen.release = releaseResult{status: db.Status.Release, current: true}
		err := r.watchServer(ctx, db, seen, found)
		pinned.serving = seen.server.ready
		return err
	}
	// Before there is a claim again that the server may find empty.
	if err := r.markHadData(ctx, db, hadData(db) && lostDataWord(db) == ""); err != nil {
		return err
	}
	if seen.release, err = r.ensureRelease(ctx, db, digest, values, found); err != nil {
		return err
	}
	seen.release.spare(objects == nil || found.serverDrift && held == nil)
	if held != nil {
		held.tell(&seen.release)
	}
	return r.watchServer(ctx, db, seen, found)
}

// watchServer sees how the server is, and what hangs on that.
func (r *Reconciler) watchServer(ctx context.Context, db *v1.Database, seen *observation, found owned) error {
	if seen.release.changed {
		seen.server = serverState{waiting: fmt.Sprintf("StatefulSet %s to be seen as it was made", releaseName(db))}
		return nil
	}
	var err error
	if seen.server, err = r.server(ctx, db, found); err != nil {
		return err
	}
	if restoreSource(db).Database != "" && seen.release.current && seen.server.ready {
		seen.restored = &metav1.Time{Time: r.Clock.Now()}
		seen.server = serverState{waiting: "the server to restart without the volume of the dumps", recheck: staleRetry}
	}
	if seen.server.ready && isUsed(db, seen) {
		if err := r.markHadData(ctx, db, true); err != nil {
			return err
		}
	}
	seen.backups, err = r.ensureBackups(ctx, db, found.cronJob, seen.backupStorage.claim, seen.release.current && seen.server.ready)
	return err
}

// server reads the state of the StatefulSet and its pods.
func (r *Reconciler) server(ctx context.Context, db *v1.Database, found owned) (serverState, error) {
	pods := &corev1.PodList{}
	err := r.Client.List(ctx, pods, client.InNamespace(db.Namespace), client.MatchingLabels{
		labelDatabase: db.Name, labelComponent: componentDatabase,
	})
	if err != nil {
		return serverState{}, fmt.Errorf("list pods: %w", err)
	}
	now := r.Clock.Now()
	asked := questionFor(found.statefulSet, pods.Items, attempted(db.Status.Release), now)
	explanation, err := r.explain(ctx, asked)
	if err != nil {
		return serverState{}, err
	}
	state := serverStateOf(found.statefulSet, pods.Items, explanation, now)
	state.version = serverVersion(pods.Items)
	state.recheck = sooner(state.recheck, asked.after)
	crashes, err := r.crashEvents(ctx, db.Namespace)
	if err != nil {
		return serverState{}, err
	}
	state.restarts = withCrashes(db.Status.Restarts, state.restarts, pods.Items, crashes)
	state.events = restartEvents(db.Status.Restarts, state.restarts)
	return state, nil
}

// recheck is after what time to look again, besides when something changes.
func (o *observation) recheck() time.Duration {
	var soonest time.Duration
	for _, recheck := range []time.Duration{
		o.credentials.recheck, o.certificate.recheck, o.storage.recheck, o.release.recheck, o.server.recheck,
		o.backupStorage.recheck, o.monitor.recheck,
	} {
		soonest = sooner(soonest, recheck)
	}
	if o.backups != nil {
		soonest = sooner(soonest, o.backups.recheck)
	}
	if o.exporter != nil || o.binding != nil {
		// Nobody tells of a Secret that is not ours.
		soonest = sooner(soonest, secretRecheck)
	}
	return soonest
}

func (r *Reconciler) addFinalizer(ctx context.Context, db *v1.Database) error {
	before := db.DeepCopy()
	if !controllerutil.AddFinalizer(db, finalizer) {
		return nil
	}
	if err := r.Client.Patch(ctx, db, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return fmt.Errorf("add finalizer: %w", err)
	}
	r.written.remember(db)
	db.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
	return nil
}

// staleRetry is after what time a stale read is tried again: the newer object is on its way to the cache.
const staleRetry = 100 * time.Millisecond

// retry turns the error of a pass into what the queue does: a stale read is no failure and is tried again soon,
// everything else after a wait that grows.
func retry(err error) (ctrl.Result, error) {
	switch {
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err):
		return ctrl.Result{RequeueAfter: staleRetry}, nil
	default:
		return ctrl.Result{}, err
	}
}
