package main

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"

	"example.com/cnat-operator/hack/cluster/internal/image"
)

func push(ctx context.Context, args []string) error {
	var registry image.Registry
	flags := flag.NewFlagSet("image push", flag.ContinueOnError)
	flags.BoolVar(&registry.PlainHTTP, "plain-http", false, "the registry has no TLS")
	flags.StringVar(&registry.CAFile, "ca", "", "certificate of the registry's authority (default: the machine's authorities)")
	// Flags may come before or after the two arguments.
	at := slices.IndexFunc(args, func(s string) bool { return !strings.HasPrefix(s, "-") })
	words := args
	if at == 0 && len(args) >= 2 {
		words = append(slices.Clone(args[2:]), args[:2]...)
	}
	if err := flags.Parse(words); err != nil {
		return err
	}
	if flags.NArg() != 2 {
		return fmt.Errorf("push takes an archive and a name, got %q", flags.Args())
	}
	digest, err := image.PushArchive(ctx, flags.Arg(0), registry, flags.Arg(1))
	if err != nil {
		return err
	}
	fmt.Printf("%s@%s\n", flags.Arg(1), digest)
	return nil
}
