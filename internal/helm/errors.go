package helm

import (
	"errors"
	"net"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// IsTransient reports whether an error says something of the API server or the way to it, and nothing of the release: the
// same action may succeed a moment later.
func IsTransient(err error) bool {
	var network net.Error
	if isWebhookDown(err) {
		return false
	}
	return apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err) || apierrors.IsConflict(err) ||
		utilnet.IsConnectionRefused(err) || utilnet.IsConnectionReset(err) || errors.As(err, &network)
}

// isWebhookDown reports whether an admission webhook could not be asked. The API server calls that an error of its own, but
// it lasts until a user fixes it.
func isWebhookDown(err error) bool {
	return apierrors.IsInternalError(err) && strings.Contains(err.Error(), "failed calling webhook")
}
