package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/test/controlplane"
)

const (
	// installLimit is how long an operator may take for all of its objects, in each of the measurements.
	installLimit = 20 * time.Minute
	// settle is for how long what an operator still has to do after an install or a start is waited for.
	settle = 10 * time.Second
	// window is for how long a resync is watched at least: the peer makes one every minute.
	window = 65 * time.Second
	// foreignSize is how many bytes a foreign Secret holds.
	foreignSize = 10 << 10
	// markedSize is how many bytes a ConfigMap with the operator's label holds.
	markedSize = 1000 * 1000
)

// result is what was measured of one operator.
type result struct {
	name      string
	installed []time.Duration // when each object was done, since all were asked for
	cpu       time.Duration   // the operator's own until then
	// Requests, for each object: to install it; for a resync that changes nothing; and for a restart of the operator.
	installRequests, noopRequests, restartRequests float64
	// Memory in bytes: the most of all until the resync was over; and the most after a restart, without and with the
	// foreign Secrets.
	peak, restarted, crowded int64
	// How much the marked ConfigMaps changed the resident set, and the most of it after a restart with them.
	markedChange, markedRestarted int64
	releases                      []storedRelease
	// rounds are the seconds that each installation took.
	rounds []float64
}

// step takes one measurement.
type step = func(*bench, context.Context, *result) error

// withMedian is the first round, which measured all, with the installation of the round whose time is the median: what else
// a machine does changes the time of one round by a tenth or two.
func withMedian(rounds []*result) *result {
	all := *rounds[0]
	for _, round := range rounds {
		all.rounds = append(all.rounds, round.installTime().Seconds())
	}
	sorted := slices.SortedFunc(slices.Values(rounds), func(a, b *result) int { return cmp.Compare(a.installTime(), b.installTime()) })
	median := sorted[(len(sorted)-1)/2]
	all.installed, all.cpu, all.installRequests = median.installed, median.cpu, median.installRequests
	return &all
}

func (r *result) installTime() time.Duration { return r.installed[len(r.installed)-1] }

// ready is when that share of all was done.
func (r *result) ready(percent int) time.Duration {
	return r.installed[max(0, (len(r.installed)*percent+99)/100-1)]
}

// measure takes measurements of one subject, one after the other.
func measure(ctx context.Context, bin string, s subject, steps ...step) (found *result, err error) {
	b := &bench{subject: s}
	if b.folder, err = os.MkdirTemp("", "bench-database-"+s.name+"-"); err != nil {
		return nil, err
	}
	progress("%s: starting a cluster; logs are in %s", s.name, b.folder)
	defer func() {
		b.operator.Stop()
		err = errors.Join(err, b.stop())
	}()
	if b.cluster, err = startCluster(ctx, bin, b.folder); err != nil {
		return nil, err
	}
	if b.executable, err = unpacked(filepath.Join(bin, s.program), b.folder); err != nil {
		return nil, err
	}
	if err := b.startOperator(ctx, 0); err != nil {
		return nil, err
	}
	found = &result{name: s.name}
	for _, step := range steps {
		if err := step(b, ctx, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// install asks for all objects at once, and waits for the last one to be done.
func (b *bench) install(ctx context.Context, found *result) error {
	for _, one := range b.objects {
		for _, object := range one.before {
			if err := b.client.Create(ctx, object); err != nil {
				return err
			}
		}
	}
	watchCtx, stop := context.WithCancel(ctx)
	defer stop()
	seen, err := watch(watchCtx, b.plane.Config, b.subject)
	if err != nil {
		return err
	}
	if _, err := b.audit.since(); err != nil {
		return err
	}
	progress("%s: installing %d", b.name, len(b.objects))
	worked, err := b.operator.CPUTime()
	if err != nil {
		return err
	}
	began := time.Now()
	err = controlplane.InParallel(len(b.objects), func(i int) error { return b.client.Create(ctx, b.objects[i].object) })
	if err != nil {
		return err
	}
	err = poll(ctx, "all to be installed", installLimit, func() (bool, error) {
		return len(seen.since(began)) == len(b.objects), nil
	})
	if err != nil {
		return fmt.Errorf("%w: %d of %d are; the log is %s", err, len(seen.since(began)), len(b.objects), b.operator.Log)
	}
	found.installed = seen.since(began)
	if found.cpu, err = b.operator.CPUTime(); err != nil {
		return err
	}
	found.cpu -= worked
	made, err := b.requests("install")
	if err != nil {
		return err
	}
	found.installRequests = float64(made.total()) / float64(len(b.objects))
	if _, found.peak, err = b.operator.Memory(); err != nil {
		return err
	}
	found.releases, err = storedReleases(ctx, b.client)
	return err
}

// resync has the operator look at each object while there is nothing to do: it touches one of the objects of each
// release, and waits for as long as the peer's period is.
func (b *bench) resync(ctx context.Context, found *result) error {
	if err := sleep(ctx, settle); err != nil {
		return err
	}
	if _, err := b.audit.since(); err != nil {
		return err
	}
	before, err := reconciles(b.metrics, b.controller)
	if err != nil {
		return err
	}
	progress("%s: a resync with nothing to do", b.name)
	deadline := time.Now().Add(window)
	touch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"bench.example.com/touched":"yes"}}}`))
	for _, release := range found.releases {
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: databases, Name: release.Name + "-config"}}
		if err := b.client.Patch(ctx, config, touch); err != nil {
			return err
		}
	}
	var after int
	err = poll(ctx, "a resync of all", installLimit, func() (bool, error) {
		after, err = reconciles(b.metrics, b.controller)
		return after-before >= len(b.objects) && time.Now().After(deadline), err
	})
	if err != nil {
		return err
	}
	made, err := b.requests("resync")
	if err != nil {
		return err
	}
	found.noopRequests = float64(made.total()) / float64(after-before)
	_, found.peak, err = b.operator.Memory()
	return err
}

// restart starts the operator anew, which then looks at each object.
func (b *bench) restart(ctx context.Context, found *result) error {
	progress("%s: a restart", b.name)
	made, memory, err := b.again(ctx)
	if err != nil {
		return err
	}
	found.restartRequests, found.restarted = float64(made.total())/float64(len(b.objects)), memory
	return nil
}

// crowd starts the operator once more, in a cluster with Secrets that are not for it.
func crowd(secrets int) step {
	return func(b *bench, ctx context.Context, found *result) error {
		progress("%s: a restart with %d foreign Secrets", b.name, secrets)
		err := controlplane.InParallel(secrets, func(i int) error {
			data := make([]byte, foreignSize)
			rand.Read(data)
			return b.client.Create(ctx, &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: foreign, Name: fmt.Sprintf("foreign-%d", i)},
				Data:       map[string][]byte{"data": data},
			})
		})
		if err != nil {
			return err
		}
		_, found.crowded, err = b.again(ctx)
		return err
	}
}

// mark creates ConfigMaps of a megabyte with the operator's label, which anybody may do, each with keys of its own: while
// it runs, and for it to find when it starts.
func mark(configMaps int) step {
	return func(b *bench, ctx context.Context, found *result) error {
		progress("%s: %d ConfigMaps with the operator's label", b.name, configMaps)
		before, _, err := b.operator.Memory()
		if err != nil {
			return err
		}
		for i := range configMaps {
			random := make([]byte, markedSize/2)
			rand.Read(random)
			err := b.client.Create(ctx, &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: foreign, Name: fmt.Sprintf("marked-%d", i),
					Labels: map[string]string{"app.kubernetes.io/part-of": "cnat-operator", "example.com/database": "marked"},
				},
				Data: map[string]string{fmt.Sprintf("key-%d", i): hex.EncodeToString(random)},
			})
			if err != nil {
				return err
			}
		}
		if err := sleep(ctx, settle); err != nil {
			return err
		}
		after, _, err := b.operator.Memory()
		if err != nil {
			return err
		}
		found.markedChange = after - before
		_, found.markedRestarted, err = b.again(ctx)
		return err
	}
}
