// Package database reconciles Databases: credentials, then a Helm release, then the server's readiness, then status.
package database

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/backups"
	"example.com/cnat-operator/controllers/database/binding"
	"example.com/cnat-operator/controllers/database/certificate"
	"example.com/cnat-operator/controllers/database/credentials"
	"example.com/cnat-operator/controllers/database/monitoring"
	"example.com/cnat-operator/controllers/database/pods"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/server"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/controllers/database/storage"
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
	r.ensure(ctx, p)
	if err := r.report(ctx, db, statusFor(p), p.seen.events()); err != nil {
		return retry(errors.Join(append(p.failed, err)...))
	}
	if len(p.failed) > 0 {
		return retry(errors.Join(p.failed...))
	}
	if !p.seen.release.Slot && p.seen.server.Ready && db.Status.Release.RolloutTime == nil {
		r.tracker.slots.Release(db.UID)
	}
	return ctrl.Result{RequeueAfter: p.seen.recheck(), Priority: priorityOf(db)}, nil
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
		p.seen.failures = append(p.seen.failures, step.NewProblem(v1.ReasonAPIServerFailing, "%s, for %s and longer: %v", what, step.TransientGrace, err))
	}
}

// ensure takes each step, whatever becomes of the others.
func (r *Reconciler) ensure(ctx context.Context, p *pass) {
	db, seen := p.db, &p.seen
	found, err := server.Observe(ctx, r.Client, r.APIReader, r.crashes, db, p.now)
	p.failure("reading the server's state", err)
	statefulSet := found.StatefulSet
	seen.server = server.Decide(db, found, p.now)
	needs := release.Needs{Live: statefulSet, Ready: seen.server.Ready}
	needs.PodMissing = seen.server.Problem != nil && seen.server.Problem.Reason == v1.ReasonPodMissing

	p.failure("the ServiceMonitor", r.ensureServiceMonitor(ctx, p))
	err = r.ensureCredentials(ctx, p)
	p.failure("the credentials", err)
	known := err == nil && seen.credentials.Problem == nil
	needs.Blocked = err != nil || !seen.credentials.Usable()
	secret, err := certificate.Observe(ctx, r.APIReader, db)
	if err == nil {
		seen.certificate = certificate.Decide(db, secret)
	}
	p.failure("the certificate", err)
	needs.Blocked = needs.Blocked || err != nil || seen.certificate.Problem != nil
	if known && err == nil {
		err = r.ensureBinding(ctx, p)
		seen.bound = err == nil && seen.binding.Problem == nil
		p.failure("the binding", err)
	}
	err = r.ensureExporter(ctx, p)
	p.failure("the exporter", err)
	if err != nil && !release.IsRefusal(err) {
		needs.Blocked = true
	} else if err != nil || seen.exporter.Problem != nil {
		// Without its password there is no exporter, and there is a server all the same. One that serves is not
		// restarted.
		needs.NoExporter = statefulSet == nil || !seen.server.Ready || pods.ExporterIn(statefulSet.Spec.Template.Spec) == nil
		needs.Blocked = needs.Blocked || !needs.NoExporter
	}

	p.failure("the release", r.ensureRelease(ctx, p, needs))
	p.server(statefulSet)
	p.failure("the backups", r.ensureBackups(ctx, p))
}

func (r *Reconciler) ensureServiceMonitor(ctx context.Context, p *pass) error {
	found, err := monitoring.ObserveMonitor(ctx, r.APIReader, p.db, p.track.monitored, r.monitorAPI.Wait(p.now))
	if err != nil {
		return err
	}
	p.seen.monitor = monitoring.DecideMonitor(p.db, found)
	err = p.seen.monitor.Act(ctx, r.Client)
	if p.seen.monitor.NoAPI {
		r.monitorAPI.Miss(p.now)
	}
	if p.seen.monitor.Settled {
		p.track.monitored = p.db.Generation
	}
	return err
}

func (r *Reconciler) ensureCredentials(ctx context.Context, p *pass) error {
	found, err := credentials.Observe(ctx, r.Client, r.APIReader, p.db)
	if err != nil {
		return err
	}
	p.seen.credentials = credentials.Decide(p.db, found, rand.Text, p.now)
	return p.seen.credentials.Act(ctx, r.Client)
}

func (r *Reconciler) ensureBinding(ctx context.Context, p *pass) error {
	found, err := binding.Observe(ctx, r.Client, r.APIReader, p.db)
	if err != nil {
		return err
	}
	p.seen.binding = binding.Decide(p.db, found, p.seen.credentials.Password, p.seen.certificate.CA, p.now)
	return p.seen.binding.Act(ctx, r.Client)
}

func (r *Reconciler) ensureExporter(ctx context.Context, p *pass) error {
	found, err := monitoring.ObserveExporter(ctx, r.Client, r.APIReader, p.db)
	if err != nil {
		return err
	}
	p.seen.exporter = monitoring.DecideExporter(p.db, found, rand.Text)
	return p.seen.exporter.Act(ctx, r.Client)
}

// ensureRelease sees to the storage, and to the release that uses it.
func (r *Reconciler) ensureRelease(ctx context.Context, p *pass, needs release.Needs) error {
	err := r.ensureStorage(ctx, p)
	if err != nil {
		return err
	}
	do := release.Step{
		Client: r.Client, APIReader: r.APIReader, Releases: r.Releases, Clock: r.Clock, DefaultImage: r.DefaultImage,
		ExporterImage: r.ExporterImage, MaxConcurrentRollouts: r.MaxConcurrentRollouts, Slots: &r.tracker.slots,
	}
	needs.Credentials, needs.RestoreFrom = credentials.Ref(p.db), storage.RestoreSource(p.db)
	needs.Storage, needs.Dumps = p.seen.storage.Values(), p.seen.backupStorage.Values()
	needs.DataProblem = p.seen.data.Problem != nil
	p.seen.release, err = do.Run(ctx, p.db, needs, &p.track.release, p.now)
	return err
}

// ensureStorage sees to the volume claims, and to the mark that there is data.
func (r *Reconciler) ensureStorage(ctx context.Context, p *pass) error {
	db, seen := p.db, &p.seen
	data, err := storage.ObserveData(ctx, r.Client, r.APIReader, db)
	if err != nil {
		return err
	}
	dumps, err := storage.ObserveDumps(ctx, r.Client, r.APIReader, db)
	if err != nil {
		return err
	}
	config, err := storage.ObserveConfig(ctx, r.Client, db)
	if err != nil {
		return err
	}
	seen.storage = storage.Decide(storage.ForData(db), data)
	seen.data = storage.DecideData(db, data.Claim, config, seen.server.Ready)
	if db.Spec.Backup != nil {
		seen.backupStorage = storage.Decide(storage.ForDumps(db), dumps)
	}
	for _, do := range []func(context.Context, client.Client) error{seen.storage.Act, seen.data.Act, seen.backupStorage.Act} {
		if err := do(ctx, r.Client); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) ensureBackups(ctx context.Context, p *pass) error {
	found, err := backups.Observe(ctx, r.Client, r.APIReader, p.db, p.now)
	if err != nil {
		return err
	}
	p.seen.backups = backups.Decide(p.db, found, backups.Needs{
		Claim: p.seen.backupStorage.Claim, CronJob: p.seen.release.CronJob, Ready: p.seen.server.Ready,
	}, p.now)
	return p.seen.backups.Act(ctx, r.Client)
}

// server corrects the server's state by what was done since it was read.
func (p *pass) server(statefulSet *appsv1.StatefulSet) {
	seen := &p.seen
	if seen.release.Rolling {
		seen.server = server.State{Waiting: fmt.Sprintf("StatefulSet %s to be updated", step.ReleaseName(p.db))}
		return
	}
	if storage.RestoreSource(p.db).Database != "" && statefulSet != nil && seen.release.Current && seen.server.Ready {
		seen.restored = &metav1.Time{Time: p.now}
		seen.server = server.State{Waiting: "the server to restart without the volume of the dumps", Recheck: step.StaleRetry}
	}
}

// recheck is after what time to look again, besides when something changes.
func (o *observation) recheck() time.Duration {
	var soonest time.Duration
	for _, recheck := range []time.Duration{
		o.credentials.Recheck, o.certificate.Recheck, o.binding.Recheck, o.exporter.Recheck, o.monitor.Recheck,
		o.data.Recheck, o.storage.Recheck, o.backupStorage.Recheck, o.release.Recheck, o.server.Recheck,
	} {
		soonest = step.Sooner(soonest, recheck)
	}
	if o.backups != nil {
		soonest = step.Sooner(soonest, o.backups.Recheck)
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
