package release

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// A script that was changed is seen as such.
func TestCachedConfigMapsAreCompared(t *testing.T) {
	config := func(script string) *corev1.ConfigMap {
		config := &corev1.ConfigMap{Data: map[string]string{"start.sh": script}}
		DigestData(config)
		return config
	}
	for script, want := range map[string]bool{"echo": true, "echo 1": false} {
		if same, err := holds(config(script), config("echo")); err != nil || same != want {
			t.Errorf("%q: %t, %v", script, same, err)
		}
	}
}
