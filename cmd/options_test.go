package main

import (
	"flag"
	"io"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNamespaces(t *testing.T) {
	tests := map[string]struct {
		variable string
		want     []string
	}{
		"all":          {"", nil},
		"one":          {"a", []string{"a"}},
		"more":         {"a,b", []string{"a", "b"}},
		"with spaces":  {" a, b ,", []string{"a", "b"}},
		"only a comma": {",", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Setenv("WATCH_NAMESPACE", test.variable)
			if got := slices.Sorted(maps.Keys((&options{}).namespaces())); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestImagesComeFromTheEnvironmentUnlessAFlagSays(t *testing.T) {
	t.Setenv("RELATED_IMAGE_SHELL", "mirror/shell")
	t.Setenv("RELATED_IMAGE_POSTGRES", "mirror/postgres")
	t.Setenv("RELATED_IMAGE_EXPORTER", "mirror/exporter")
	var o options
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	o.bind(flags)
	if err := flags.Parse([]string{"--command-image=own/shell"}); err != nil {
		t.Fatal(err)
	}
	if o.commandImage != "own/shell" || o.databaseImage != "mirror/postgres" || o.exporterImage != "mirror/exporter" {
		t.Errorf("got %q, %q and %q", o.commandImage, o.databaseImage, o.exporterImage)
	}
}

func TestDefaultTTL(t *testing.T) {
	for value, want := range map[string]time.Duration{"168h": 168 * time.Hour, "0s": 0, "-1s": -1, "7d": -1, "": -1} {
		var o options
		flags := flag.NewFlagSet("manager", flag.ContinueOnError)
		flags.SetOutput(io.Discard)
		o.bind(flags)
		err := flags.Parse([]string{"--default-ttl=" + value})
		if (err != nil) != (want < 0) || err == nil && *o.atDefaultTTL != want {
			t.Errorf("--default-ttl=%s: got %v, %v", value, o.atDefaultTTL, err)
		}
	}
	var o options
	o.bind(flag.NewFlagSet("manager", flag.ContinueOnError))
	if o.atDefaultTTL != nil {
		t.Errorf("without the flag Ats are kept for %s", *o.atDefaultTTL)
	}
}

func TestFlagsAreInTheGuide(t *testing.T) {
	guide, err := os.ReadFile("../docs/admin-guide.md")
	if err != nil {
		t.Fatal(err)
	}
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	(&options{}).bind(flags)
	flags.VisitAll(func(f *flag.Flag) {
		if !strings.Contains(string(guide), "`--"+f.Name+"`") {
			t.Errorf("docs/admin-guide.md does not mention --%s", f.Name)
		}
	})
}

// A leader that can't renew its lease ends before another one begins: it waits
// for a retry period, tries for the renew deadline, and tries to give up the
// lease by a read and a write, each for half of that, as client-go does it.
func TestLeaderEndsBeforeAnotherLeads(t *testing.T) {
	set := (&options{}).manager()
	release := 2 * max(*set.RenewDeadline/2, time.Second)
	if end := *set.RetryPeriod + *set.RenewDeadline + release; end >= *set.LeaseDuration {
		t.Errorf("a leader may work for %s after its last renewal, and another may lead after %s", end, *set.LeaseDuration)
	}
}

// controller-runtime refuses two entries of one type.
func TestCachedObjectsNameEachTypeOnce(t *testing.T) {
	seen := map[reflect.Type]bool{}
	for object := range cachedObjects() {
		if kind := reflect.TypeOf(object); seen[kind] {
			t.Errorf("%s is there twice", kind)
		} else {
			seen[kind] = true
		}
	}
	if len(seen) == 0 {
		t.Error("nothing is cached by label")
	}
}
