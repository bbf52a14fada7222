// Command image builds OCI images out of files and pushes them, with no
// container engine:
//
//	image build --output IMAGE.tar --name REF [--file SRC:/dst[:mode]]... [--rootfs TAR] [--from REF [--ca FILE]] \
//	    [--platform linux/amd64]... [--user 65532] [--entrypoint /manager]... [--cmd ARG]... \
//	    [--env K=V]... [--label K=V]... [--workdir DIR]
//	image push IMAGE.tar REF [--plain-http | --ca FILE]
//
// The archive is an OCI layout in a tar. The same files give the same bytes.
// With more than one --platform the image is an index; then {arch} in a SRC or
// in --rootfs stands for each platform's architecture in turn.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "build":
			return build(ctx, args[1:])
		case "push":
			return push(ctx, args[1:])
		}
	}
	return fmt.Errorf("usage: image build --output FILE --name REF [flags] | image push FILE REF [flags]; -h after either shows more")
}
