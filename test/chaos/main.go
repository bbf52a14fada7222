// Command chaos proves on a real cluster of one node that Ats run once, none
// is lost and none is early, while all goes wrong:
//
//	make e2e-chaos
//
// 200 Ats are due over 60 s. Each appends its name and the time to a file on
// the node. Meanwhile the leader of two operators is killed every 5 s, the pods
// and Jobs of 20 of them are deleted while they run, and the API server is
// killed once. It prints lost=0 twice=0 early=0, or fails.
//
// With -handover it measures instead how late an At starts that is due in the
// moment when the leader ends gracefully, and when it is killed.
//
// With -databases it kills the leader at each step of installs and upgrades of
// Databases instead, and proves that all recover and no row is lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	ats       = 200
	span      = 60 * time.Second // over which they are due
	killEvery = 5 * time.Second
	deleted   = 20              // of which pod or Job is deleted while they run
	recovery  = 5 * time.Minute // for all to be over, after the last was due
)

// chaos is what the parts of the run share.
type chaos struct {
	client    client.Client
	namespace string
	image     string
	folder    string // on the node
	due       map[string]time.Time
}

func main() {
	image := flag.String("image", os.Getenv("SHELL_IMAGE"), "An image with sh, date and cat.")
	restart := flag.String("restart-apiserver", "bin/cluster restart kube-apiserver", "The command that kills the API server; empty for none.")
	handover := flag.Bool("handover", false, "Measure how late an At is that is due when the lead changes hands, and nothing else.")
	databases := flag.Bool("databases", false, "Kill the leader at each step of installs and upgrades of Databases, and nothing else.")
	flag.Parse()
	act := func(ctx context.Context, c *chaos) error { return c.provokeChaos(ctx, *restart) }
	switch {
	case *handover:
		act = func(ctx context.Context, c *chaos) error { return c.measureHandovers(ctx) }
	case *databases:
		act = func(ctx context.Context, c *chaos) error { return c.breakReleases(ctx) }
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctrl.SetLogger(logr.Discard())
	err := run(ctx, *image, act)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "chaos: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, image string, act func(context.Context, *chaos) error) (err error) {
	c, err := setup(ctx, image)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.cleanUp()) }()
	if err := c.scaleOperator(ctx, 2); err != nil {
		return err
	}
	return act(ctx, c)
}

func (c *chaos) provokeChaos(ctx context.Context, restart string) error {
	if err := c.createAts(ctx); err != nil {
		return err
	}
	progress("%d Ats are due over %s", ats, span)

	stopKilling := c.killLeaders(ctx)
	stopDeleting := c.deleteRuns(ctx)
	time.AfterFunc(span/2, func() {
		if restart != "" {
			output, err := exec.CommandContext(ctx, "sh", "-c", restart).CombinedOutput()
			progress("killed the API server: %s %v", output, err)
		}
	})
	sleep(ctx, time.Until(c.last()))
	kills := stopKilling()
	progress("killed the leader %d times; waiting until all are over", kills)
	if err := c.awaitAll(ctx); err != nil {
		return err
	}
	victims := stopDeleting()
	ran, err := c.readRuns(ctx)
	if err != nil {
		return err
	}
	found := judge(c.due, ran, victims)
	found.print(kills, len(victims))
	if found.lost+found.twice+found.early > 0 {
		return errors.New("some Ats were lost, ran twice or ran early")
	}
	if kills == 0 || len(victims) < deleted {
		return fmt.Errorf("there was too little chaos: %d kills and %d deletions", kills, len(victims))
	}
	return nil
}

// setup connects, and makes a namespace.
func setup(ctx context.Context, image string) (*chaos, error) {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(cnatv1alpha1.AddToScheme(scheme))
	utilruntime.Must(databasev1.AddToScheme(scheme))
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	c := &chaos{image: image, due: map[string]time.Time{}}
	if c.client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "chaos-"}}
	if err := c.client.Create(ctx, namespace); err != nil {
		return nil, fmt.Errorf("creating a namespace: %w", err)
	}
	c.namespace, c.folder = namespace.Name, "/var/tmp/"+namespace.Name
	return c, nil
}

// cleanUp leaves the cluster as it was. A pod whose process was killed often is
// started again only minutes later: new ones take the operator's pods' place.
func (c *chaos) cleanUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return errors.Join(
		c.client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}}),
		kubectl(ctx, "delete", "pods", "--selector=app.kubernetes.io/name=cnat-operator"),
		kubectl(ctx, "rollout", "status", "deployment/"+operatorDeployment, "--timeout=180s"),
	)
}

// last is when the last At is due.
func (c *chaos) last() time.Time {
	var last time.Time
	for _, due := range c.due {
		if due.After(last) {
			last = due
		}
	}
	return last
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
