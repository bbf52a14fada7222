package db

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/term"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/dbname"
)

// execute runs a command in the container of the Database's server.
func execute(
	ctx context.Context, cluster *cli.Cluster, db *v1.Database, command []string, options remotecommand.StreamOptions,
) error {
	url := cluster.Kubernetes.CoreV1().RESTClient().Post().
		Resource("pods").Namespace(db.Namespace).Name(dbname.Pod(db.Name)).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{
			Container: dbname.ServerContainer,
			Command:   command,
			Stdin:     options.Stdin != nil,
			Stdout:    options.Stdout != nil,
			Stderr:    options.Stderr != nil,
			TTY:       options.Tty,
		}, scheme.ParameterCodec).URL()
	// As kubectl does: by WebSockets, and by SPDY where the API server, or a proxy before it, has none.
	overSPDY, err := remotecommand.NewSPDYExecutor(cluster.Config, "POST", url)
	if err != nil {
		return err
	}
	overWebSocket, err := remotecommand.NewWebSocketExecutor(cluster.Config, "GET", url.String())
	if err != nil {
		return err
	}
	executor, err := remotecommand.NewFallbackExecutor(overWebSocket, overSPDY, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	if err != nil {
		return err
	}
	if err := executor.StreamWithContext(ctx, options); err != nil {
		return refusal(err)
	}
	return nil
}

// refusal drops what a connection that the API server refused begins its error with, since that says nothing to a user.
func refusal(err error) error {
	const noise = "unable to upgrade connection: "
	if text, found := strings.CutPrefix(err.Error(), noise); found {
		return errors.New(text)
	}
	return err
}

// exitOf makes the exit code of a command in the pod that of the plugin: the command has printed why.
func exitOf(err error) error {
	var ended exec.ExitError
	if errors.As(err, &ended) && ended.Exited() {
		return &cli.ExitError{Code: ended.ExitStatus()}
	}
	return err
}

// interactive runs a session whose keys go to the pod as they are, Ctrl-C among them, and restores the terminal after
// it.
func interactive(
	ctx context.Context, tool *cli.Tool, run func(remotecommand.StreamOptions) error,
) error {
	in, _ := cli.Terminal(tool.In)
	out, _ := cli.Terminal(tool.Out)
	before, err := term.MakeRaw(in)
	if err != nil {
		return err
	}
	defer func() { _ = term.Restore(in, before) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	return run(remotecommand.StreamOptions{
		Stdin:             tool.In,
		Stdout:            tool.Out,
		Tty:               true,
		TerminalSizeQueue: &sizes{ctx: ctx, read: func() (int, int, error) { return term.GetSize(out) }},
	})
}

// sizes reports each new size of the terminal. It polls, since not every system has a signal for it.
type sizes struct {
	ctx  context.Context
	read func() (width, height int, err error)
	last remotecommand.TerminalSize
}

// sizeEvery is how often the size is read.
const sizeEvery = 250 * time.Millisecond

// Next waits for a size other than the last one, or for the end of the session.
func (s *sizes) Next() *remotecommand.TerminalSize {
	for s.ctx.Err() == nil {
		width, height, err := s.read()
		size := remotecommand.TerminalSize{Width: uint16(width), Height: uint16(height)}
		if err == nil && size != s.last && width > 0 && height > 0 {
			s.last = size
			return &size
		}
		select {
		case <-s.ctx.Done():
		case <-time.After(sizeEvery):
		}
	}
	return nil
}
