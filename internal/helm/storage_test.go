package helm

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	k8sruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlfake "sigs.k8s.io/controller-runtime/pkg/client/fake"
)

const manifest = "kind: Service\n"

// encoded is a release as Helm stores it.
func encoded(t *testing.T, stored any) []byte {
	t.Helper()
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	if err := errors.Join(json.NewEncoder(writer).Encode(stored), writer.Close()); err != nil {
		t.Fatal(err)
	}
	return []byte(base64.StdEncoding.EncodeToString(zipped.Bytes()))
}

func deployed(edit func(*release.Release)) *release.Release {
	stored := &release.Release{
		Name: "r", Namespace: "ns", Version: 1, Manifest: manifest, Hooks: []*release.Hook{{Name: "h", Manifest: "kind: Job"}},
		Info: &release.Info{Status: release.StatusDeployed},
	}
	edit(stored)
	return stored
}

// Of what is stored only a manifest of the operator's own is passed on, and no hook ever. What can't be read, or is a
// bomb, is a failed revision.
func TestWhatIsBelieved(t *testing.T) {
	bomb := func(t *testing.T) []byte {
		return encoded(t, deployed(func(r *release.Release) { r.Manifest = string(make([]byte, 64<<20)) }))
	}
	for _, test := range []struct {
		name     string
		data     func(t *testing.T) []byte
		verified bool
		status   release.Status
	}{
		{"our own", func(t *testing.T) []byte { return encoded(t, deployed(func(*release.Release) {})) }, true, release.StatusDeployed},
		{"another manifest", func(t *testing.T) []byte {
			return encoded(t, deployed(func(r *release.Release) { r.Manifest += "---\nkind: Secret\n" }))
		}, false, release.StatusDeployed},
		{"another namespace", func(t *testing.T) []byte {
			return encoded(t, deployed(func(r *release.Release) { r.Namespace = "prod" }))
		}, false, release.StatusDeployed},
		{"another name", func(t *testing.T) []byte {
			return encoded(t, deployed(func(r *release.Release) { r.Name = "other" }))
		}, false, release.StatusDeployed},
		{"no info", func(t *testing.T) []byte {
			return encoded(t, deployed(func(r *release.Release) { r.Info = nil }))
		}, false, release.StatusFailed},
		{"a bomb", bomb, false, release.StatusFailed},
		{"nothing", func(*testing.T) []byte { return nil }, false, release.StatusFailed},
		{"no base64", func(*testing.T) []byte { return []byte("{}") }, false, release.StatusFailed},
		{"no JSON", func(t *testing.T) []byte { return encoded(t, "text") }, false, release.StatusFailed},
		{"another shape", func(t *testing.T) []byte { return encoded(t, map[string]any{"info": 1, "chart": []int{1}}) }, false, release.StatusFailed},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := &storage{owner: owner(), name: "r", trusted: []string{digestOf(manifest)}}
			found := store.check(&corev1.Secret{Data: map[string][]byte{"release": test.data(t)}}, 7)
			if found.verified != test.verified || found.status != test.status || found.release.Info.Status != test.status {
				t.Errorf("verified %t, %s", found.verified, found.status)
			}
			if !test.verified && found.release.Manifest != "" || len(found.release.Hooks) > 0 || found.release.Version != 7 ||
				found.release.Name != "r" || found.release.Namespace != "ns" || found.release.Chart.Metadata == nil {
				t.Errorf("passed on: %+v", found.release)
			}
		})
	}
}

// newStorage has these Secrets in its namespace.
func newStorage(t *testing.T, secrets ...*corev1.Secret) (*storage, *fake.Clientset) {
	t.Helper()
	clients, cached := fake.NewClientset(), ctrlfake.NewClientBuilder()
	for _, secret := range secrets {
		secret.Namespace = "ns"
		secret.Labels = map[string]string{"owner": "helm", "name": "r"}
		if err := clients.Tracker().Add(secret); err != nil {
			t.Fatal(err)
		}
		cached.WithObjects(secret)
	}
	api := newOwnedSecrets(clients.CoreV1().Secrets("ns"), owner())
	return &storage{
		Driver: driver.NewSecrets(api), secrets: api, lister: cached.Build(), owner: owner(), name: "r",
		trusted: []string{digestOf(manifest)}, ctx: t.Context(),
	}, clients
}

func secretOf(name string, data []byte) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "u"}, Data: map[string][]byte{"release": data}}
}

// The newest revisions are read, by their Secrets' names, and no more than that.
func TestRevisionsThatAreRead(t *testing.T) {
	var secrets []*corev1.Secret
	for _, name := range []string{
		"sh.helm.release.v1.r.v1", "sh.helm.release.v1.r.v2", "sh.helm.release.v1.r.v9", "sh.helm.release.v1.r.v10",
		"sh.helm.release.v1.r.v11", "sh.helm.release.v1.r.v012", "sh.helm.release.v1.r.v-1", "sh.helm.release.v1.r.v99999999999",
		"sh.helm.release.v1.other.v50", "something",
	} {
		secrets = append(secrets, secretOf(name, []byte("none")))
	}
	store, clients := newStorage(t, secrets...)
	found, err := store.Query(map[string]string{"name": "r", "owner": "helm"})
	if err != nil || len(found) != maxRecords || found[0].Version != 2 || found[3].Version != 11 {
		t.Errorf("found %+v, %v", found, err)
	}
	if n := len(clients.Actions()); n != maxRecords {
		t.Errorf("%d requests", n)
	}
}

// What was stored is known by the writes that succeeded, whatever Helm does to the release after them.
func TestStoredIsKnown(t *testing.T) {
	store, clients := newStorage(t)
	made := deployed(func(r *release.Release) { r.Info.Status = release.StatusPendingInstall })
	if err := store.Create(store.key(1), made); err != nil {
		t.Fatal(err)
	}
	secret, err := clients.CoreV1().Secrets("ns").Get(t.Context(), store.key(1), metav1.GetOptions{})
	if err != nil || !metav1.IsControlledBy(secret, owner()) || secret.Labels[labelOwner] != "uid" {
		t.Errorf("stored %+v, %v", secret, err)
	}
	made.Info.Status = release.StatusDeployed // and not stored
	if found := observed(store); found.Status != "pending-install" || !found.Verified || found.Digest != digestOf(manifest) {
		t.Errorf("observed %+v", found)
	}
	if err := store.Update(store.key(1), made); err != nil || observed(store).Status != "deployed" {
		t.Errorf("observed %+v, %v", observed(store), err)
	}
}

// A revision that nobody vouches for is removed when it is replaced, and written anew before.
func TestUnverifiedIsRemoved(t *testing.T) {
	bad := encoded(t, deployed(func(r *release.Release) { r.Manifest = "kind: Secret\n" }))
	store, clients := newStorage(t, secretOf("sh.helm.release.v1.r.v1", bad))
	found, err := store.Get(store.key(1))
	if err != nil {
		t.Fatal(err)
	}
	found.Info.Status = release.StatusFailed
	if err := store.Update(store.key(1), found); err != nil {
		t.Fatal(err)
	}
	secret, err := clients.CoreV1().Secrets("ns").Get(t.Context(), store.key(1), metav1.GetOptions{})
	if err != nil || bytes.Equal(secret.Data["release"], bad) {
		t.Errorf("stored as it was: %v", err)
	}
	found.Info.Status = release.StatusSuperseded
	if err := store.Update(store.key(1), found); err != nil || store.newest() != nil {
		t.Errorf("the newest is %+v, %v", store.newest(), err)
	}
}

// A release that came up after it was looked for is not overwritten.
func TestAbsentMeanwhileThere(t *testing.T) {
	store, _ := newStorage(t, secretOf("sh.helm.release.v1.r.v1", nil))
	store.read = true
	if err := store.Create(store.key(1), deployed(func(*release.Release) {})); !errors.Is(err, driver.ErrReleaseExists) || store.newest() != nil {
		t.Errorf("stored %v, %v", store.newest(), err)
	}
}

// What is unpacked of a release takes no more memory than its text, or not much: of hooks, dependencies and values a few
// bytes each are enough for hundreds.
func TestWhatIsReadIsBounded(t *testing.T) {
	many := make([]struct{}, 300_000) // {} each
	for name, part := range map[string]any{
		"hooks": many, "info": map[string]any{"resources": map[string]any{"x": make([]any, 150_000)}}, "config": map[string]any{"x": many},
		"chart": map[string]any{"templates": many, "metadata": map[string]any{"dependencies": many}},
	} {
		secret := &corev1.Secret{Data: map[string][]byte{"release": encoded(t, map[string]any{
			"name": "r", "namespace": "ns", "manifest": manifest, "info": map[string]any{"status": "deployed"}, name: part,
		})}}
		store := &storage{owner: owner(), name: "r", trusted: []string{digestOf(manifest)}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		found := store.check(secret, 1)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 12<<20 {
			t.Errorf("%s: %d bytes were allocated for a text of %d", name, took, maxRecord)
		}
		if found.verified != (name == "hooks") {
			t.Errorf("%s: verified is %t", name, found.verified)
		}
	}
}

// However many Secrets pass for revisions, the true ones are found. Beyond any use it is said what is wrong.
func TestRevisionsAmongMany(t *testing.T) {
	pages := 0
	store := &storage{owner: owner(), name: "r", ctx: t.Context()}
	store.lister = lister(func(list *metav1.PartialObjectMetadataList, options *client.ListOptions) {
		pages++
		list.Items = make([]metav1.PartialObjectMetadata, options.Limit)
		for i := range list.Items {
			list.Items[i].Name = fmt.Sprint("a", i)
		}
		if list.Continue = "next"; options.Continue == "next" {
			list.Continue = ""
			list.Items[0].Name = store.key(3)
		}
	})
	if found, err := store.list(); err != nil || !slices.Equal(found, []int{3}) || pages != 2 {
		t.Errorf("found %v on %d pages, %v", found, pages, err)
	}
	store.lister = lister(func(list *metav1.PartialObjectMetadataList, _ *client.ListOptions) { list.Continue = "again" })
	if _, err := store.list(); err == nil || !strings.Contains(err.Error(), "delete those") {
		t.Error(err)
	}
}

type lister func(*metav1.PartialObjectMetadataList, *client.ListOptions)

func (lister) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}

func (l lister) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	l(list.(*metav1.PartialObjectMetadataList), (&client.ListOptions{}).ApplyOptions(options))
	return nil
}

// A Secret of a revision's name that has lost Helm's labels is replaced where it is ours, and left alone where it is not.
func TestUnlabeledRevision(t *testing.T) {
	for _, ours := range []bool{true, false} {
		hidden := secretOf("sh.helm.release.v1.r.v1", []byte("theirs"))
		if ours {
			hidden.OwnerReferences = []metav1.OwnerReference{{UID: owner().GetUID(), Controller: ptr.To(true)}}
		}
		store, clients := newStorage(t, hidden)
		hidden.Labels = nil
		if err := errors.Join(clients.Tracker().Delete(secrets, "ns", hidden.Name), clients.Tracker().Add(hidden)); err != nil {
			t.Fatal(err)
		}
		store.read = true
		err := store.Create(store.key(1), deployed(func(*release.Release) {}))
		secret, failure := clients.CoreV1().Secrets("ns").Get(t.Context(), store.key(1), metav1.GetOptions{})
		if failure != nil {
			t.Fatal(failure)
		}
		if ours && (err != nil || secret.Labels["owner"] != "helm") {
			t.Errorf("stored %v, %v", secret.Labels, err)
		}
		if !ours && (!errors.Is(err, ErrNotOurs) || string(secret.Data["release"]) != "theirs") {
			t.Errorf("overwritten: %v", err)
		}
	}
}

var secrets = corev1.SchemeGroupVersion.WithResource("secrets")

// A finalizer on a Secret keeps no release from being taken over, and where it does, it is named.
func TestRevisionWithFinalizer(t *testing.T) {
	held := secretOf("sh.helm.release.v1.r.v1", []byte("theirs"))
	held.Finalizers = []string{"example.org/held"}
	store, clients := newStorage(t, held)
	found, err := store.Get(store.key(1))
	if err != nil {
		t.Fatal(err)
	}
	clients.PrependReactor("delete", "secrets", func(ktesting.Action) (bool, k8sruntime.Object, error) { return true, nil, nil })
	if err := store.Update(store.key(1), found); err != nil || string(store.newest().status) != "failed" {
		t.Errorf("the newest is %+v, %v", store.newest(), err)
	}
	held.DeletionTimestamp = &metav1.Time{}
	if err := clients.Tracker().Update(secrets, held, "ns"); err != nil {
		t.Fatal(err)
	}
	store.records = nil
	if err := store.Create(store.key(1), found); err == nil || !strings.Contains(err.Error(), "finalizer example.org/held") {
		t.Error(err)
	}
}
