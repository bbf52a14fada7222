package cli

import (
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Explain adds what to do to errors that don't say it. Errors of the API server keep its words: which right is missing,
// which field is wrong and what is not found.
func Explain(err error) error {
	var status apierrors.APIStatus
	switch {
	case !errors.As(err, &status):
		if text := err.Error(); strings.Contains(text, " is forbidden: User ") && strings.Contains(text, " cannot ") {
			// A connection for a command in a pod is refused in the same words, but by a text only.
			return fmt.Errorf("a right is missing: %w", err)
		}
		return err
	case apierrors.IsForbidden(err) && strings.Contains(err.Error(), " cannot "):
		return fmt.Errorf("a right is missing: %w", err)
	case apierrors.IsNotFound(err) && notServed(status.Status()):
		return fmt.Errorf("this cluster does not know the kind: is the operator installed? kubectl get crd %s shows it (%w)",
			"ats.cnat.programming-kubernetes.info crontabs.stable.example.com databases.example.com", err)
	default:
		return err
	}
}

// notServed reports whether it is the kind that was not found, not the object.
func notServed(status metav1.Status) bool {
	if status.Details == nil {
		return true
	}
	for _, cause := range status.Details.Causes {
		if cause.Type == metav1.CauseTypeUnexpectedServerResponse {
			return true
		}
	}
	return status.Details.Name == ""
}
