// Command bench measures how late Ats and the runs of CronTabs start, beside
// CronJobs and the limit of the API server, in one run, and prints name=value lines:
//
//	make bench-at              # or go run ./test/bench lateness, pending, many or among: one part
//	make bench-crontab
//
// It starts a control plane of its own on loopback, and the operator as a
// process of its own, whose memory and CPU time it reads from /proc.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/test/controlplane"
)

// bench is what the measurements share.
type bench struct {
	bin, folder string
	plane       *controlplane.Plane
	config      *rest.Config // of all that is compared
	kubeconfig  string       // a file with the same
	client      client.Client
	resource    string // what is looked for: jobs or pods
	clientset   *kubernetes.Clientset
	operator    *controlplane.Process
}

func main() {
	burst := flag.Int("burst", 1000, "How many are due at one instant.")
	singles := flag.Int("singles", 200, "How many single Ats, one every 100 ms.")
	pending := flag.Int("pending", 10000, "How many Ats are pending when the operator's cost is measured.")
	many := flag.Int("many", 100000, "How many are pending then. 0: this is not measured.")
	fat := flag.Int("fat", 400, "How many Ats of 1 MB are created when the operator's memory is measured.")
	plot := flag.String("plot", "docs/benchmarks/lateness.svg", "Where the plot goes.")
	times := flag.Int("rounds", 5, "How many times bursts are measured.")
	idle := flag.Int("idle", 10000, "How many CronTabs are idle when the operator's cost is measured.")
	flag.Parse()
	ctrl.SetLogger(logr.Discard())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	n := sizes{*burst, *times, *singles, *pending, *many, *fat, *idle}
	var err error
	switch flag.Arg(0) {
	case "watch":
		err = printFirst(flag.Arg(1), flag.Arg(2), flag.Arg(3))
	case "crontab":
		err = run(ctx, n, (*bench).cronTabs)
	default:
		err = ats(ctx, n, *plot, flag.Arg(0))
	}
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// sizes are how many there are of what is measured.
type sizes struct{ burst, rounds, singles, pending, many, fat, idle int }

// run measures on a control plane of its own, with the operator.
func run(ctx context.Context, n sizes, measure func(*bench, context.Context, sizes) error) (err error) {
	b := &bench{resource: resourceJobs}
	defer func() {
		b.operator.Stop()
		if stopErr := b.plane.Stop(); err == nil {
			err = stopErr
		}
	}()
	if err := b.start(); err != nil {
		return err
	}
	if err := b.startOperator(); err != nil {
		return err
	}
	return measure(b, ctx, n)
}

// ats measures what Ats cost while they wait, and then how late they start, beside Jobs that are created directly and
// CronJobs. Each part has a control plane of its own: what is left of another would count. Only names one part; empty: all.
func ats(ctx context.Context, n sizes, plot, only string) error {
	known := only == ""
	for _, part := range []struct {
		name    string
		measure func(*bench, context.Context, sizes) error
	}{
		{"pending", (*bench).pending},
		{"many", func(b *bench, ctx context.Context, n sizes) error { return b.pendingAts(ctx, "many", n.many) }},
		{"among", func(b *bench, ctx context.Context, n sizes) error { return b.amongNew(ctx, n.singles) }},
		{"lateness", func(b *bench, ctx context.Context, n sizes) error { return b.lateness(ctx, n, plot) }},
	} {
		if only != "" && only != part.name || part.name == "many" && n.many == 0 {
			continue
		}
		known = true
		if err := run(ctx, n, part.measure); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	if !known {
		return fmt.Errorf("there is no part %q", only)
	}
	return nil
}

// lateness measures how late Jobs are allowed to run, and their pods are created.
func (b *bench) lateness(ctx context.Context, n sizes, plot string) error {
	if err := b.podBursts(ctx, n.burst/5); err != nil {
		return err
	}
	if err := b.single(ctx, n.singles); err != nil {
		return err
	}
	raws, atBursts, err := b.burst(ctx, "", n.burst, n.rounds)
	if err != nil {
		return err
	}
	raws.print("raw")
	atBursts.print("at")
	raw, ats := raws.median(), atBursts.median()
	fmt.Printf("at_p99/raw_p99=%.2f\n", ats.percentile(99).Seconds()/raw.percentile(99).Seconds())

	if err := b.burstBesideFat(ctx, n.burst); err != nil {
		return err
	}
	progress("cronjob: %d CronJobs due at one instant", n.burst)
	cronJobs, err := b.cronJobBurst(ctx, "cronjob", n.burst)
	if err != nil {
		return err
	}
	cronJobs.print("cronjob")

	fmt.Printf("cronjob_p99/at_p99=%.1f\n", cronJobs.percentile(99).Seconds()/ats.percentile(99).Seconds())
	return writePlot(plot, raw, ats, cronJobs)
}

// pending measures what pending Ats cost, and 400 of 1 MB beside them.
func (b *bench) pending(ctx context.Context, n sizes) error {
	if err := b.pendingAts(ctx, "pending", n.pending); err != nil {
		return err
	}
	progress("fat: the operator's memory with %d Ats of 1 MB", n.fat)
	return b.fatMemory(ctx, n.fat)
}

// podBursts measures when the Job controller has created the pods, with the rate limit that Kubernetes gives it: of few,
// and before all else, so that it has nothing else to do.
func (b *bench) podBursts(ctx context.Context, n int) error {
	progress("pods: those of %d Jobs created directly, and of as many Ats and CronJobs that are due at one instant", n)
	b.resource = resourcePods
	defer func() { b.resource = resourceJobs }()
	for _, burst := range []struct {
		name    string
		measure func(context.Context, string, int) (distribution, error)
	}{{"raw_pod", b.rawBurst}, {"at_pod", b.atBurst}, {"cronjob_pod", b.cronJobBurst}} {
		lateness, err := burst.measure(ctx, strings.ReplaceAll(burst.name, "_", "-"), n)
		if err != nil {
			return err
		}
		lateness.print(burst.name)
	}
	return nil
}

// burstBesideFat measures the same burst beside unrelated Ats of 16 MB in all.
func (b *bench) burstBesideFat(ctx context.Context, n int) error {
	progress("fat: the same beside 16 unrelated Ats of 1 MB")
	if err := b.fatAts(ctx, "fat-16", 16); err != nil {
		return err
	}
	raws, ats, err := b.burst(ctx, "fat-", n, 3)
	if err != nil {
		return err
	}
	ats.print("at_beside_fat")
	fmt.Printf("at_beside_fat_p99/raw_p99=%.2f\n",
		ats.median().percentile(99).Seconds()/raws.median().percentile(99).Seconds())
	return nil
}

// start starts the control plane.
func (b *bench) start() error {
	var err error
	if b.bin, err = filepath.Abs("bin"); err != nil {
		return err
	}
	if b.folder, err = os.MkdirTemp("", "bench-at-"); err != nil {
		return err
	}
	progress("starting a control plane; logs are in %s", b.folder)
	if b.plane, err = controlplane.Start(b.bin, b.folder, nil, nil); err != nil {
		return err
	}
	// There is no node: a Job's pod stays Pending, so that what is measured is the control plane's own work. Among
	// Kubernetes' own settings is the controllers' rate limit, of 20 requests a second.
	if err = b.plane.RunKube("kube-controller-manager", "--controllers=cronjob-controller,job-controller,garbage-collector-controller"); err != nil {
		return err
	}
	if err = b.useToken(); err != nil {
		return err
	}
	if b.client, err = client.New(b.config, client.Options{}); err != nil {
		return err
	}
	binary := rest.CopyConfig(b.config) // as the operator and Kubernetes' controllers speak
	binary.ContentType = runtime.ContentTypeProtobuf
	b.clientset, err = kubernetes.NewForConfig(binary)
	return err
}

// startOperator starts the operator as config/manager does, but for its ports.
func (b *bench) startOperator() (err error) {
	b.operator, err = controlplane.StartProcess(filepath.Join(b.folder, "operator.log"), filepath.Join(b.bin, "manager"),
		"--kubeconfig="+b.kubeconfig, "--database-chart=helm-charts/database",
		"--metrics-bind-address=0", "--health-probe-bind-address=0")
	return err
}

var began = time.Now()

// progress goes to standard error; only results go to standard output.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[%5.1f s] %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
