// Command benchagenda measures what lists of the agenda cost, beside lists of the same Ats by the API server alone, in one
// run, and prints name=value lines:
//
//	make bench-agenda
//
// It starts a control plane of its own on loopback, and the agenda as a process of its own, whose memory it reads from
// /proc.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/controlplane"
)

// sizes are how many there are of what is measured.
type sizes struct{ ats, tabs, jobs, lists int }

// bench is what the measurements share.
type bench struct {
	bin, folder string
	plane       *controlplane.Plane
	client      client.Client
	agenda      *controlplane.Process
}

func main() {
	n := sizes{}
	flag.IntVar(&n.ats, "ats", 10_000, "How many Ats are due in the next 24 h.")
	flag.IntVar(&n.tabs, "crontabs", 1_000, "How many CronTabs there are, most of them hourly.")
	flag.IntVar(&n.jobs, "cronjobs", 500, "How many CronJobs there are.")
	flag.IntVar(&n.lists, "lists", 300, "How many lists are measured of each kind.")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, n)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "benchagenda: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, n sizes) (err error) {
	b := &bench{}
	defer func() {
		b.agenda.Stop()
		err = errors.Join(err, b.plane.Stop())
	}()
	if err := b.start(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "creating %d Ats, %d CronTabs and %d CronJobs\n", n.ats, n.tabs, n.jobs)
	if err := b.fill(ctx, n); err != nil {
		return err
	}
	if err := b.startAgenda(ctx); err != nil {
		return err
	}
	return b.measure(ctx, n)
}

func (b *bench) start() (err error) {
	if b.bin, err = filepath.Abs("bin"); err != nil {
		return err
	}
	if b.folder, err = filepath.Abs("dist/bench-agenda"); err != nil {
		return err
	}
	if err := os.MkdirAll(b.folder, 0o755); err != nil {
		return err
	}
	flags, err := controlplane.AggregationFlags(b.folder)
	if err != nil {
		return err
	}
	if b.plane, err = controlplane.Start(b.bin, b.folder, nil, flags); err != nil {
		return err
	}
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	b.client, err = client.New(b.plane.Config, client.Options{Scheme: scheme})
	return err
}

// startAgenda starts the agenda, and waits until the API server hands requests on to it.
func (b *bench) startAgenda(ctx context.Context) (err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return err
	}
	b.agenda, err = controlplane.StartProcess(filepath.Join(b.folder, "agenda.log"), filepath.Join(b.bin, "agenda"),
		"--kubeconfig="+b.plane.Kubeconfig, "--authentication-kubeconfig="+b.plane.Kubeconfig,
		"--authorization-kubeconfig="+b.plane.Kubeconfig, "--bind-address=127.0.0.1", fmt.Sprintf("--secure-port=%d", port),
		"--cert-dir="+b.folder)
	if err != nil {
		return err
	}
	if err := b.register(ctx, int64(port)); err != nil {
		return err
	}
	started := time.Now()
	for {
		err := b.client.List(ctx, &v1alpha1.RunList{}, client.Limit(1))
		if err == nil {
			break
		}
		if ctx.Err() != nil || time.Since(started) > 2*time.Minute {
			return fmt.Errorf("the agenda does not answer, its log is %s: %w", b.agenda.Log, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}

// register has the API server hand requests on to a port of this machine.
func (b *bench) register(ctx context.Context, port int64) error {
	service := newService()
	if err := b.client.Create(ctx, service); err != nil {
		return err
	}
	group := v1alpha1.GroupVersion
	return b.client.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
		"metadata": map[string]any{"name": group.Version + "." + group.Group},
		"spec": map[string]any{
			"group": group.Group, "version": group.Version, "groupPriorityMinimum": int64(100), "versionPriority": int64(100),
			"insecureSkipTLSVerify": true,
			"service":               map[string]any{"namespace": service.Namespace, "name": service.Name, "port": port},
		},
	}})
}

// measure lists in turn from the agenda and from the API server alone.
func (b *bench) measure(ctx context.Context, n sizes) error {
	ats := &metav1.PartialObjectMetadataList{}
	ats.SetGroupVersionKind(cnatv1.GroupVersion.WithKind("AtList"))
	raw, err := b.timed(ctx, n.lists, func() error { return b.client.List(ctx, ats, client.Limit(500)) })
	if err != nil {
		return err
	}
	page, err := b.timed(ctx, n.lists, func() error { return b.client.List(ctx, &v1alpha1.RunList{}, client.Limit(500)) })
	if err != nil {
		return err
	}
	started, runs, list := time.Now(), 0, &v1alpha1.RunList{}
	for more := true; more; more = list.Continue != "" {
		if err := b.client.List(ctx, list, client.Limit(500), client.Continue(list.Continue)); err != nil {
			return err
		}
		runs += len(list.Items)
	}
	whole := time.Since(started)
	memory, peak, err := b.agenda.Memory()
	if err != nil {
		return err
	}
	fmt.Printf("raw_list_p50_seconds=%.4f\nraw_list_p99_seconds=%.4f\n", percentile(raw, 50), percentile(raw, 99))
	fmt.Printf("agenda_list_p50_seconds=%.4f\nagenda_list_p99_seconds=%.4f\n", percentile(page, 50), percentile(page, 99))
	fmt.Printf("agenda_day_runs=%d\nagenda_day_seconds=%.2f\n", runs, whole.Seconds())
	fmt.Printf("agenda_rss_mib=%.0f\nagenda_peak_rss_mib=%.0f\n", float64(memory)/(1<<20), float64(peak)/(1<<20))
	return nil
}

// timed is how long each of some calls took, in order of that. The first ones are not counted.
func (b *bench) timed(ctx context.Context, n int, call func() error) ([]time.Duration, error) {
	const warm = 10
	var took []time.Duration
	for i := range n + warm {
		started := time.Now()
		if err := call(); err != nil || ctx.Err() != nil {
			return nil, errors.Join(err, ctx.Err())
		}
		if i >= warm {
			took = append(took, time.Since(started))
		}
	}
	slices.Sort(took)
	return took, nil
}

// percentile is in seconds.
func percentile(sorted []time.Duration, p int) float64 {
	return sorted[min(len(sorted)*p/100, len(sorted)-1)].Seconds()
}
