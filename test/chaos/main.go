// Command chaos proves on a real cluster of one node that Ats run once, none is lost, early, or stopped by mistake, while
// all goes wrong:
//
//	make e2e-chaos
//
// 200 Ats are due over four minutes, and 500 more at one instant in them. Each appends its name and the time to a file on
// the node when it starts and when it ends. A third of them is deleted as soon as they are over. Twelve CronTabs run every
// minute meanwhile; a third of them is edited again and again, a third is suspended over one minute, and may report as
// missed what was due before and had not started. Of two operators the leader stands still for longer than its lease, in
// the middle of the burst and once more, and goes on when another leads; then leaders are killed every 5 s, and the API
// server once. Runs are stopped by deleting their pod or Job and by cancelling them; other Ats are cancelled before they
// are due. All Jobs and pods are watched meanwhile: a run begins when its Job is allowed to run. It prints lost=0 twice=0
// early=0 wrongly_stopped=0, or fails; it fails too where one of these faults did not happen. A pod that the Job controller
// creates again since the API server was killed in the middle of its answer is counted by itself.
//
// With -failover it measures instead how late an At starts that is due in the
// moment when the leader ends gracefully, and when it is killed.
//
// With -databases it proves instead that Databases recover from what happens to the operator, to their releases, claims
// and servers, and that no row is lost.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

const (
	spread     = 200
	span       = 4 * time.Minute // over which they are due
	burst      = 500             // which are due at one instant, so long after the first of the others
	burstAfter = 10 * time.Second
	stopFor    = leaseDuration + 5*time.Second
	killEvery  = 5 * time.Second
	stops      = 7                // runs that are stopped in each of the three ways
	recovery   = 20 * time.Minute // for all to be over: a node runs 110 pods at once
)

// chaos is what the parts of the run share.
type chaos struct {
	client    client.Client
	clientset *kubernetes.Clientset
	namespace string
	bystander string // another namespace, in which nothing may happen
	image     string
	folder    string    // on the node
	begin     time.Time // when the first At is due
	killed    time.Time // when the API server was killed; zero: it was not

	mutex sync.Mutex
	ats   map[string]*history
}

func main() {
	image := flag.String("image", os.Getenv("SHELL_IMAGE"), "An image with sh, date and cat.")
	restart := flag.String("restart-apiserver", "bin/cluster restart kube-apiserver", "The command that kills the API server; empty for none.")
	failover := flag.Bool("failover", false, "Measure how late an At is that is due during a failover, and nothing else.")
	databases := flag.Bool("databases", false, "Break Databases, and nothing else.")
	flag.Parse()
	act := func(ctx context.Context, c *chaos) error { return c.provokeChaos(ctx, *restart) }
	switch {
	case *failover:
		act = func(ctx context.Context, c *chaos) error { return c.measureFailovers(ctx) }
	case *databases:
		act = func(ctx context.Context, c *chaos) error { return c.breakDatabases(ctx) }
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
	watchCtx, stopWatching := context.WithCancel(ctx)
	defer stopWatching()
	if err := c.watchRuns(watchCtx); err != nil {
		return err
	}
	if err := c.createAts(ctx); err != nil {
		return err
	}
	if err := c.createCronTabs(ctx); err != nil {
		return err
	}
	progress("%d Ats are due over %s, %d at one instant, and %d CronTabs %d times", spread, span, burst, cronTabs, len(c.minutes()))
	stopChanging := c.changeCronTabs(ctx)
	stopped := map[string]int{}
	stopStopping := c.stopRuns(ctx, stopped)
	kills, pending, err := c.harmOperators(ctx, restart)
	if err != nil {
		return err
	}
	changes := stopChanging()
	progress("killed the leader %d times; waiting until all are over", kills)
	if err := c.awaitAll(ctx); err != nil {
		return err
	}
	stopStopping()
	stopWatching()
	if err := c.collectRuns(ctx); err != nil {
		return err
	}
	missed, err := c.excuseMissed(ctx)
	if err != nil {
		return err
	}
	found := judge(c.ats, c.killed)
	found.print()
	fmt.Printf("leader_stops=2\nleader_kills=%d\ncancelled_before=%d\nstopped_runs=%d\n",
		kills, pending, stopped["pod"]+stopped["job"]+stopped["cancel"])
	fmt.Printf("crontab_runs=%d\ncrontab_changes=%d\ncrontab_reported_missed=%d\n", cronTabs*len(c.minutes()), changes, missed)
	if found.bad() > 0 {
		return errors.New("some Ats were lost, ran twice, ran early, or were stopped by mistake")
	}
	if changes < 5 {
		return fmt.Errorf("the CronTabs were changed %d times only", changes)
	}
	if kills < 3 || pending == 0 || min(stopped["pod"], stopped["job"], stopped["cancel"]) < stops {
		return fmt.Errorf("there was too little chaos: %d kills, %d cancelled, %v stopped", kills, pending, stopped)
	}
	return nil
}

// harmOperators does all that is done to the operators and the API server, as long as Ats get due.
func (c *chaos) harmOperators(ctx context.Context, restart string) (kills, pending int, err error) {
	sleep(ctx, time.Until(c.begin.Add(burstAfter+200*time.Millisecond)))
	if err := c.stopLeader(ctx); err != nil {
		return 0, 0, err
	}
	if pending, err = c.cancelPending(ctx); err != nil {
		return 0, 0, err
	}
	sleep(ctx, 5*time.Second) // in which both may think that they lead
	if err := c.stopLeader(ctx); err != nil {
		return 0, 0, err
	}
	sleep(ctx, 5*time.Second)
	middle := time.Now().Add(time.Until(c.begin.Add(span)) / 2)
	kills = c.killLeaders(ctx, middle)
	if restart != "" {
		c.killed = time.Now()
		if output, err := exec.CommandContext(ctx, "sh", "-c", restart).CombinedOutput(); err != nil {
			return 0, 0, fmt.Errorf("restarting the API server: %w: %s", err, output)
		}
		progress("killed the API server")
	}
	return kills + c.killLeaders(ctx, c.begin.Add(span)), pending, nil
}

// setup connects, and makes a namespace.
func setup(ctx context.Context, image string) (*chaos, error) {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(cnatv1.AddToScheme(scheme))
	utilruntime.Must(crontabv1.AddToScheme(scheme))
	utilruntime.Must(databasev1.AddToScheme(scheme))
	config, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	c := &chaos{image: image, ats: map[string]*history{}}
	if c.clientset, err = kubernetes.NewForConfig(config); err != nil {
		return nil, err
	}
	if c.client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return nil, err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "chaos-"}}
	if err := c.client.Create(ctx, namespace); err != nil {
		return nil, fmt.Errorf("creating a namespace: %w", err)
	}
	bystander := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "chaos-bystander-"}}
	if err := c.client.Create(ctx, bystander); err != nil {
		return nil, fmt.Errorf("creating a namespace: %w", err)
	}
	c.namespace, c.bystander, c.folder = namespace.Name, bystander.Name, "/var/tmp/"+namespace.Name
	return c, nil
}

// cleanUp leaves the cluster as it was. A pod whose process was killed often is
// started again only minutes later: new ones take the operator's pods' place.
func (c *chaos) cleanUp() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	return errors.Join(
		c.client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}}),
		c.client.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.bystander}}),
		kubectl(ctx, "delete", "pods", "--selector=app.kubernetes.io/name=cnat-operator"),
		kubectl(ctx, "rollout", "status", "deployment/"+operatorDeployment, "--timeout=180s"),
	)
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
