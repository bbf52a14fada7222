package database

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/helm"
)

// isRefusal tells whether the API server said no, as for a quota, a policy or a webhook: that lasts until a person mends
// it, other than a stale read or an API server that is away.
func isRefusal(err error) bool {
	var answer apierrors.APIStatus
	return errors.As(err, &answer) && !helm.IsTransient(err) && !apierrors.IsAlreadyExists(err)
}

// reportRefused tells of a pass that the API server put an end to. What was known of the server still holds.
func (r *Reconciler) reportRefused(ctx context.Context, db *v1.Database, failure error) error {
	if !isRefusal(failure) {
		return nil
	}
	found := newProblem(v1.ReasonRefused, "%v", failure)
	told := []metav1.Condition{condition(v1.ConditionStalled, metav1.ConditionTrue, found.reason, found.message)}
	if !meta.IsStatusConditionTrue(db.Status.Conditions, v1.ConditionReady) {
		told = append(told, condition(v1.ConditionReady, metav1.ConditionFalse, found.reason, found.message),
			condition(v1.ConditionProgressing, metav1.ConditionFalse, found.reason, "waits for a person: "+found.message))
	}
	status := *db.Status.DeepCopy()
	status.ObservedGeneration = db.Generation
	for _, said := range told {
		said.ObservedGeneration = db.Generation
		meta.SetStatusCondition(&status.Conditions, said)
	}
	return r.report(ctx, db, status, nil)
}
