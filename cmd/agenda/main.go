// Command agenda is an aggregated API server: what runs when, of Ats, CronTabs and CronJobs, as far as the user may see it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/apiserver/pkg/server"
	serveroptions "k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/cli"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"example.com/cnat-operator/cmd/agenda/runs"
)

// options are the flags: those of every API server without a storage.
type options struct {
	serving        *serveroptions.SecureServingOptionsWithLoopback
	authentication *serveroptions.DelegatingAuthenticationOptions
	authorization  *serveroptions.DelegatingAuthorizationOptions
	kubeconfig     string
}

func main() { os.Exit(cli.Run(newCommand())) }

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
	o.serving.AddFlags(command.Flags())
	o.authentication.AddFlags(command.Flags())
	o.authorization.AddFlags(command.Flags())
	command.Flags().StringVar(&o.kubeconfig, "kubeconfig", "", "of the API server to read from; in a cluster it is known")
	return command
}

func (o *options) applyTo(config *server.RecommendedConfig) error {
	if err := o.serving.MaybeDefaultWithSelfSignedCerts("localhost", nil, nil); err != nil {
		return fmt.Errorf("creating a certificate: %w", err)
	}
	if err := o.serving.ApplyTo(&config.SecureServing, &config.LoopbackClientConfig); err != nil {
		return err
	}
	if err := o.authentication.ApplyTo(&config.Authentication, config.SecureServing, nil); err != nil {
		return err
	}
	return o.authorization.ApplyTo(&config.Authorization)
}

func (o *options) run(ctx context.Context) error {
	client, err := o.client()
	if err != nil {
		return err
	}
	cacheOptions, err := runs.CacheOptions()
	if err != nil {
		return err
	}
	informers, err := cache.New(client, cacheOptions)
	if err != nil {
		return err
	}
	for _, kind := range runs.Kinds() {
		// Fails where the kind's CRD is not installed.
		if _, err := informers.GetInformer(ctx, kind, cache.BlockUntilSynced(false)); err != nil {
			return fmt.Errorf("watching %T: %w", kind, err)
		}
	}
	generic, err := newServer(o, informers)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(server.SetupSignalContext())
	defer cancel()
	stopped := make(chan error, 1)
	go func() {
		stopped <- informers.Start(ctx)
		cancel()
	}()
	if err := generic.PrepareRun().RunWithContext(ctx); err != nil {
		return err
	}
	cancel()
	return <-stopped
}

func (o *options) client() (*rest.Config, error) {
	if o.kubeconfig == "" {
		return rest.InClusterConfig()
	}
	return clientcmd.BuildConfigFromFlags("", o.kubeconfig)
}
