package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"example.com/cnat-operator/hack/cluster/internal/image"
)

// list is a flag that may be given more than once.
type list []string

func (l *list) String() string     { return strings.Join(*l, ",") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

type buildOptions struct {
	output, name, from, rootfs, user, workdir        string
	files, platforms, entrypoint, cmd, env, labelSet list
	registry                                         image.Registry
}

func build(ctx context.Context, args []string) error {
	var o buildOptions
	flags := flag.NewFlagSet("image build", flag.ContinueOnError)
	flags.StringVar(&o.output, "output", "", "the OCI archive to write")
	flags.StringVar(&o.name, "name", "", "the image's name, kept in the archive")
	flags.StringVar(&o.from, "from", "", "the image that the files are put on top of, of a registry (default: none)")
	flags.StringVar(&o.registry.CAFile, "ca", "", "certificate of the authority of that registry (default: the machine's authorities)")
	flags.StringVar(&o.rootfs, "rootfs", "", "a tar of the root folder, to which the files are added")
	flags.StringVar(&o.user, "user", "", "user ID, or user:group")
	flags.StringVar(&o.workdir, "workdir", "", "working directory")
	flags.Var(&o.files, "file", "SRC:/dst[:mode], a file or a folder; may be repeated")
	flags.Var(&o.platforms, "platform", "os/architecture; may be repeated (default linux and this machine's)")
	flags.Var(&o.entrypoint, "entrypoint", "a word of the command line; may be repeated")
	flags.Var(&o.cmd, "cmd", "an argument that a pod may replace; may be repeated")
	flags.Var(&o.env, "env", "K=V; may be repeated")
	flags.Var(&o.labelSet, "label", "K=V; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.output == "" || o.name == "" || flags.NArg() > 0 {
		return fmt.Errorf("build takes --output, --name and flags only; got the arguments %q", flags.Args())
	}
	if len(o.platforms) == 0 {
		o.platforms = list{"linux/" + runtime.GOARCH}
	}
	config, err := o.config()
	if err != nil {
		return err
	}
	var images []v1.Image
	for _, p := range o.platforms {
		img, err := o.buildFor(ctx, p, config)
		if err != nil {
			return fmt.Errorf("build %s for %s: %w", o.name, p, err)
		}
		images = append(images, img)
	}
	return image.WriteArchive(o.output, o.name, images)
}

func (o *buildOptions) config() (image.Config, error) {
	config := image.Config{
		User: o.user, Entrypoint: o.entrypoint, Cmd: o.cmd, Env: o.env,
		WorkingDir: o.workdir, Labels: map[string]string{},
	}
	for _, label := range o.labelSet {
		key, value, ok := strings.Cut(label, "=")
		if !ok {
			return config, fmt.Errorf("--label %q is not K=V", label)
		}
		config.Labels[key] = value
	}
	return config, nil
}

func (o *buildOptions) buildFor(ctx context.Context, name string, config image.Config) (v1.Image, error) {
	platform, err := v1.ParsePlatform(name)
	if err != nil {
		return nil, err
	}
	tree := image.Tree{}
	if o.rootfs != "" {
		file, err := os.Open(forArch(o.rootfs, platform))
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }()
		if err := tree.AddTar(file, func(name string) string { return name }); err != nil {
			return nil, err
		}
	}
	for _, f := range o.files {
		src, dst, mode, err := parseFile(f)
		if err != nil {
			return nil, err
		}
		if err := tree.AddPath(forArch(src, platform), dst, mode); err != nil {
			return nil, err
		}
	}
	if o.from == "" {
		return image.Build(tree, config, *platform)
	}
	base, err := o.registry.Pull(ctx, o.from, *platform)
	if err != nil {
		return nil, err
	}
	return image.BuildOn(base, tree, config, *platform)
}

func forArch(name string, platform *v1.Platform) string {
	return strings.ReplaceAll(name, "{arch}", platform.Architecture)
}

// parseFile reads SRC:/dst[:mode].
func parseFile(s string) (src, dst string, mode fs.FileMode, err error) {
	src, rest, _ := strings.Cut(s, ":")
	dst, octal, hasMode := strings.Cut(rest, ":")
	if src == "" || !strings.HasPrefix(dst, "/") {
		return "", "", 0, fmt.Errorf("--file %q is not SRC:/dst[:mode]", s)
	}
	if hasMode {
		bits, err := strconv.ParseUint(octal, 8, 12)
		if err != nil {
			return "", "", 0, fmt.Errorf("--file %q: the mode %q is not octal", s, octal)
		}
		mode = fs.FileMode(bits)
	}
	return src, dst, mode, nil
}
