package database

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

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

// act takes each step, whatever becomes of the others: it decides over what was read, and carries that out. What a step
// needs of those before it is handed to it.
func (r *Reconciler) act(ctx context.Context, p *pass) {
	seen := &p.seen
	statefulSet := p.found.server.seen.StatefulSet
	seen.server = server.Decide(p.db, p.found.server.seen, p.now)
	p.failure("reading the server's state", p.found.server.err)
	p.failure("the ServiceMonitor", r.actOnMonitor(ctx, p))

	needs := release.Needs{
		Live: statefulSet, Ready: seen.server.Ready,
		PodMissing: seen.server.Problem != nil && seen.server.Problem.Reason == v1.ReasonPodMissing,
	}
	err := r.actOnCredentials(ctx, p)
	p.failure("the credentials", err)
	known := err == nil && seen.credentials.Problem == nil
	needs.Blocked = err != nil || !seen.credentials.Usable()
	if err = p.found.certificate.err; err == nil {
		seen.certificate = certificate.Decide(p.db, p.found.certificate.seen)
	}
	p.failure("the certificate", err)
	needs.Blocked = needs.Blocked || err != nil || seen.certificate.Problem != nil
	if known && err == nil {
		err = r.actOnBinding(ctx, p)
		seen.bound = err == nil && seen.binding.Problem == nil
		p.failure("the binding", err)
	}
	err = r.actOnExporter(ctx, p)
	p.failure("the exporter", err)
	if err != nil && !release.IsRefusal(err) {
		needs.Blocked = true
	} else if err != nil || seen.exporter.Problem != nil {
		// Without its password there is no exporter, and there is a server all the same. One that serves is not
		// restarted.
		needs.NoExporter = statefulSet == nil || !seen.server.Ready || pods.ExporterIn(statefulSet.Spec.Template.Spec) == nil
		needs.Blocked = needs.Blocked || !needs.NoExporter
	}

	p.failure("the release", r.actOnRelease(ctx, p, needs))
	p.correctServer(statefulSet)
	p.failure("the backups", r.actOnBackups(ctx, p))
}

func (r *Reconciler) actOnMonitor(ctx context.Context, p *pass) error {
	if err := p.found.monitor.err; err != nil {
		return err
	}
	p.seen.monitor = monitoring.DecideMonitor(p.db, p.found.monitor.seen)
	err := p.seen.monitor.Act(ctx, r.Client)
	if p.seen.monitor.NoAPI {
		r.monitorAPI.Miss(p.now)
	}
	if p.seen.monitor.Settled {
		p.track.monitored = p.db.Generation
	}
	return err
}

func (r *Reconciler) actOnCredentials(ctx context.Context, p *pass) error {
	if err := p.found.credentials.err; err != nil {
		return err
	}
	p.seen.credentials = credentials.Decide(p.db, p.found.credentials.seen, rand.Text, p.now)
	return p.seen.credentials.Act(ctx, r.Client)
}

func (r *Reconciler) actOnBinding(ctx context.Context, p *pass) error {
	if err := p.found.binding.err; err != nil {
		return err
	}
	p.seen.binding = binding.Decide(p.db, p.found.binding.seen, p.seen.credentials.Password, p.seen.certificate.CA, p.now)
	return p.seen.binding.Act(ctx, r.Client)
}

func (r *Reconciler) actOnExporter(ctx context.Context, p *pass) error {
	if err := p.found.exporter.err; err != nil {
		return err
	}
	p.seen.exporter = monitoring.DecideExporter(p.db, p.found.exporter.seen, rand.Text)
	return p.seen.exporter.Act(ctx, r.Client)
}

// actOnStorage sees to the volume claims, and to the mark that there is data: before there is a claim again that the
// server may find empty.
func (r *Reconciler) actOnStorage(ctx context.Context, p *pass) error {
	found, seen := &p.found, &p.seen
	if err := cmp.Or(found.data.err, found.dumps.err, found.config.err); err != nil {
		return err
	}
	seen.storage = storage.Decide(storage.ForData(p.db), found.data.seen)
	seen.data = storage.DecideData(p.db, found.data.seen.Claim, found.config.seen, seen.server.Ready)
	if p.db.Spec.Backup != nil {
		seen.dumps = storage.Decide(storage.ForDumps(p.db), found.dumps.seen)
	}
	for _, act := range []func(context.Context, client.Client) error{seen.storage.Act, seen.data.Act, seen.dumps.Act} {
		if err := act(ctx, r.Client); err != nil {
			return err
		}
	}
	return nil
}

// actOnRelease sees to the storage, and to the release that uses it.
func (r *Reconciler) actOnRelease(ctx context.Context, p *pass, needs release.Needs) error {
	err := r.actOnStorage(ctx, p)
	if err != nil {
		return err
	}
	do := release.Step{
		Client: r.Client, APIReader: r.APIReader, Releases: r.Releases, Clock: r.Clock, DefaultImage: r.DefaultImage,
		DefaultVersion: r.DefaultVersion, ExporterImage: r.ExporterImage, MaxConcurrentRollouts: r.MaxConcurrentRollouts, Slots: &r.tracker.slots,
	}
	needs.Credentials, needs.RestoreFrom = credentials.Ref(p.db), storage.RestoreSource(p.db)
	needs.Storage, needs.Dumps = p.seen.storage.Values(), p.seen.dumps.Values()
	needs.DataProblem = p.seen.data.Problem != nil
	p.seen.release, err = do.Run(ctx, p.db, needs, &p.track.release, p.now)
	return err
}

// correctServer corrects the server's state by what was done since it was read.
func (p *pass) correctServer(statefulSet *appsv1.StatefulSet) {
	seen := &p.seen
	if seen.release.Rolling && statefulSet == nil {
		seen.server = server.Starting(step.ReleaseName(p.db))
		return
	}
	if seen.release.Rolling {
		seen.server = server.State{Waiting: fmt.Sprintf("StatefulSet %s to be updated", step.ReleaseName(p.db))}
		return
	}
	if storage.RestoreSource(p.db).Database != "" && statefulSet != nil && seen.release.Current && seen.server.Ready {
		seen.restored = &metav1.Time{Time: p.now}
		seen.server = server.State{Waiting: "the server to restart without the volume of the dumps", Recheck: step.StaleRetry}
	}
}

func (r *Reconciler) actOnBackups(ctx context.Context, p *pass) error {
	if err := p.found.backups.err; err != nil {
		return err
	}
	p.seen.backups = backups.Decide(p.db, p.found.backups.seen, backups.Needs{
		Claim: p.seen.dumps.Claim, CronJob: p.seen.release.CronJob, Ready: p.seen.server.Ready,
	}, p.now)
	return p.seen.backups.Act(ctx, r.Client)
}
