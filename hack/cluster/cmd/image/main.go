// Command image builds OCI images out of files and pushes them, with no
// container engine:
//
//	image build --output IMAGE.tar --name REF [--file SRC:/dst[:mode]]... [--rootfs TAR] [--from REF [--ca FILE]] \
//	    [--platform linux/amd64]... [--user 65532] [--entrypoint /manager]... [--cmd ARG]... \
//	    [--env K=V]... [--label K=V]... [--workdir DIR]
//	image push IMAGE.tar REF [--plain-http | --ca FILE]
//	image digest IMAGE.tar
//	image serve FOLDER ADDRESS CERTIFICATE KEY
//
// The archive is an OCI layout in a tar. The same files give the same bytes.
// With more than one --platform the image is an index; then {arch} in a SRC or
// in --rootfs stands for each platform's architecture in turn. digest prints what
// a registry will know the image by. serve serves a registry from a folder.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"example.com/cnat-operator/hack/cluster/internal/image"
	"example.com/cnat-operator/hack/cluster/internal/registry"
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
		case "digest":
			return digest(args[1:])
		case "serve":
			return serve(ctx, args[1:])
		}
	}
	return fmt.Errorf("usage: image build --output FILE --name REF [flags] | image push FILE REF [flags] | image digest FILE | " +
		"image serve FOLDER ADDRESS CERTIFICATE KEY; -h after the first two shows more")
}

func digest(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("digest takes an archive, got %q", args)
	}
	digest, err := image.ArchiveDigest(args[0])
	if err != nil {
		return err
	}
	fmt.Println(digest)
	return nil
}

func serve(ctx context.Context, args []string) error {
	if len(args) != 4 {
		return fmt.Errorf("serve takes a folder, an address, a certificate and its key, got %q", args)
	}
	server, err := registry.New(args[0])
	if err != nil {
		return err
	}
	return server.Serve(ctx, args[1], args[2], args[3])
}
