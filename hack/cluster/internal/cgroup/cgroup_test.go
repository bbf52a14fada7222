package cgroup

import (
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name   string
		mounts string
		want   []Hierarchy
	}{
		{
			name:   "version 2",
			mounts: "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n",
			want:   []Hierarchy{{Path: "/sys/fs/cgroup", Unified: true}},
		},
		{
			name: "version 1 with a unified one beside it",
			mounts: "cgroup /sys/fs/cgroup/cpuset cgroup rw,relatime,cpuset 0 0\n" +
				"cgroup /sys/fs/cgroup/memory cgroup rw,relatime,memory 0 0\n" +
				"cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0\n",
			want: []Hierarchy{
				{Path: "/sys/fs/cgroup/cpuset", CPUSet: true},
				{Path: "/sys/fs/cgroup/memory"},
				{Path: "/sys/fs/cgroup/unified", Unified: true},
			},
		},
		{
			name: "another's mount elsewhere",
			mounts: "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n" +
				"cgroup2 /var/lib/container/cgroup cgroup2 rw 0 0\n",
			want: []Hierarchy{{Path: "/sys/fs/cgroup", Unified: true}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parse(strings.NewReader(test.mounts))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
	if _, err := parse(strings.NewReader("proc /proc proc rw 0 0\n")); err == nil {
		t.Error("no error where no hierarchy is mounted")
	}
}
