package database

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	v1 "example.com/cnat-operator/api/database/v1"
)

// The operator is killed after each of its writes in turn, before it learns of the answer, during an install and during
// an upgrade. The next one brings the Database to its good end, on the same volume claim.
func TestKilledAfterEachWrite(t *testing.T) {
	t.Parallel()
	const installWrites, upgradeWrites = 14, 5
	for n := range int64(installWrites) {
		t.Run(fmt.Sprintf("install, write %d", n+1), func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			killed := killer{at: n + 1}
			op := startOperator(t, namespace, operatorOptions{transport: killed.wrap})
			db := newDatabase(namespace, "killed").password("secret").create(t)
			killed.wait(t)
			op.stop()
			startOperator(t, namespace, operatorOptions{clock: laterClock{}})
			becomeReady(t, db)
			waitDeployed(t, db, "")
		})
	}
	for n := range int64(upgradeWrites) {
		t.Run(fmt.Sprintf("upgrade, write %d", n+1), func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			first := startOperator(t, namespace, operatorOptions{})
			db := newDatabase(namespace, "killed").password("secret").create(t)
			becomeReady(t, db)
			first.stop()
			claim := named(&corev1.PersistentVolumeClaim{}, namespace, "killed-database-data")
			if err := get(t, claim); err != nil {
				t.Fatal(err)
			}
			uid := claim.UID
			update(t, db, func() { db.Spec.Image = "example.com/postgres:18.9" })
			killed := killer{at: n + 1}
			op := startOperator(t, namespace, operatorOptions{transport: killed.wrap})
			killed.wait(t)
			op.stop()
			startOperator(t, namespace, operatorOptions{clock: laterClock{}})
			becomeReady(t, db)
			waitDeployed(t, db, "example.com/postgres:18.9")
			if err := get(t, claim); err != nil || claim.UID != uid {
				t.Errorf("the volume claim is another: %v", err)
			}
		})
	}
}

// waitDeployed waits until the release is deployed, and has the image where one is given.
func waitDeployed(t *testing.T, db *v1.Database, image string) {
	t.Helper()
	eventually(t, "the release", func() error {
		if err := get(t, db); err != nil {
			return err
		}
		statefulSet := statefulSetOf(db)
		if err := get(t, statefulSet); err != nil {
			return err
		}
		has := statefulSet.Spec.Template.Spec.Containers[0].Image
		if db.Status.Release.Status != "deployed" || image != "" && has != image {
			return fmt.Errorf("release %+v, image %s", db.Status.Release, has)
		}
		return nil
	})
}

// laterClock is a minute ahead: what was left pending was left long ago.
type laterClock struct{ clock.RealClock }

func (laterClock) Now() time.Time { return time.Now().Add(time.Minute) }

// killer lets a number of writes through, and from then on nothing, not even the answer to the last of them: for the
// API server that is an operator that was killed.
type killer struct {
	at     int64
	writes atomic.Int64
	dead   atomic.Bool
}

var errKilled = errors.New("the operator was killed")

func (k *killer) wrap(inner http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		if k.dead.Load() {
			return nil, errKilled
		}
		if request.Method == http.MethodGet || strings.Contains(request.URL.Path, "/events") {
			return inner.RoundTrip(request)
		}
		if k.writes.Add(1) < k.at {
			return inner.RoundTrip(request)
		}
		k.dead.Store(true)
		response, err := inner.RoundTrip(request)
		if err == nil {
			err = errors.Join(errKilled, response.Body.Close())
		}
		return nil, err
	})
}

func (k *killer) wait(t *testing.T) {
	t.Helper()
	eventually(t, fmt.Sprintf("write %d", k.at), func() error {
		if !k.dead.Load() {
			return fmt.Errorf("only %d writes were made", k.writes.Load())
		}
		return nil
	})
}
