package database

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/internal/helm"
)

// countingReleases counts what is asked of Helm, and fails upgrades, repairs and uninstalls when asked to.
type countingReleases struct {
	release.Releases
	calls, installs, repairs atomic.Int64

	mu                                  sync.Mutex
	upgradeErr, repairErr, uninstallErr error
}

func (c *countingReleases) wrap(inner release.Releases) release.Releases {
	c.Releases = inner
	return c
}

func (c *countingReleases) failUpgrade(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.upgradeErr = err
}

func (c *countingReleases) failRepair(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.repairErr = err
}

func (c *countingReleases) failUninstall(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uninstallErr = err
}

func (c *countingReleases) Uninstall(ctx context.Context, owner client.Object, name string, trusted ...string) error {
	if err := c.failure(&c.uninstallErr); err != nil {
		return err
	}
	return c.Releases.Uninstall(ctx, owner, name, trusted...)
}

func (c *countingReleases) failure(of *error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *of
}

func (c *countingReleases) Observe(ctx context.Context, owner client.Object, name string, trusted ...string) (*helm.Release, error) {
	c.calls.Add(1)
	return c.Releases.Observe(ctx, owner, name, trusted...)
}

func (c *countingReleases) Install(ctx context.Context, want *helm.Desired) (*helm.Release, error) {
	c.calls.Add(1)
	c.installs.Add(1)
	return c.Releases.Install(ctx, want)
}

func (c *countingReleases) Upgrade(ctx context.Context, want *helm.Desired, from *helm.Release) (*helm.Release, error) {
	c.calls.Add(1)
	if err := c.failure(&c.upgradeErr); err != nil {
		return from, err
	}
	return c.Releases.Upgrade(ctx, want, from)
}

func (c *countingReleases) Apply(ctx context.Context, owner client.Object, name string, object *unstructured.Unstructured) error {
	c.calls.Add(1)
	c.repairs.Add(1)
	if err := c.failure(&c.repairErr); err != nil {
		return err
	}
	return c.Releases.Apply(ctx, owner, name, object)
}

// requestCounter counts requests to the API server.
type requestCounter struct{ atomic.Int64 }

func (c *requestCounter) wrap(inner http.RoundTripper) http.RoundTripper {
	return roundTripper(func(request *http.Request) (*http.Response, error) {
		// Events and watches are not for one object's sake.
		if request.URL.Query().Get("watch") == "" {
			c.Add(1)
		}
		return inner.RoundTrip(request)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(request *http.Request) (*http.Response, error) { return f(request) }

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func encoded(t *testing.T, object any) string {
	t.Helper()
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// readStored returns a revision out of Helm's storage: JSON, zipped, in base64.
func readStored(t *testing.T, secret *corev1.Secret) map[string]any {
	t.Helper()
	if err := get(t, secret); err != nil {
		t.Fatal(err)
	}
	zipped, err := base64.StdEncoding.DecodeString(string(secret.Data["release"]))
	if err != nil {
		t.Fatal(err)
	}
	reader, err := gzip.NewReader(bytes.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	var stored map[string]any
	if err := json.Unmarshal(text, &stored); err != nil {
		t.Fatal(err)
	}
	return stored
}

// editStored changes what Helm stored of the state of a revision.
func editStored(t *testing.T, namespace, name string, edit func(info map[string]any)) {
	t.Helper()
	tamper(t, namespace, name, func(stored map[string]any) {
		info, ok := stored["info"].(map[string]any)
		if !ok {
			t.Fatalf("Helm stored %v", stored)
		}
		edit(info)
	})
}

// tamper changes what Helm stored of a revision, as whoever may write Secrets in the namespace can.
func tamper(t *testing.T, namespace, name string, edit func(stored map[string]any)) {
	t.Helper()
	secret := named(&corev1.Secret{}, namespace, name)
	stored := readStored(t, secret)
	edit(stored)
	before := secret.DeepCopy()
	secret.Data["release"] = packed(t, stored)
	if info, ok := stored["info"].(map[string]any); ok {
		secret.Labels["status"] = fmt.Sprint(info["status"])
	}
	if err := api.Patch(t.Context(), secret, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// packed is a release as Helm encodes it.
func packed(t *testing.T, stored any) []byte {
	t.Helper()
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	if err := json.NewEncoder(writer).Encode(stored); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(base64.StdEncoding.EncodeToString(zipped.Bytes()))
}
