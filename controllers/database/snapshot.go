package database

import (
	"context"

	corev1 "k8s.io/api/core/v1"

	"example.com/cnat-operator/controllers/database/backups"
	"example.com/cnat-operator/controllers/database/binding"
	"example.com/cnat-operator/controllers/database/certificate"
	"example.com/cnat-operator/controllers/database/credentials"
	"example.com/cnat-operator/controllers/database/monitoring"
	"example.com/cnat-operator/controllers/database/server"
	"example.com/cnat-operator/controllers/database/storage"
)

// piece is what was read for a step, or why it could not be.
type piece[Observed any] struct {
	seen Observed
	err  error
}

func read[Observed any](seen Observed, err error) piece[Observed] {
	return piece[Observed]{seen, err}
}

// snapshot is all that a pass reads before it decides anything. Only the release reads more, once the chart was
// rendered.
type snapshot struct {
	server      piece[server.Observed]
	monitor     piece[monitoring.Monitor]
	credentials piece[credentials.Observed]
	certificate piece[*corev1.Secret]
	binding     piece[binding.Observed]
	exporter    piece[*corev1.Secret]
	// data and dumps are the volume claims, and config is the ConfigMap of the scripts.
	data, dumps piece[storage.Observed]
	config      piece[*corev1.ConfigMap]
	backups     piece[backups.Observed]
}

// observe reads the snapshot. What could not be read keeps no other step from being taken.
func (r *Reconciler) observe(ctx context.Context, p *pass) snapshot {
	db, cached, live := p.db, r.Client, r.APIReader
	return snapshot{
		server:      read(server.Observe(ctx, cached, live, r.crashes, db, p.now)),
		monitor:     read(monitoring.ObserveMonitor(ctx, live, db, p.track.monitored, r.monitorAPI.Wait(p.now))),
		credentials: read(credentials.Observe(ctx, cached, live, db)),
		certificate: read(certificate.Observe(ctx, live, db)),
		binding:     read(binding.Observe(ctx, cached, live, db)),
		exporter:    read(monitoring.ObserveExporter(ctx, cached, live, db)),
		data:        read(storage.ObserveData(ctx, cached, live, db)),
		dumps:       read(storage.ObserveDumps(ctx, cached, live, db)),
		config:      read(storage.ObserveConfig(ctx, cached, db)),
		backups:     read(backups.Observe(ctx, cached, live, db, p.now)),
	}
}
