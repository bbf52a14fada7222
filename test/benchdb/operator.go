package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"example.com/cnat-operator/test/controlplane"
)

// bench is one subject in a cluster of its own.
type bench struct {
	subject
	*cluster
	folder     string
	executable string
	operator   *controlplane.Process
	metrics    string
}

// unpackSize is in what pieces containerd writes a file of an image's layer.
const unpackSize = 32 << 10

// unpacked copies a program into a folder as it would come out of an image. How much of a program counts as resident
// depends on the size of the pieces in which it came into the page cache, by many MiB.
func unpacked(program, folder string) (string, error) {
	content, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	file, err := os.OpenFile(filepath.Join(folder, filepath.Base(program)), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	for piece := range slices.Chunk(content, unpackSize) {
		if _, err := file.Write(piece); err != nil {
			return "", errors.Join(err, file.Close())
		}
	}
	return file.Name(), file.Close()
}

// startOperator starts the operator and waits until it has reconciled so often.
func (b *bench) startOperator(ctx context.Context, times int) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	b.metrics = listener.Addr().String()
	if err := listener.Close(); err != nil {
		return err
	}
	if err := os.Setenv("KUBECONFIG", b.operatorConfig); err != nil {
		return err
	}
	b.operator, err = controlplane.StartProcess(filepath.Join(b.folder, b.program+".log"), b.executable,
		append(b.args, "--metrics-bind-address="+b.metrics, "--health-probe-bind-address=0")...)
	if err != nil {
		return err
	}
	err = poll(ctx, "the operator to start", installLimit, func() (bool, error) {
		n, err := reconciles(b.metrics, b.controller)
		if err != nil { // it does not serve yet, or it has ended
			_, _, err = b.operator.Memory()
		}
		return n >= times && err == nil, err
	})
	if err != nil {
		return fmt.Errorf("%w; the log is %s", err, b.operator.Log)
	}
	return sleep(ctx, settle)
}

// again restarts the operator, and returns what it asked for and its peak memory once it has looked at each object.
func (b *bench) again(ctx context.Context) (requests, int64, error) {
	b.operator.Stop()
	if _, err := b.audit.since(); err != nil {
		return nil, 0, err
	}
	if err := b.startOperator(ctx, len(b.objects)); err != nil {
		return nil, 0, err
	}
	made, err := b.requests("restart")
	if err != nil {
		return nil, 0, err
	}
	now, peak, err := b.operator.Memory()
	progress("%s: restart: rss %d MiB, peak %d MiB", b.name, now>>20, peak>>20)
	return made, peak, err
}

// requests reads what the operator asked for since the last time, and reports it in short.
func (b *bench) requests(step string) (requests, error) {
	made, err := b.audit.since()
	progress("%s: %s: requests: %v", b.name, step, map[string]int(made))
	return made, err
}
