// Command benchdb measures what Databases cost, beside helm-operator-plugins' own operator with the same chart, in one
// run, and prints name=value lines:
//
//	make bench-database
//
// Each operator gets a control plane of its own on loopback, with a node that kwok simulates. Requests are counted in
// the API server's audit log, and memory is read from /proc.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func main() {
	n := flag.Int("n", 300, "How many Databases.")
	secrets := flag.Int("secrets", 5000, "How many foreign Secrets.")
	configMaps := flag.Int("configmaps", 400, "How many ConfigMaps of a megabyte with the operator's label.")
	many := flag.Int("many", 1000, "How many Databases are installed besides, by this operator alone; 0: none.")
	workers := flag.Int("workers", 4, "How many objects each operator works on at once; 0: what each does by default.")
	rounds := flag.Int("rounds", 3, "How often each operator installs them, in turn; 1 or more.")
	plot := flag.String("plot", "docs/benchmarks/databases.svg", "Where the plot goes.")
	flag.Parse()
	log.SetLogger(logr.Discard())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *n, *secrets, *configMaps, *many, *workers, *rounds, *plot)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "benchdb: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, n, secrets, configMaps, many, workers, rounds int, plot string) error {
	bin, err := filepath.Abs("bin")
	if err != nil {
		return err
	}
	watches, err := writeWatches()
	if err != nil {
		return err
	}
	our, their, err := inTurn(ctx, bin, rounds, func() subject { return ours(n, workers) }, mark(configMaps),
		func(releases []storedRelease) subject { return peer(releases, watches, workers) }, (*bench).resync, (*bench).restart, crowd(secrets))
	if err != nil {
		return err
	}
	our.print()
	our.printMarked(configMaps)
	their.print()
	fmt.Printf("ours/peer_install_time=%.2f\n", our.installTime().Seconds()/their.installTime().Seconds())
	fmt.Printf("ours/peer_install_cpu=%.2f\n", our.cpu.Seconds()/their.cpu.Seconds())
	fmt.Printf("ours/peer_install_requests=%.2f\n", our.installRequests/their.installRequests)
	fmt.Printf("ours/peer_rss_peak=%.2f\n", float64(our.peak)/float64(their.peak))
	for _, percent := range quantiles {
		fmt.Printf("ours/peer_ready_p%d=%.2f\n", percent, our.ready(percent).Seconds()/their.ready(percent).Seconds())
	}
	if many > 0 {
		all, err := measure(ctx, bin, ours(many, workers), (*bench).install)
		if err != nil {
			return err
		}
		fmt.Printf("ours_%d_install_seconds=%.1f\nours_%d_rss_peak_mib=%d\n", many, all.installTime().Seconds(), many, all.peak>>20)
	}
	return writePlot(plot, our, their)
}

// inTurn measures the installation by both operators in turn, and in the first round all the rest.
func inTurn(
	ctx context.Context, bin string, rounds int, ours func() subject, last step, peer func([]storedRelease) subject, rest ...step,
) (our, their *result, err error) {
	var ourRounds, theirRounds []*result
	for round := range rounds {
		mine, theirs := []step{(*bench).install}, []step{(*bench).install}
		if round == 0 {
			theirs = append(theirs, rest...)
			mine = append(slices.Clone(theirs), last)
		}
		our, err := measure(ctx, bin, ours(), mine...)
		if err != nil {
			return nil, nil, err
		}
		their, err := measure(ctx, bin, peer(our.releases), theirs...)
		if err != nil {
			return nil, nil, err
		}
		ourRounds, theirRounds = append(ourRounds, our), append(theirRounds, their)
	}
	return withMedian(ourRounds), withMedian(theirRounds), nil
}

// quantiles are the shares of Databases, in percent, of which it is printed when they were ready.
var quantiles = []int{10, 50, 99}

// writeWatches writes the peer's configuration.
func writeWatches() (string, error) {
	chart, err := filepath.Abs(filepath.Join("helm-charts", "database"))
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "bench-database-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(folder, "watches.yaml")
	return file, os.WriteFile(file, fmt.Appendf(nil, peerWatches, chart), 0o600)
}

// print prints the result as name=value lines.
func (r *result) print() {
	line := func(name, format string, value float64) { fmt.Printf("%s_%s="+format+"\n", r.name, name, value) }
	const mib = 1 << 20
	line("n", "%.0f", float64(len(r.installed)))
	line("install_seconds", "%.1f", r.installTime().Seconds())
	fmt.Printf("%s_install_seconds_of_each_round=%.1f\n", r.name, r.rounds)
	for _, percent := range quantiles {
		line(fmt.Sprintf("ready_p%d_seconds", percent), "%.1f", r.ready(percent).Seconds())
	}
	line("install_cpu_seconds", "%.1f", r.cpu.Seconds())
	line("install_requests_per_database", "%.1f", r.installRequests)
	line("noop_requests_per_database", "%.2f", r.noopRequests)
	line("restart_requests_per_database", "%.2f", r.restartRequests)
	line("rss_peak_mib", "%.0f", float64(r.peak)/mib)
	line("rss_restarted_mib", "%.0f", float64(r.restarted)/mib)
	line("rss_foreign_secrets_mib", "%.0f", float64(r.crowded)/mib)
	line("rss_foreign_secrets_change_percent", "%+.1f", 100*(float64(r.crowded)/float64(r.restarted)-1))
}

func (r *result) printMarked(configMaps int) {
	fmt.Printf("%s_rss_%d_configmaps_change_mib=%+d\n", r.name, configMaps, r.markedChange>>20)
	fmt.Printf("%s_rss_%d_configmaps_restarted_change_mib=%+d\n", r.name, configMaps, (r.markedRestarted-r.crowded)>>20)
}

var began = time.Now()

// progress goes to standard error; only results go to standard output.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "[%5.1f s] %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
}
