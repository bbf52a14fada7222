package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	// batch is how many Databases are at work when the leader is killed: more than the operator has workers, so that
	// some are before the step, some after it, and some in the middle.
	batch = 5

	// recoveryLimit is how long a Database may take from the kill to Ready.
	recoveryLimit = 60 * time.Second

	// leaderLimit is for a pod of the operator to be started again: the kubelet waits longer each time.
	leaderLimit = 3 * time.Minute

	// installLimit is for what the faults begin with.
	installLimit = 10 * time.Minute
)

// A step is reached when one of the release Secrets, which the kill then leaves behind, is like that.
var steps = []struct{ action, status string }{
	{"install", "pending-install"},
	{"install", "deployed"},
	{"upgrade", "pending-upgrade"},
	{"upgrade", "superseded"},
}

// outcome is what came of all the faults.
type outcome struct {
	recovered, broken int
	slowest           time.Duration
	rowsLost          int
}

func (o *outcome) add(recovered, broken int, slowest time.Duration) {
	o.recovered, o.broken, o.slowest = o.recovered+recovered, o.broken+broken, max(o.slowest, slowest)
}

// breakDatabases has all faults happen, and prints how many Databases recovered, how long the slowest took, how many rows
// are lost, how often two servers were on one volume, and what was reached outside of the namespace.
func (c *chaos) breakDatabases(ctx context.Context) error {
	stopWatching := watchServers(ctx)
	found, failure := c.breakAll(ctx)
	two, looked := stopWatching()
	escapes, err := c.escapes(ctx)
	if err != nil {
		return errors.Join(failure, err)
	}
	recovered := strconv.Itoa(found.recovered)
	if found.recovered == found.broken {
		recovered = "all"
	}
	fmt.Printf("recovered=%s of=%d rows_lost=%d two_servers=%d escapes=%d slowest_seconds=%.1f looked_for_servers=%d\n",
		recovered, found.broken, found.rowsLost, two, escapes, found.slowest.Seconds(), looked)
	if found.recovered < found.broken || found.rowsLost+two+escapes > 0 || found.slowest > recoveryLimit {
		failure = errors.Join(failure, errors.New("not all Databases recovered as they should"))
	}
	return failure
}

func (c *chaos) breakAll(ctx context.Context) (*outcome, error) {
	found := &outcome{}
	stepped, err := c.killAtEachStep(ctx, found)
	if err != nil {
		return found, err
	}
	each, recovered, slowest, err := c.breakEach(ctx)
	found.add(recovered, len(faults()), slowest)
	if err != nil {
		return found, err
	}
	took, err := c.stopInUpgrade(ctx, stepped[:batch])
	found.note("stopped in an upgrade", batch, took, err)
	again, took, err := c.stopInDeletion(ctx, "again-1", "again-2", "again-3")
	found.note("stopped in a deletion", 3, took, err)
	lost := newDatabase(c.namespace, "claim-lost")
	err = errors.Join(c.createDatabases(ctx, []*databasev1.Database{lost}),
		c.awaitHealthy(ctx, []*databasev1.Database{lost}, installLimit), fill(ctx, []*databasev1.Database{lost}))
	if err != nil {
		return found, err
	}
	rowsLost, took, err := c.loseClaim(ctx, lost)
	found.note("a claim deleted", 1, took, err)
	kept := slices.Concat(stepped, each, again)
	left, err := count(ctx, kept)
	found.rowsLost = rowsLost + rows*len(kept) - left
	return found, err
}

// note counts Databases that a fault happened to together.
func (o *outcome) note(what string, databases int, took time.Duration, err error) {
	if err != nil {
		progress("%s: NOT recovered: %v", what, err)
		o.add(0, databases, took)
		return
	}
	progress("%s: %d Databases recovered in %.1f s", what, databases, took.Seconds())
	o.add(databases, databases, took)
}

// escapes counts what the operator created in another namespace, which a tampered release names.
func (c *chaos) escapes(ctx context.Context) (int, error) {
	configs := &corev1.ConfigMapList{}
	err := c.client.List(ctx, configs, client.InNamespace(c.bystander))
	found := 0
	for i := range configs.Items {
		if configs.Items[i].Name == "pwned" {
			found++
		}
	}
	return found, err
}

// killAtEachStep kills the leader in each step of installs and upgrades.
func (c *chaos) killAtEachStep(ctx context.Context, found *outcome) ([]*databasev1.Database, error) {
	var databases []*databasev1.Database
	for i, step := range steps {
		touched := databases
		var start func() error
		if step.action == "install" {
			touched = newDatabases(c.namespace, fmt.Sprintf("step-%d", i))
			databases = append(databases, touched...)
			start = func() error { return c.createDatabases(ctx, touched) }
		} else {
			start = func() error { return c.changeDatabases(ctx, touched, i) }
		}
		took, ready, err := c.killAt(ctx, step.action, step.status, touched, start)
		if err != nil {
			return nil, err
		}
		found.add(ready, len(touched), took)
		if ready == len(touched) && step.action == "install" {
			err = fill(ctx, touched)
		} else if ready < len(touched) { // there may be nothing to ask for rows
			err = fmt.Errorf("%s: %d of %d Databases were not ready again within %s", step.action, len(touched)-ready, len(touched), recoveryLimit)
		}
		if err != nil {
			return nil, err
		}
	}
	return databases, nil
}

func newDatabase(namespace, name string) *databasev1.Database {
	return &databasev1.Database{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: databasev1.DatabaseSpec{User: "app", Resources: &corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(wantedMemory), corev1.ResourceCPU: resource.MustParse("5m")},
		}},
	}
}

func newDatabases(namespace, prefix string) []*databasev1.Database {
	databases := make([]*databasev1.Database, batch)
	for i := range databases {
		databases[i] = newDatabase(namespace, fmt.Sprintf("%s-%d", prefix, i))
	}
	return databases
}

func (c *chaos) createDatabases(ctx context.Context, databases []*databasev1.Database) error {
	for _, db := range databases {
		if err := c.client.Create(ctx, db); err != nil {
			return fmt.Errorf("creating Database %s: %w", db.Name, err)
		}
	}
	return nil
}

// changeDatabases has the releases upgraded, and the servers restarted.
func (c *chaos) changeDatabases(ctx context.Context, databases []*databasev1.Database, round int) error {
	patch := fmt.Appendf(nil, `{"spec":{"resources":{"requests":{"cpu":"%dm"}}}}`, 10+round)
	for _, db := range databases {
		if err := c.client.Patch(ctx, db, client.RawPatch("application/merge-patch+json", patch)); err != nil {
			return fmt.Errorf("changing Database %s: %w", db.Name, err)
		}
	}
	return nil
}

// killAt starts an action on Databases, kills the leader when a release gets to that status, and returns how many were
// ready within the limit, and how long the slowest of those took.
func (c *chaos) killAt(
	ctx context.Context, action, status string, databases []*databasev1.Database, start func() error,
) (slowest time.Duration, ready int, err error) {
	leader, err := c.awaitLeader(ctx)
	if err != nil {
		return 0, 0, err
	}
	before, err := c.releases(ctx, status)
	if err != nil {
		return 0, 0, err
	}
	if err := start(); err != nil {
		return 0, 0, err
	}
	for begun := time.Now(); ; sleep(ctx, 5*time.Millisecond) {
		now, err := c.releases(ctx, status)
		if err != nil {
			return 0, 0, err
		}
		if now > before {
			break
		}
		if time.Since(begun) > recoveryLimit || ctx.Err() != nil {
			return 0, 0, fmt.Errorf("no release got %s", status)
		}
	}
	if !signalLeader(leader, syscall.SIGKILL) {
		return 0, 0, fmt.Errorf("the leader, %s, has no process on this machine", leader.Name)
	}
	killed := time.Now()
	progress("%s: killed the leader when a release was %s", action, status)
	for ; time.Since(killed) < recoveryLimit && ready < len(databases) && ctx.Err() == nil; sleep(ctx, 200*time.Millisecond) {
		if ready, err = c.ready(ctx, databases); err != nil {
			return 0, 0, err
		}
		slowest = time.Since(killed)
	}
	progress("%s: %d of %d Databases were ready %.1f s after that", action, ready, len(databases), slowest.Seconds())
	return slowest, ready, nil
}

// awaitLeader waits until a leader runs: one that was killed is the leader until its lease ends.
func (c *chaos) awaitLeader(ctx context.Context) (*corev1.Pod, error) {
	for begun := time.Now(); ; sleep(ctx, time.Second) {
		pod, err := c.leader(ctx)
		if err == nil && managerOf(string(pod.UID)) != 0 && isReady(pod) {
			return pod, nil
		}
		if time.Since(begun) > leaderLimit || ctx.Err() != nil {
			return nil, errors.Join(errors.New("no leader runs"), err)
		}
	}
}

func isReady(pod *corev1.Pod) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

// releases counts the release Secrets of a status.
func (c *chaos) releases(ctx context.Context, status string) (int, error) {
	secrets := &metav1.PartialObjectMetadataList{}
	secrets.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
	err := c.client.List(ctx, secrets, client.InNamespace(c.namespace), client.MatchingLabels{"owner": "helm", "status": status})
	if err != nil {
		return 0, fmt.Errorf("listing releases: %w", err)
	}
	return len(secrets.Items), nil
}

// ready counts the Databases that are ready on their newest generation.
func (c *chaos) ready(ctx context.Context, databases []*databasev1.Database) (int, error) {
	var ready int
	for _, db := range databases {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(db), db); err != nil {
			return 0, fmt.Errorf("reading Database %s: %w", db.Name, err)
		}
		condition := meta.FindStatusCondition(db.Status.Conditions, databasev1.ConditionReady)
		if condition != nil && condition.Status == metav1.ConditionTrue && condition.ObservedGeneration == db.Generation {
			ready++
		}
	}
	return ready, nil
}
