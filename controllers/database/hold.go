package database

import (
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"

	v1 "example.com/cnat-operator/api/database/v1"
)

// startHold is for how long the status may lag behind what a server that starts waits for. Kubernetes binds its volume and
// starts its pod within seconds: one write then reports both, or that the server is ready.
const startHold = 3 * time.Second

// hold is for how long the status is not written yet. Zero: it is written now, if it differs at all.
func (p *pass) hold(status *v1.DatabaseStatus) time.Duration {
	pending := ""
	if isProgress(&p.db.Status, status) && len(p.seen.events()) == 0 {
		pending = "since"
	}
	since := p.track.Since("status pending", pending, p.now)
	if pending == "" {
		return 0
	}
	return max(0, startHold-since)
}

// isProgress reports whether two statuses of a server that starts differ only in what it waits for and in its volume.
func isProgress(before, after *v1.DatabaseStatus) bool {
	return before.Reason == v1.ReasonStarting && !equality.Semantic.DeepEqual(before, after) &&
		equality.Semantic.DeepEqual(withoutProgress(before), withoutProgress(after))
}

func withoutProgress(status *v1.DatabaseStatus) *v1.DatabaseStatus {
	status = status.DeepCopy()
	status.Message, status.Storage = "", v1.StorageStatus{}
	for _, kind := range []string{v1.ConditionReady, v1.ConditionProgressing, v1.ConditionReconciling} {
		if condition := meta.FindStatusCondition(status.Conditions, kind); condition != nil {
			condition.Message = ""
		}
	}
	return status
}
