// Command tenant proves on a real cluster that who may edit one namespace gains nothing beyond it by the operator:
//
//	make e2e-tenant
//
// A user with Kubernetes' own role edit in one namespace tries in many ways to have the operator, or its trust in what
// is stored in that namespace, reach other namespaces and what is others' in the same one: by Helm's stored releases,
// labels, owner references, Secrets, claims, Jobs, pods and events. Each try is asserted to have been made and acted on.
// In the end everything outside is compared with what it was before, and the API server's audit log is read for writes
// of the operator's account that are not its work. It prints tries=N escapes=0 of=N, or fails.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// parallel is how many tries are made at once.
const parallel = 4

func main() {
	auditLog := flag.String("audit", "", "The API server's audit log; empty: only compare what is stored.")
	only := flag.String("only", "", "Make only the tries of these names, with commas between them.")
	flag.Parse()
	ctrl.SetLogger(logr.Discard())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *auditLog, *only)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "tenant: %v\n", err)
		os.Exit(1)
	}
}

// A try is one way to reach beyond the namespace. It fails if it could not be made, or nothing acted on it.
type try struct {
	name string
	// database: it begins with a Database of its name that is ready.
	database bool
	// alone: it is made after the others, which it would take with it.
	alone bool
	run   func(ctx context.Context, t *tenant, name string) error
}

func run(ctx context.Context, auditLog, only string) (err error) {
	t, err := setup(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.cleanUp()) }()
	tries := slices.Concat(releaseTries(), secretTries(), rightTries(), atTries(), cronTabTries())
	if only != "" {
		tries = slices.DeleteFunc(tries, func(one try) bool { return !slices.Contains(strings.Split(only, ","), one.name) })
	}
	if err := t.prepare(ctx, tries); err != nil {
		return err
	}
	before, err := t.observe(ctx, auditLog)
	if err != nil {
		return err
	}
	isAlone := func(one try) bool { return one.alone }
	failed := t.make(ctx, slices.DeleteFunc(slices.Clone(tries), isAlone))
	for i := range tries {
		if isAlone(tries[i]) {
			failed = append(failed, t.make(ctx, tries[i:i+1])...)
		}
	}
	progress("all tries are made")
	sleep(ctx, 10*time.Second) // what acts late
	// Of a run that was cut short it says what was reached, too.
	judgeCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
	defer cancel()
	escapes, err := t.judge(judgeCtx, before, auditLog)
	if err != nil {
		return err
	}
	for _, escape := range escapes {
		fmt.Println("escape:", escape)
	}
	fmt.Printf("tries=%d escapes=%d of=%d\n", len(tries)-len(failed), len(escapes), len(tries))
	if len(escapes) > 0 {
		failed = append(failed, errors.New("a user with rights in one namespace reached beyond it"))
	}
	return errors.Join(failed...)
}

// make makes the tries, and returns why some could not be made.
func (t *tenant) make(ctx context.Context, tries []try) []error {
	var failed []error
	var mutex sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for _, one := range tries {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			err := t.makeOne(ctx, one)
			mutex.Lock()
			defer mutex.Unlock()
			if err != nil {
				failed = append(failed, fmt.Errorf("%s: %w", one.name, err))
				progress("%s: NOT made: %v", one.name, err)
				return
			}
			progress("%s: made", one.name)
		})
	}
	group.Wait()
	return failed
}

// makeOne makes a try with a Database of its own, if it needs one, and deletes that: servers cost the machine too much
// for all to have theirs at once.
func (t *tenant) makeOne(ctx context.Context, one try) error {
	if one.database {
		if err := t.createDatabase(ctx, one.name, databasev1.DatabaseSpec{}); err != nil {
			return err
		}
		if err := t.await(ctx, one.name, databasev1.ConditionReady); err != nil {
			return err
		}
	}
	err := one.run(ctx, t, one.name)
	db := &databasev1.Database{ObjectMeta: metav1.ObjectMeta{Namespace: t.namespace, Name: one.name}}
	return errors.Join(err, client.IgnoreNotFound(t.user.Delete(ctx, db)))
}

// poll waits until done is true.
func poll(ctx context.Context, what string, limit time.Duration, done func() (bool, error)) error {
	for begun := time.Now(); ; sleep(ctx, 250*time.Millisecond) {
		ok, err := done()
		if ok {
			return nil
		}
		if time.Since(begun) > limit || ctx.Err() != nil {
			return errors.Join(fmt.Errorf("waited %s for %s", time.Since(begun).Round(time.Second), what), err)
		}
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

var began = time.Now()

// progress goes to standard error; only results go to standard output.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[%5.1f s] %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
