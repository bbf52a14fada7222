package release

import (
	"errors"
	"fmt"
	"net"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// One pod more is none: the next one takes the place of another.
func TestOnlyPods(t *testing.T) {
	const beside = ", used: pods=1, limited: pods=1"
	for requested, want := range map[string]bool{
		"pods=1": true, "count/pods=1": true, "count/pods=1,pods=1": true,
		"limits.memory=1Gi": false, "limits.memory=1Gi,pods=1": false, "pods=1,requests.cpu=1": false,
	} {
		if got := onlyPods.MatchString("exceeded quota: q, requested: " + requested + beside); got != want {
			t.Errorf("%s: %t", requested, got)
		}
	}
}

func TestIsRefusal(t *testing.T) {
	secrets := schema.GroupResource{Resource: "secrets"}
	for _, test := range []struct {
		err  error
		want bool
	}{
		{apierrors.NewForbidden(secrets, "x", errors.New("exceeded quota")), true},
		{apierrors.NewInternalError(errors.New("failed calling webhook")), true},
		{apierrors.NewInternalError(errors.New("etcd")), false},
		{apierrors.NewConflict(secrets, "x", errors.New("newer")), false},
		{apierrors.NewAlreadyExists(secrets, "x"), false},
		{&net.OpError{Op: "dial", Err: errors.New("refused")}, false},
		{errors.New("something of ours"), false},
	} {
		if got := IsRefusal(fmt.Errorf("create Secret x: %w", test.err)); got != test.want {
			t.Errorf("%v: %t", test.err, got)
		}
	}
}
