package main

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// history is what was asked of an At, and what was seen of it.
type history struct {
	due time.Time
	// deleted: its pod or Job was deleted while it ran. cancelled: it was cancelled while it ran. neverRun: it was
	// cancelled long before it was due.
	deleted, cancelled, neverRun bool
	// optional: it may run, or not.
	optional bool

	allowed map[types.UID]time.Time // its Jobs, by when they were first seen to be allowed to run
	pods    map[types.UID]time.Time // its pods, by when they were created, in whole seconds
	limited bool                    // one of its Jobs that might run got a deadline, which no At has, or was suspended
	started []time.Time             // what its containers wrote
	ended   int
}

// verdict is what came of all the Ats.
type verdict struct {
	lost, twice, early, wronglyStopped, cancelledRan int
	// podAgain are Ats with one Job for which the Job controller created a second pod: see history.podAgain.
	podAgain int

	lateness []time.Duration // from when each was due until its Job was allowed to run, in order
}

// judge compares what was asked with what was seen. The API server was killed at an instant; zero: it was not.
func judge(all map[string]*history, killed time.Time) verdict {
	var found verdict
	count := func(counter *int, counts bool, what, name string) {
		if counts {
			*counter++
			progress("%s: At %s: %+v", what, name, *all[name])
		}
	}
	for name, at := range all {
		count(&found.lost, at.isLost(), "lost", name)
		again := at.podAgain(killed)
		count(&found.podAgain, again, "the Job controller created its pod again", name)
		count(&found.twice, !again && (len(at.started) > 1 || len(at.allowed) > 1 || len(at.pods) > 1), "twice", name)
		count(&found.early, at.isEarly(), "early", name)
		count(&found.wronglyStopped, at.isWronglyStopped(), "wrongly stopped", name)
		count(&found.cancelledRan, at.neverRun && len(at.started)+len(at.allowed)+len(at.pods) > 0, "cancelled and ran", name)
		for _, moment := range at.allowed {
			found.lateness = append(found.lateness, moment.Sub(at.due))
		}
	}
	slices.Sort(found.lateness)
	return found
}

// isLost reports whether an At never ran. One that was stopped by us need not have got as far as the file.
func (at *history) isLost() bool {
	return len(at.started) == 0 && !at.deleted && !at.cancelled && !at.neverRun && !at.optional
}

// answering is how long the API server may take to answer that a pod is created.
const answering = 5 * time.Second

// podAgain reports whether the Job controller created the pod of an At's one Job twice, because the API server was killed
// between storing the first and answering. It does not know then that there is one. No operator can prevent that:
// https://kubernetes.io/docs/concepts/workloads/controllers/job/#handling-pod-and-container-failures.
func (at *history) podAgain(killed time.Time) bool {
	before, after := 0, 0
	for _, created := range at.pods {
		switch {
		case created.After(killed):
			after++
		case created.After(killed.Add(-answering)):
			before++
		}
	}
	return !killed.IsZero() && len(at.allowed) == 1 && len(at.pods) == 2 && before == 1 && after == 1
}

// isEarly reports whether anything was allowed to run, or ran, before it was due. A moment that was seen is later than it
// was; a pod's creation is cut to the second, and so is when an At is due.
func (at *history) isEarly() bool {
	early := func(moment time.Time) bool { return moment.Before(at.due) }
	for _, moments := range []map[types.UID]time.Time{at.allowed, at.pods} {
		for _, moment := range moments {
			if early(moment) {
				return true
			}
		}
	}
	return slices.ContainsFunc(at.started, early)
}

// isWronglyStopped reports whether a run did not get to its end, or was given one, though nothing asked for that.
func (at *history) isWronglyStopped() bool {
	return !at.deleted && !at.cancelled && (at.ended < len(at.started) || at.limited)
}

func (v verdict) bad() int { return v.lost + v.twice + v.early + v.wronglyStopped + v.cancelledRan }

func (v verdict) print() {
	fmt.Printf("lost=%d twice=%d early=%d wrongly_stopped=%d cancelled_ran=%d\n",
		v.lost, v.twice, v.early, v.wronglyStopped, v.cancelledRan)
	fmt.Printf("job_controller_pod_again=%d\n", v.podAgain)
	if n := len(v.lateness); n > 0 {
		fmt.Printf("lateness_p50_seconds=%.1f\nlateness_p99_seconds=%.1f\nlateness_max_seconds=%.1f\n",
			v.lateness[n/2].Seconds(), v.lateness[n*99/100].Seconds(), v.lateness[n-1].Seconds())
	}
}
