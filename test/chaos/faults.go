package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	databasev1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/test/stored"
)

// A fault happens to a Database that is ready; it must be ready again within the limit, as its spec says.
type fault struct {
	name string
	do   func(ctx context.Context, c *chaos, db *databasev1.Database) error
}

// faults are what happens to one Database each.
func faults() []fault {
	return []fault{
		{"scaled-1", scaleAfterChange},
		{"scaled-2", scaleAfterChange},
		{"scaled-3", scaleAfterChange},
		{"crash", crashServer},
		{"pod-forced", forceDeletePod},
		{"release-tampered", tamper(func(_ *chaos, r map[string]any) {
			r["manifest"] = strings.ReplaceAll(fmt.Sprint(r["manifest"]), "replicas: 1", "replicas: 0")
		})},
		{"release-reaching", tamper(func(c *chaos, r map[string]any) {
			r["manifest"] = fmt.Sprintf("%v\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: pwned, namespace: %s}\n", r["manifest"], c.bystander)
		})},
		{"release-emptied", tamper(func(_ *chaos, r map[string]any) { r["manifest"] = "" })},
		{"release-pending", tamper(func(_ *chaos, r map[string]any) {
			if info, ok := r["info"].(map[string]any); ok {
				info["status"] = "pending-upgrade"
			}
		})},
		{"release-deleted", deleteRelease},
		{"helm-upgrade", helm("upgrade", "helm-charts/database", "--reuse-values", "--set=resources.requests.memory=192Mi")},
		{"helm-rollback", helm("rollback", "1")},
		{"helm-uninstall", helm("uninstall")},
	}
}

// breakEach has each fault happen, and returns how many Databases recovered, and how long the slowest took.
func (c *chaos) breakEach(ctx context.Context) (databases []*databasev1.Database, recovered int, slowest time.Duration, err error) {
	for _, one := range faults() {
		databases = append(databases, newDatabase(c.namespace, one.name))
	}
	if err := c.createDatabases(ctx, databases); err != nil {
		return nil, 0, 0, err
	}
	if err := c.awaitHealthy(ctx, databases, installLimit); err != nil {
		return nil, 0, 0, err
	}
	// A second revision, for what goes back to the first.
	if err := c.changeDatabases(ctx, databases, 1); err != nil {
		return nil, 0, 0, err
	}
	if err := c.awaitHealthy(ctx, databases, installLimit); err != nil {
		return nil, 0, 0, err
	}
	if err := fill(ctx, databases); err != nil {
		return nil, 0, 0, err
	}
	for i, one := range faults() {
		db := databases[i]
		begun := time.Now()
		if err := one.do(ctx, c, db); err != nil {
			return nil, 0, 0, fmt.Errorf("%s: %w", one.name, err)
		}
		err := c.awaitHealthy(ctx, databases[i:i+1], recoveryLimit)
		if took := time.Since(begun); err == nil {
			recovered++
			slowest = max(slowest, took)
			progress("%s: healthy %.1f s after it began", one.name, took.Seconds())
		} else {
			progress("%s: NOT recovered: %v", one.name, err)
		}
	}
	return databases, recovered, slowest, nil
}

// awaitHealthy waits until Databases are ready, and all that belongs to them is as the spec says.
func (c *chaos) awaitHealthy(ctx context.Context, databases []*databasev1.Database, limit time.Duration) error {
	for begun := time.Now(); ; sleep(ctx, 200*time.Millisecond) {
		ready, err := c.ready(ctx, databases)
		for _, db := range databases {
			err = errors.Join(err, c.unhealthy(ctx, db))
		}
		if err == nil && ready == len(databases) {
			return nil
		}
		if time.Since(begun) > limit || ctx.Err() != nil {
			return fmt.Errorf("after %s %d of %d Databases are ready: %w", limit, ready, len(databases), err)
		}
	}
}

// unhealthy says what of a Database is not as its spec says.
func (c *chaos) unhealthy(ctx context.Context, db *databasev1.Database) error {
	key := client.ObjectKey{Namespace: db.Namespace, Name: db.Name + "-database"}
	set, service := &appsv1.StatefulSet{}, &corev1.Service{}
	if err := errors.Join(c.client.Get(ctx, key, set), c.client.Get(ctx, key, service)); err != nil {
		return err
	}
	if *set.Spec.Replicas != 1 || set.Status.Replicas != 1 || set.Status.ReadyReplicas != 1 || !set.DeletionTimestamp.IsZero() {
		return fmt.Errorf("StatefulSet %s has replicas %d, %+v", set.Name, *set.Spec.Replicas, set.Status)
	}
	pod := set.Spec.Template.Spec
	for i := range pod.Containers {
		container := &pod.Containers[i]
		if container.Name != "postgres" {
			continue
		}
		if memory := container.Resources.Requests.Memory().String(); memory != wantedMemory {
			return fmt.Errorf("StatefulSet %s requests %s of memory", set.Name, memory)
		}
		if want := db.Spec.Resources; want != nil && !want.Requests.Cpu().Equal(*container.Resources.Requests.Cpu()) {
			return fmt.Errorf("StatefulSet %s requests %s of CPU", set.Name, container.Resources.Requests.Cpu())
		}
	}
	return nil
}

// wantedMemory is what the Databases here request.
const wantedMemory = "64Mi"

// scaleAfterChange asks for a second server in the seconds after a change, and crashes the first.
func scaleAfterChange(ctx context.Context, c *chaos, db *databasev1.Database) error {
	if err := c.changeDatabases(ctx, []*databasev1.Database{db}, 2); err != nil {
		return err
	}
	sleep(ctx, 2*time.Second)
	err := c.run(ctx, "kubectl", "scale", "statefulset/"+db.Name+"-database", "--replicas=2")
	if err != nil {
		return err
	}
	sleep(ctx, 3*time.Second)
	// Where it is between two pods there is none to crash.
	if err := crashServer(ctx, c, db); err != nil {
		progress("%s: %v", db.Name, err)
	}
	return nil
}

func crashServer(ctx context.Context, c *chaos, db *databasev1.Database) error {
	pod := &corev1.Pod{}
	if err := c.client.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: db.Name + "-database-0"}, pod); err != nil {
		return err
	}
	if err := crash(string(pod.UID)); err != nil {
		return err
	}
	sleep(ctx, 2*time.Second) // until it is seen
	return nil
}

// forceDeletePod has the API server forget a pod whose server may still run.
func forceDeletePod(ctx context.Context, c *chaos, db *databasev1.Database) error {
	return c.run(ctx, "kubectl", "delete", "pod", db.Name+"-database-0", "--force", "--grace-period=0", "--wait=false")
}

// tamper changes what Helm stored of the newest release, and has the operator look at it: an object is missing.
func tamper(change func(*chaos, map[string]any)) func(context.Context, *chaos, *databasev1.Database) error {
	return func(ctx context.Context, c *chaos, db *databasev1.Database) error {
		secrets := &corev1.SecretList{}
		err := c.client.List(ctx, secrets, client.InNamespace(db.Namespace),
			client.MatchingLabels{"owner": "helm", "name": db.Name + "-database", "status": "deployed"})
		if err != nil || len(secrets.Items) != 1 {
			return fmt.Errorf("%d releases of Database %s are deployed: %w", len(secrets.Items), db.Name, err)
		}
		secret, release := &secrets.Items[0], map[string]any{}
		if err := stored.Decode(secret.Data["release"], &release); err != nil {
			return err
		}
		change(c, release)
		if secret.Data["release"], err = stored.Encode(release); err != nil {
			return err
		}
		if err := c.client.Update(ctx, secret); err != nil {
			return err
		}
		return c.deleteService(ctx, db)
	}
}

func (c *chaos) deleteService(ctx context.Context, db *databasev1.Database) error {
	about := metav1.ObjectMeta{Namespace: db.Namespace, Name: db.Name + "-database"}
	return c.client.Delete(ctx, &corev1.Service{ObjectMeta: about})
}

// deleteRelease deletes all that Helm stored.
func deleteRelease(ctx context.Context, c *chaos, db *databasev1.Database) error {
	err := c.client.DeleteAllOf(ctx, &corev1.Secret{}, client.InNamespace(db.Namespace),
		client.MatchingLabels{"owner": "helm", "name": db.Name + "-database"})
	return errors.Join(err, c.deleteService(ctx, db))
}

// helm runs Helm by hand on the release of a Database.
func helm(action string, args ...string) func(context.Context, *chaos, *databasev1.Database) error {
	return func(ctx context.Context, c *chaos, db *databasev1.Database) error {
		if err := c.run(ctx, "helm", append([]string{action, db.Name + "-database"}, args...)...); err != nil {
			return err
		}
		sleep(ctx, time.Second) // until what it did is seen
		return nil
	}
}

// run runs a program in the namespace.
func (c *chaos) run(ctx context.Context, program string, args ...string) error {
	output, err := exec.CommandContext(ctx, program, append(args, "--namespace="+c.namespace)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", program, strings.Join(args, " "), err, output)
	}
	return nil
}
