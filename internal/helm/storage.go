package helm

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/release"
	helmstorage "helm.sh/helm/v3/pkg/storage"
	"helm.sh/helm/v3/pkg/storage/driver"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// maxRecord is how large a stored release may be, unpacked. Ours have less than a tenth of it.
	maxRecord = 1 << 20

	// maxRecords is how many of the newest revisions are read: those that are kept, and the one in the making.
	maxRecords = maxHistory + 1

	// maxRevision bounds the number of a revision that is believed.
	maxRevision = 1 << 30

	// maxPart is how large a stored chart, its values and what is said of a revision may each be. A text of empty objects
	// takes many times its length when it is decoded.
	maxPart = 256 << 10

	// listLimit is how many Secrets are listed at once, and maxSecrets how many in all. A user may create any number.
	listLimit, maxSecrets = 50, 1000
)

// storage is Helm's driver that stores releases in Secrets, for one release. Whoever may write Secrets in the namespace
// may write those too, so of what it reads it passes on:
//   - the number, status and time of a revision;
//   - the manifest, where its digest is one that the operator itself computed, and nothing otherwise;
//   - never hooks, labels, or more than a bounded amount of anything.
//
// It reads once, and knows of its own writes.
type storage struct {
	driver.Driver // Helm's own writes
	secrets       typedv1.SecretInterface
	lister        client.Reader
	owner         client.Object
	name          string
	// trusted are the digests of the manifests that are believed.
	trusted []string
	ctx     context.Context // Helm's drivers have none, and this one serves one pass

	read    bool
	records []*record // the oldest first
}

// record is one revision, as far as it is believed.
type record struct {
	release *release.Release
	// status is the one that is stored: Helm only logs it when it can't store how an action ended.
	status release.Status
	// verified: the manifest is the operator's own.
	verified bool
	// others: the Secret is controlled by another Database, as one that was deleted and created again.
	others bool
	// owner is what the Secret's label says, and namespace what the release says of where it is installed.
	owner, namespace string
}

// load reads the newest revisions.
func (s *storage) load() error {
	if s.read {
		return nil
	}
	revisions, err := s.list()
	if err != nil {
		return err
	}
	slices.Sort(revisions)
	s.records = nil
	for _, revision := range revisions[max(0, len(revisions)-maxRecords):] {
		secret, err := s.secrets.Get(s.ctx, s.key(revision), metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read revision %d of release %s: %w", revision, s.name, err)
		}
		s.records = append(s.records, s.check(secret, revision))
	}
	s.read = true
	return nil
}

// list returns the numbers of all revisions. Metadata does: the Secrets may be many and large.
func (s *storage) list() ([]int, error) {
	var revisions []int
	list := &metav1.PartialObjectMetadataList{}
	for seen := 0; seen == 0 || list.Continue != ""; seen += listLimit {
		if seen >= maxSecrets {
			return nil, fmt.Errorf("more than %d Secrets have the labels owner=helm and name=%s: delete those that Helm did not create",
				maxSecrets, s.name)
		}
		next := list.Continue
		list = &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("SecretList"))
		err := s.lister.List(s.ctx, list, client.InNamespace(s.owner.GetNamespace()), client.Limit(listLimit), client.Continue(next),
			client.MatchingLabels(s.labels()))
		if err != nil {
			return nil, fmt.Errorf("list the revisions of release %s: %w", s.name, err)
		}
		for i := range list.Items {
			if revision := s.revision(list.Items[i].Name); revision > 0 {
				revisions = append(revisions, revision)
			}
		}
	}
	return revisions, nil
}

// labels are those by which Helm finds the revisions of a release.
func (s *storage) labels() map[string]string {
	return map[string]string{"owner": "helm", "name": s.name}
}

func (s *storage) key(revision int) string {
	return fmt.Sprintf("%s.%s.v%d", helmstorage.HelmStorageType, s.name, revision)
}

// revision is the number in a Secret's name, and zero where that is no name of a revision.
func (s *storage) revision(name string) int {
	number, found := strings.CutPrefix(name, strings.TrimSuffix(s.key(0), "0"))
	revision, err := strconv.Atoi(number)
	if !found || err != nil || revision < 1 || revision > maxRevision || s.key(revision) != name {
		return 0
	}
	return revision
}

// check turns a Secret into what is believed of it.
func (s *storage) check(secret *corev1.Secret, revision int) *record {
	found := &record{owner: secret.Labels[labelOwner]}
	controller := metav1.GetControllerOf(secret)
	found.others = controller != nil && controller.UID != s.owner.GetUID()
	believed := &release.Release{
		Name: s.name, Namespace: s.owner.GetNamespace(), Version: revision,
		Info:  &release.Info{Status: release.StatusFailed, Description: "the stored release can't be read"},
		Chart: &chart.Chart{Metadata: &chart.Metadata{}},
	}
	found.release, found.status = believed, believed.Info.Status
	stored, err := decode(secret.Data["release"])
	if err != nil || stored.Info == nil {
		return found
	}
	found.namespace = stored.Namespace
	info := *stored.Info
	info.Description = shortened(info.Description)
	info.Notes, info.Resources = "", nil
	believed.Info, found.status = &info, info.Status
	if stored.Chart != nil && stored.Chart.Metadata != nil {
		believed.Chart.Metadata = stored.Chart.Metadata
	}
	if stored.Namespace == s.owner.GetNamespace() && stored.Name == s.name && slices.Contains(s.trusted, digestOf(stored.Manifest)) {
		found.verified = true
		believed.Manifest, believed.Config, believed.Chart = stored.Manifest, stored.Config, cmp.Or(stored.Chart, believed.Chart)
	}
	return found
}

// decode reads a release as Helm encodes it: JSON, zipped, in base64.
func decode(data []byte) (*release.Release, error) {
	zipped, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(data)))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(zipped, maxRecord+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxRecord {
		return nil, fmt.Errorf("a stored release has more than %d bytes", maxRecord)
	}
	// Not more than is used: hooks, for one, would take eighty times their text.
	var parts struct {
		Name, Namespace, Manifest string
		Info, Chart, Config       json.RawMessage
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		return nil, err
	}
	stored := &release.Release{Name: parts.Name, Namespace: parts.Namespace, Manifest: parts.Manifest}
	for _, part := range []struct {
		text json.RawMessage
		into any
	}{{parts.Info, &stored.Info}, {parts.Chart, &stored.Chart}, {parts.Config, &stored.Config}} {
		if len(part.text) > maxPart {
			return nil, fmt.Errorf("a part of a stored release has more than %d bytes", maxPart)
		}
		if len(part.text) == 0 {
			continue
		}
		if err := json.Unmarshal(part.text, part.into); err != nil {
			return nil, err
		}
	}
	return stored, nil
}

// shortened cuts what Helm says of a revision.
func shortened(text string) string {
	const limit = 1000
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}

// find returns the index of a revision among the records, or -1.
func (s *storage) find(key string) int {
	return slices.IndexFunc(s.records, func(r *record) bool { return s.key(r.release.Version) == key })
}

// newest is the newest revision, or nil.
func (s *storage) newest() *record {
	if len(s.records) == 0 {
		return nil
	}
	return s.records[len(s.records)-1]
}

// ownedSecrets makes the owner the controller of each Secret that is written: without its finalizer, the owner's release
// is deleted with it all the same. It updates and deletes only the Secrets that it has read or created: one of the same
// name may be that of a Database that was created again.
type ownedSecrets struct {
	typedv1.SecretInterface
	owner client.Object
	// known are the UIDs of those Secrets by name.
	known map[string]types.UID
}

func newOwnedSecrets(secrets typedv1.SecretInterface, owner client.Object) ownedSecrets {
	return ownedSecrets{secrets, owner, map[string]types.UID{}}
}

func (o ownedSecrets) own(secret *corev1.Secret) *corev1.Secret {
	secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(o.owner, o.owner.GetObjectKind().GroupVersionKind())}
	return secret
}

func (o ownedSecrets) note(secret *corev1.Secret, err error) (*corev1.Secret, error) {
	if err == nil {
		o.known[secret.Name] = secret.UID
	}
	return secret, err
}
