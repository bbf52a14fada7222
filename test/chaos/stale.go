package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// standStill has the leader stand still as soon as reached says that it should, and for longer than its lease, until
// another leads and meanwhile is done.
func (c *chaos) standStill(ctx context.Context, start func() error, reached func() (bool, error), meanwhile func() error) error {
	leader, err := c.awaitLeader(ctx)
	if err != nil {
		return err
	}
	pid := managerOf(string(leader.UID))
	if err := start(); err != nil {
		return err
	}
	for begun := time.Now(); ; sleep(ctx, 5*time.Millisecond) {
		if ok, err := reached(); err != nil || ok {
			break
		}
		if time.Since(begun) > recoveryLimit || ctx.Err() != nil {
			return errors.New("the moment to stop the leader did not come")
		}
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stopping the leader, %s: %w", leader.Name, err)
	}
	stopped := time.Now()
	progress("stopped the leader, %s", leader.Name)
	defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
	for next := leader; next.UID == leader.UID; sleep(ctx, 200*time.Millisecond) {
		if other, err := c.leader(ctx); err == nil {
			next = other
		}
		if time.Since(stopped) > 3*leaseDuration || ctx.Err() != nil {
			return errors.New("no other leader took over")
		}
	}
	err = meanwhile()
	if state := processState(pid); state != "T" {
		return errors.Join(err, fmt.Errorf("the process of %s was %q, and did not stand still", leader.Name, state))
	}
	progress("the leader that was stopped, %s, goes on after %.1f s", leader.Name, time.Since(stopped).Seconds())
	return err
}

// stopInUpgrade has the leader stand still in the middle of upgrades: the next one finishes them, and the one that was
// stopped undoes nothing.
func (c *chaos) stopInUpgrade(ctx context.Context, databases []*databasev1.Database) (time.Duration, error) {
	before, err := c.releases(ctx, "pending-upgrade")
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	var took time.Duration
	err = c.standStill(ctx,
		func() error { return c.changeDatabases(ctx, databases, 7) },
		func() (bool, error) {
			now, err := c.releases(ctx, "pending-upgrade")
			return now > before, err
		},
		func() error {
			err := c.awaitHealthy(ctx, databases, recoveryLimit)
			took = time.Since(begun)
			return err
		})
	if err != nil {
		return took, err
	}
	sleep(ctx, 10*time.Second) // what the one that was stopped still does
	return took, c.awaitHealthy(ctx, databases, recoveryLimit)
}

// stopInDeletion has the leader stand still while Databases are deleted with their data. The next one finishes that, and
// they are created again, with other data: the one that was stopped must delete nothing of those.
func (c *chaos) stopInDeletion(ctx context.Context, names ...string) ([]*databasev1.Database, time.Duration, error) {
	databases, err := c.createToDelete(ctx, names)
	if err != nil {
		return nil, 0, err
	}
	var claims map[string]types.UID
	begun := time.Now()
	var took time.Duration
	err = c.standStill(ctx,
		func() error { return c.deleteDatabases(ctx, databases) },
		// One server at least is deleted, and its claim may be next.
		func() (bool, error) { return c.isAServiceDeleted(ctx, databases), nil },
		func() error {
			if err := c.awaitDeleted(ctx, databases); err != nil {
				return err
			}
			took = time.Since(begun)
			if databases, err = c.createToDelete(ctx, names); err != nil {
				return err
			}
			if claims, err = c.claims(ctx, databases); err != nil {
				return err
			}
			return fill(ctx, databases)
		})
	if err != nil {
		return nil, took, err
	}
	sleep(ctx, 10*time.Second) // what the one that was stopped still does
	now, err := c.claims(ctx, databases)
	if err == nil && !maps.Equal(now, claims) {
		err = fmt.Errorf("of Databases that were created again, claims were deleted: %v, and now %v", claims, now)
	}
	return databases, took, errors.Join(err, c.awaitHealthy(ctx, databases, recoveryLimit))
}

// createToDelete creates Databases whose data are deleted with them.
func (c *chaos) createToDelete(ctx context.Context, names []string) ([]*databasev1.Database, error) {
	var databases []*databasev1.Database
	for _, name := range names {
		db := newDatabase(c.namespace, name)
		db.Spec.DeletionPolicy = databasev1.DeletionDelete
		databases = append(databases, db)
	}
	return databases, errors.Join(c.createDatabases(ctx, databases), c.awaitHealthy(ctx, databases, installLimit))
}

func (c *chaos) deleteDatabases(ctx context.Context, databases []*databasev1.Database) error {
	for _, db := range databases {
		if err := c.client.Delete(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

func (c *chaos) isAServiceDeleted(ctx context.Context, databases []*databasev1.Database) bool {
	for _, db := range databases {
		key := client.ObjectKey{Namespace: db.Namespace, Name: db.Name + "-database"}
		if err := c.client.Get(ctx, key, &corev1.Service{}); apierrors.IsNotFound(err) {
			return true
		}
	}
	return false
}

// claims are the UIDs of the volume claims that are there to stay.
func (c *chaos) claims(ctx context.Context, databases []*databasev1.Database) (map[string]types.UID, error) {
	claims := map[string]types.UID{}
	for _, db := range databases {
		claim, err := c.claim(ctx, db)
		if err != nil {
			return nil, err
		}
		if claim.DeletionTimestamp.IsZero() {
			claims[db.Name] = claim.UID
		}
	}
	return claims, nil
}

func (c *chaos) awaitDeleted(ctx context.Context, databases []*databasev1.Database) error {
	for begun := time.Now(); ; sleep(ctx, 200*time.Millisecond) {
		left := 0
		for _, db := range databases {
			if err := c.client.Get(ctx, client.ObjectKeyFromObject(db), &databasev1.Database{}); !apierrors.IsNotFound(err) {
				left++
			}
		}
		if left == 0 {
			return nil
		}
		if time.Since(begun) > 2*recoveryLimit || ctx.Err() != nil {
			return fmt.Errorf("%d Databases were not deleted", left)
		}
	}
}

func (c *chaos) claim(ctx context.Context, db *databasev1.Database) (*corev1.PersistentVolumeClaim, error) {
	claim := &corev1.PersistentVolumeClaim{}
	return claim, c.client.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: db.Name + "-database-data"}, claim)
}

// loseClaim deletes the claim of a Database. As long as its server runs, the rows are there, the Database says so and
// nothing restarts it. Then it is not empty by itself, but waits for the user's word, and begins anew with that. It returns
// how many rows were lost before the user lost them, and how long it took from that word.
func (c *chaos) loseClaim(ctx context.Context, db *databasev1.Database) (lost int, took time.Duration, err error) {
	claim, err := c.claim(ctx, db)
	if err != nil {
		return 0, 0, err
	}
	if err := c.client.Delete(ctx, claim); err != nil {
		return 0, 0, err
	}
	if _, err := c.awaitStalled(ctx, db, "claim"); err != nil {
		return 0, 0, fmt.Errorf("its claim is being deleted: %w", err)
	}
	left, err := count(ctx, []*databasev1.Database{db})
	if err != nil {
		return 0, 0, err
	}
	about := metav1.ObjectMeta{Namespace: db.Namespace, Name: db.Name + "-database-0"}
	if err := c.client.Delete(ctx, &corev1.Pod{ObjectMeta: about}); err != nil {
		return 0, 0, err
	}
	message, err := c.awaitStalled(ctx, db, wordFor)
	if err != nil {
		return 0, 0, fmt.Errorf("its claim is deleted: %w", err)
	}
	sleep(ctx, 10*time.Second)
	if other, err := c.claim(ctx, db); err == nil && other.UID != claim.UID {
		return rows, 0, errors.New("it got an empty volume that nobody asked for")
	}
	// As the message says, for an empty one.
	word := regexp.MustCompile(regexp.QuoteMeta(wordFor) + `empty:[^\s'"]+`).FindString(message)
	if word == "" {
		return 0, 0, fmt.Errorf("the message names no way to begin empty: %q", message)
	}
	begun := time.Now()
	if err := c.run(ctx, "kubectl", "annotate", "--overwrite", "database", db.Name, strings.TrimRight(word, ".,;:)")); err != nil {
		return 0, 0, err
	}
	err = c.awaitHealthy(ctx, []*databasev1.Database{db}, recoveryLimit)
	return rows - left, time.Since(begun), err
}

// wordFor is the annotation by which a user says what becomes of a Database whose data is lost.
const wordFor = "example.com/lost-data="

// awaitStalled waits until a Database is stalled by what contains some text, and returns the message.
func (c *chaos) awaitStalled(ctx context.Context, db *databasev1.Database, text string) (string, error) {
	for begun := time.Now(); ; sleep(ctx, 200*time.Millisecond) {
		if err := c.client.Get(ctx, client.ObjectKeyFromObject(db), db); err != nil {
			return "", err
		}
		got := meta.FindStatusCondition(db.Status.Conditions, databasev1.ConditionStalled)
		if got != nil && got.Status == metav1.ConditionTrue && strings.Contains(got.Message, text) {
			return got.Message, nil
		}
		if time.Since(begun) > recoveryLimit || ctx.Err() != nil {
			return "", fmt.Errorf("the Database %s does not say %q: %+v", db.Name, text, db.Status.Conditions)
		}
	}
}
