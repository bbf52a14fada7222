package node

import (
	"context"
	"log"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"example.com/cnat-operator/hack/cluster/internal/api"
	"example.com/cnat-operator/hack/cluster/internal/spec"
)

// Pauses before a process that ended is started again: a fault that lasts must
// not take all of the machine's time.
const (
	firstPause = 500 * time.Millisecond
	maxPause   = 10 * time.Second
	// Steady is how long a process must have run for its end to be no failure to
	// start.
	Steady = time.Minute
)

// supervisor runs the components. It is process 1 of its namespace, so that it
// must collect every process that ends, not only those that it started.
type supervisor struct {
	components []Component

	mu sync.Mutex
	// running maps process IDs to what is to be reported of their end.
	running map[int]chan syscall.WaitStatus
	states  map[string]*Process
}

func newSupervisor(components []Component) *supervisor {
	s := &supervisor{components: components, running: map[int]chan syscall.WaitStatus{}, states: map[string]*Process{}}
	for _, c := range components {
		s.states[c.Name] = &Process{Name: c.Name}
	}
	return s
}

// run returns when ctx ends; the kernel then ends all that is still running.
func (s *supervisor) run(ctx context.Context) {
	go s.reap()
	ready := make(chan struct{})
	go func() {
		defer close(ready)
		awaitAPIServer(ctx)
	}()
	for _, c := range s.components {
		go func() {
			if c.AfterAPIServer {
				<-ready
			}
			s.keepRunning(ctx, c)
		}()
	}
	<-ctx.Done()
}

func (s *supervisor) keepRunning(ctx context.Context, c Component) {
	pause, failures := firstPause, 0
	for ctx.Err() == nil {
		started := time.Now()
		var reason string
		if ended, err := s.start(c); err != nil {
			reason = "it does not start: " + err.Error()
		} else {
			reason = exitReason(<-ended)
		}
		log.Printf("%s ended: %s", c.Name, reason)
		if time.Since(started) > Steady {
			pause, failures = firstPause, 0
		}
		failures++
		s.note(c.Name, func(p *Process) { p.PID, p.LastExit, p.Failures = 0, reason, failures })
		time.Sleep(pause)
		pause = min(2*pause, maxPause)
		s.note(c.Name, func(p *Process) { p.Restarts++ })
	}
}

// start starts a component; its end is reported on the channel.
func (s *supervisor) start(c Component) (<-chan syscall.WaitStatus, error) {
	out, err := os.OpenFile(filepath.Join(spec.State("log"), c.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	ended := make(chan syscall.WaitStatus, 1)
	// The lock keeps reap from seeing the end of a process that is not noted yet.
	s.mu.Lock()
	process, err := os.StartProcess(c.Args[0], c.Args, &os.ProcAttr{
		Dir:   "/",
		Env:   environment(),
		Files: []*os.File{null, out, out},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err == nil {
		s.running[process.Pid] = ended
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	pid := process.Pid
	_ = process.Release() // reap waits for it
	s.note(c.Name, func(p *Process) { p.PID, p.Started = pid, time.Now().UTC() })
	return ended, nil
}

// reap collects every process that ends.
func (s *supervisor) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		if err != nil { // no child at this moment, or a signal
			time.Sleep(50 * time.Millisecond)
			continue
		}
		s.mu.Lock()
		ended, ours := s.running[pid]
		delete(s.running, pid)
		s.mu.Unlock()
		if ours {
			ended <- status
		}
	}
}

func environment() []string {
	return []string{"HOME=/root", "PATH=" + BinDir + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
}

// awaitAPIServer returns when the API server is ready: sooner, the
// controller-manager exits for want of a role. There is no limit here; the limit
// is with whoever waits for the cluster.
func awaitAPIServer(ctx context.Context) {
	client, err := api.New(spec.State("pki"))
	if err != nil {
		log.Print(err)
		return
	}
	defer client.Close()
	for ctx.Err() == nil && client.Healthy(ctx, spec.APIServer+"/readyz") != nil {
		time.Sleep(100 * time.Millisecond)
	}
}
