// Package cli is what the project's kubectl plugins share: the cluster, as kubectl's own flags choose it, and errors
// that say what to do.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	crontabv1 "example.com/cnat-operator/api/crontab/v1"
	databasev1 "example.com/cnat-operator/api/database/v1"
)

// Tool is what a plugin's commands work with.
type Tool struct {
	genericiooptions.IOStreams
	// Flags are kubectl's: --namespace, --context and the others that choose a cluster and a user.
	Flags *genericclioptions.ConfigFlags
	// Now is the present, in the zone that times are read and printed in.
	Now func() time.Time
}

// NewTool returns what the commands of a plugin work with.
func NewTool(streams genericiooptions.IOStreams) *Tool {
	return &Tool{IOStreams: streams, Flags: genericclioptions.NewConfigFlags(true), Now: time.Now}
}

// Cluster is the one that the user's flags choose, with the user's rights.
type Cluster struct {
	client.Client
	// Kubernetes is for what a client of objects can't do: logs.
	Kubernetes kubernetes.Interface
	// Config is for what needs a connection of its own: to run a command in a container.
	Config *rest.Config
	// Namespace is the one to work in.
	Namespace string
}

// Scheme has the kinds that the plugins know.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(cnatv1.AddToScheme(scheme))
	utilruntime.Must(crontabv1.AddToScheme(scheme))
	utilruntime.Must(databasev1.AddToScheme(scheme))
	return scheme
}

// Connect reads the user's kubeconfig. It makes no request. The user agent, and with it the field manager, is the
// plugin's name, by client-go's default.
func (t *Tool) Connect() (*Cluster, error) {
	config, err := t.Flags.ToRESTConfig()
	if err != nil {
		return nil, err
	}
	// By client-go's own limit, a wait that times out would end with "would exceed context deadline". The API server's
	// priority and fairness limits a plugin as well.
	config.QPS = -1
	config.WarningHandler = rest.NewWarningWriter(t.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
	namespace, _, err := t.Flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, err
	}
	scheme := Scheme()
	objects, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper(scheme)})
	if err != nil {
		return nil, err
	}
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Cluster{Client: objects, Kubernetes: core, Config: config, Namespace: namespace}, nil
}

// mapper knows the kinds without asking the cluster, which would take many requests.
func mapper(scheme *runtime.Scheme) meta.RESTMapper {
	known := meta.NewDefaultRESTMapper(nil)
	for kind := range scheme.AllKnownTypes() {
		known.Add(kind, meta.RESTScopeNamespace)
	}
	return known
}

// Key is the name of an object in the cluster's namespace.
func (c *Cluster) Key(name string) client.ObjectKey {
	return client.ObjectKey{Namespace: c.Namespace, Name: name}
}

// ExitError ends a plugin with a code, and with the error, if there is one, printed.
type ExitError struct {
	Code int
	Err  error
}

func (e *ExitError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("exit code %d", e.Code)
	}
	return e.Err.Error()
}

// Unwrap returns the error that is printed.
func (e *ExitError) Unwrap() error { return e.Err }

// Main is the main function of a plugin. Under the name kubectl_complete-NAME it completes a command line, as kubectl asks
// of plugins.
func Main(plugin func(*Tool) *cobra.Command, args []string) {
	tool := NewTool(genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr})
	command := plugin(tool)
	if strings.HasPrefix(filepath.Base(os.Args[0]), "kubectl_complete-") {
		args = append([]string{"__complete"}, os.Args[1:]...)
	}
	command.SetArgs(args)
	os.Exit(Run(command, tool))
}

// interrupted is the exit code of a shell's command that Ctrl-C ended.
const interrupted = 130

// Run runs a plugin and returns its exit code: 0, 1 after an error, 130 after Ctrl-C, or that of an ExitError.
func Run(command *cobra.Command, t *Tool) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := command.ExecuteContext(ctx)
	var exit *ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		if exit.Err != nil {
			_, _ = fmt.Fprintln(t.ErrOut, "error:", Explain(exit.Err))
		}
		return exit.Code
	case ctx.Err() != nil:
		_, _ = fmt.Fprintln(t.ErrOut, "interrupted:", err)
		return interrupted
	default:
		_, _ = fmt.Fprintln(t.ErrOut, "error:", Explain(err))
		return 1
	}
}
