package machine

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	tests := []struct {
		name, line string
		start      uint64
		state      string
		bad        bool
	}{
		{name: "plain", line: "42 (sh) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 1000 2", start: 777, state: "S"},
		{name: "parentheses in the name", line: "42 (a) Z (b) R 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 778 1000 2", start: 778, state: "R"},
		{name: "cut off", line: "42 (sh) S 1", bad: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			start, state, err := parseStat(test.line)
			if (err != nil) != test.bad || start != test.start || state != test.state {
				t.Errorf("got %d, %q, %v", start, state, err)
			}
		})
	}
}

func TestAProcessIsToldApart(t *testing.T) {
	self, err := Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !self.Alive() {
		t.Error("this process is said to be dead")
	}
	tests := map[string]Process{
		"the ID was given to another": {PID: self.PID, Start: self.Start + 1, Boot: self.Boot},
		"the machine was restarted":   {PID: self.PID, Start: self.Start, Boot: "another"},
		"no process":                  {},
	}
	for name, p := range tests {
		if p.Alive() {
			t.Errorf("%s: said to be alive", name)
		}
	}
}

func TestKillWaitsForTheEnd(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait() }() // it was killed: that is no error here
	if err := p.Kill(10 * time.Second); err != nil {
		t.Error(err)
	}
	if p.Alive() {
		t.Error("alive after it was killed")
	}
}

func TestInnermost(t *testing.T) {
	if pid, ok := innermost("Name:\tx\nPid:\t900\nNSpid:\t900\t17\n"); !ok || pid != 17 {
		t.Errorf("got %d, %t", pid, ok)
	}
	if _, ok := innermost("Name:\tx\n"); ok {
		t.Error("found an ID where there is none")
	}
}
