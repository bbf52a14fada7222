// Command agenda is an aggregated API server: what runs when, of Ats, CronTabs and CronJobs, as far as the user may see
// it, and what an on-call user may do about it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/apiserver/pkg/server"
	serveroptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/cli"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"example.com/cnat-operator/cmd/agenda/runs"
)

// options are the flags: those of every API server without a storage, and two of our own.
type options struct {
	serving        *serveroptions.SecureServingOptionsWithLoopback
	authentication *serveroptions.DelegatingAuthenticationOptions
	authorization  *serveroptions.DelegatingAuthorizationOptions
	kubeconfig     string
	service        string
}

func main() {
	command := newCommand()
	command.SetContext(server.SetupSignalContext())
	os.Exit(cli.Run(command))
}

func newCommand() *cobra.Command {
	o := &options{
		serving:        serveroptions.NewSecureServingOptions().WithLoopback(),
		authentication: serveroptions.NewDelegatingAuthenticationOptions(),
		authorization:  serveroptions.NewDelegatingAuthorizationOptions(),
	}
	o.serving.BindPort = 6443
	command := &cobra.Command{
		Use: "agenda", Short: "Serve what runs when as an aggregated API", Args: cobra.NoArgs, SilenceUsage: true,
		RunE: func(command *cobra.Command, _ []string) error { return o.run(command.Context()) },
	}
	flags := command.Flags()
	o.serving.AddFlags(flags)
	o.authentication.AddFlags(flags)
	o.authorization.AddFlags(flags)
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "of the API server to read from; in a cluster it is known")
	flags.StringVar(&o.service, "service", "", "NAMESPACE/NAME of the Service that leads here. Its certificate is kept in the "+
		"Secret of the same name, which is mounted as --cert-dir, and renewed, and the APIService is given its CA. Without "+
		"this flag the certificate is that of --tls-cert-file")
	return command
}

func (o *options) run(ctx context.Context) error {
	ctrl.SetLogger(klog.Background())
	config, err := o.config()
	if err != nil {
		return err
	}
	// What one user requests holds up no other: the API server's own priority and fairness limits each.
	config.QPS = -1
	mgr, err := newManager(config)
	if err != nil {
		return err
	}
	for _, kind := range runs.Kinds() {
		// Fails where the kind's CRD is not installed.
		if _, err := mgr.GetCache().GetInformer(ctx, kind, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watching %T: %w", kind, err)
		}
	}
	certified, err := o.certify(mgr)
	if err != nil {
		return err
	}
	// Lists are served to the end, and so the manager ends after the server.
	managed, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	serving, cancel := context.WithCancel(ctx)
	defer cancel()
	stopped := make(chan error, 1)
	go func() {
		defer cancel()
		stopped <- mgr.Start(managed)
	}()
	select {
	case <-certified:
		err = o.serve(serving, mgr)
	case <-serving.Done():
	}
	stop()
	return errors.Join(err, <-stopped)
}

// newManager returns what reads the cluster's objects. It serves nothing.
func newManager(config *rest.Config) (ctrl.Manager, error) {
	scheme, err := runs.Scheme()
	if err != nil {
		return nil, err
	}
	return ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme, Cache: runs.CacheOptions(), Metrics: metricsserver.Options{BindAddress: "0"},
	})
}

func (o *options) serve(ctx context.Context, mgr ctrl.Manager) error {
	generic, err := newServer(o, mgr)
	if err != nil {
		return err
	}
	return generic.PrepareRun().RunWithContext(ctx)
}

func (o *options) config() (*rest.Config, error) {
	if o.kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", o.kubeconfig)
}
