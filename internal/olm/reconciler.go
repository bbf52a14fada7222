package olm

import (
	"context"
	"fmt"
	"os"

	apiv2 "github.com/operator-framework/api/pkg/operators/v2"
	"github.com/operator-framework/operator-lib/conditions"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	databasev1 "example.com/cnat-operator/api/database/v1"
)

// conditionVariable is set by OLM, and by nobody else.
const conditionVariable = "OPERATOR_CONDITION_NAME"

// Setup keeps the condition Upgradeable of the operator's OperatorCondition. Without OLM it does nothing.
//
// OLM itself gives the operator the right to that one object, so no role of ours names it.
func Setup(mgr ctrl.Manager) error {
	if os.Getenv(conditionVariable) == "" {
		return nil
	}
	scheme := runtime.NewScheme()
	if err := apiv2.AddToScheme(scheme); err != nil {
		return fmt.Errorf("naming OLM's types: %w", err)
	}
	// Past the cache, which would have to list and watch what the operator may only get.
	direct, err := client.New(mgr.GetConfig(), client.Options{Scheme: scheme, HTTPClient: mgr.GetHTTPClient()})
	if err != nil {
		return fmt.Errorf("making a client for the OperatorCondition: %w", err)
	}
	condition, err := conditions.InClusterFactory{Client: direct}.NewCondition(apiv2.ConditionType(apiv2.Upgradeable))
	if err != nil {
		return fmt.Errorf("finding the OperatorCondition: %w", err)
	}
	return newController(mgr, &reconciler{databases: mgr.GetClient(), condition: condition, clock: clock.RealClock{}})
}

func newController(mgr ctrl.Manager, r *reconciler) error {
	one := func(context.Context, client.Object) []reconcile.Request { return []reconcile.Request{{}} }
	return ctrl.NewControllerManagedBy(mgr).Named("upgradeable").
		Watches(&databasev1.Database{}, handler.EnqueueRequestsFromMapFunc(one)).
		Complete(r)
}

// reconciler has one thing to reconcile, whatever Database changes.
type reconciler struct {
	databases client.Reader
	condition conditions.Condition
	clock     clock.PassiveClock
}

// Reconcile writes the condition where it says something else than it should.
func (r *reconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	databases := &databasev1.DatabaseList{}
	if err := r.databases.List(ctx, databases); err != nil {
		return ctrl.Result{}, fmt.Errorf("list Databases: %w", err)
	}
	current, err := r.current(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	want := judge(r.clock.Now(), current, worked(databases.Items))
	if current == nil || current.Status != want.status || current.Reason != want.reason {
		err := r.condition.Set(ctx, want.status, conditions.WithReason(want.reason), conditions.WithMessage(want.message))
		if err != nil {
			return ctrl.Result{}, fmt.Errorf("write the OperatorCondition: %w", err)
		}
	}
	return ctrl.Result{RequeueAfter: want.recheck}, nil
}

// current is what the condition says, or nil. That it is not there yet is an error of no type of its own; those of the
// API server have one.
func (r *reconciler) current(ctx context.Context) (*metav1.Condition, error) {
	condition, err := r.condition.Get(ctx)
	if err == nil {
		return condition, nil
	}
	if apierrors.ReasonForError(err) == metav1.StatusReasonUnknown && ctx.Err() == nil {
		return nil, nil
	}
	return nil, fmt.Errorf("read the OperatorCondition: %w", err)
}
