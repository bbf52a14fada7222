package cluster

import "fmt"

// action is what `up` does about what it finds.
type action int

const (
	// create: there is nothing.
	create action = iota
	// keep: it is the cluster that is wanted, if it is healthy.
	keep
	// replace: it is another, or what is left of one.
	replace
)

// found is what there is on the machine.
type found struct {
	record *record
	// alive: the recorded node runs.
	alive bool
	// remains: there are files, links or cgroups.
	remains bool
}

// decide compares what is there with what is wanted, and says why.
//
// A cluster whose node died is created anew, not revived: its database was not
// written with care (see etcd's flags), and a test cluster that comes back with
// half of yesterday's objects costs more time than it saves. The death of one
// process is another matter: the node's supervisor starts it again.
func decide(f found, checkout, fingerprint string) (action, string) {
	switch {
	case f.record == nil && !f.remains:
		return create, ""
	case f.record == nil:
		return replace, "there are remains of a cluster"
	case !f.alive:
		return replace, fmt.Sprintf("the cluster of %s has died", f.record.Checkout)
	case f.record.Checkout != checkout:
		return replace, fmt.Sprintf("the running cluster belongs to %s", f.record.Checkout)
	case f.record.Fingerprint != fingerprint:
		return replace, "the running cluster has other binaries or another configuration"
	case !f.record.Complete:
		return replace, "the cluster was never up completely"
	default:
		return keep, ""
	}
}
