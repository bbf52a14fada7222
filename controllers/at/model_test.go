package at

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// model is the API server: the objects, and all that ever happened to them, so
// that a cache can be behind. It notes what must never happen. It knows one
// namespace, and what the Reconciler needs of Ats, Jobs and pods.
type model struct {
	now     time.Time // the true time, which only goes forward
	objects map[key]client.Object
	history []revision
	uids    int
	late    []func() error          // writes that the API server is still about to do
	quota   bool                    // no Job may be created
	unheld  bool                    // finalizers hold nothing: a planted bug
	large   bool                    // caches do not hold Jobs as a whole
	started map[types.UID]types.UID // the Job of an At that was let run
	deleted map[types.UID]bool      // Ats whose Job was deleted by hand
	sent    map[string]int          // how often an event was sent
	pods    map[types.UID]int       // how many pods were made of a Job
	wrong   []string
}

type key struct{ kind, name string }

// revision is what became of an object; nil: it is gone.
type revision struct {
	key    key
	object client.Object
}

const (
	kindAt  = "At"
	kindJob = "Job"
	kindPod = "Pod"
)

var kinds = []string{kindAt, kindJob, kindPod}

func newModel() *model {
	return &model{
		now:     due,
		objects: map[key]client.Object{},
		started: map[types.UID]types.UID{},
		deleted: map[types.UID]bool{},
		pods:    map[types.UID]int{},
		sent:    map[string]int{},
	}
}

func keyOf(object client.Object) key {
	switch object.(type) {
	case *cnatv1alpha1.At:
		return key{kindAt, object.GetName()}
	case *batchv1.Job:
		return key{kindJob, object.GetName()}
	case *corev1.Pod:
		return key{kindPod, object.GetName()}
	}
	panic(fmt.Sprintf("the model has no %T", object))
}

func (k key) resource() schema.GroupResource { return schema.GroupResource{Resource: k.kind} }

func notFound(k key) error { return apierrors.NewNotFound(k.resource(), k.name) }

func (m *model) violated(format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}

// get is an object, not to be changed; nil: there is none.
func get[T client.Object](objects map[key]client.Object, k key) (object T) {
	object, _ = objects[k].(T)
	return object
}

// list are the objects of a kind, by name.
func list[T client.Object](objects map[key]client.Object) []T {
	var all []T
	for _, object := range objects {
		if object, ok := object.(T); ok {
			all = append(all, object)
		}
	}
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all
}

// create stores a new object.
func (m *model) create(object client.Object) error {
	k := keyOf(object)
	if m.objects[k] != nil {
		return apierrors.NewAlreadyExists(k.resource(), k.name)
	}
	m.uids++
	object.SetNamespace("default")
	object.SetUID(types.UID(fmt.Sprintf("%s-%d", k.kind, m.uids)))
	object.SetCreationTimestamp(metav1.NewTime(m.now.Truncate(time.Second)))
	object.SetGeneration(1)
	m.store(object)
	return nil
}

// edit changes an object, if it is there, as an update that meets no conflict.
func edit[T client.Object](m *model, k key, change func(T)) {
	if old := m.objects[k]; old != nil {
		object := old.DeepCopyObject().(T)
		change(object)
		m.store(object)
	}
}

// remove deletes an object, or marks it if a finalizer holds it.
func (m *model) remove(k key) {
	if object := m.objects[k]; object != nil && object.GetDeletionTimestamp() == nil {
		edit(m, k, func(object client.Object) { object.SetDeletionTimestamp(&metav1.Time{Time: m.now}) })
	}
}

// store makes an object the one of its name, and lets it go if it is to be
// deleted and nothing holds it. What is stored is never changed again.
func (m *model) store(object client.Object) {
	k := keyOf(object)
	old := m.objects[k]
	if at, ok := object.(*cnatv1alpha1.At); ok && old != nil {
		if wrong := backwards(&old.(*cnatv1alpha1.At).Status, &at.Status); wrong != "" {
			m.violated("the status of %s went backwards: %s", at.UID, wrong)
		}
	}
	object.SetResourceVersion(strconv.Itoa(len(m.history) + 1))
	m.objects[k] = object
	m.history = append(m.history, revision{k, object})
	m.letGo(k)
}

// letGo ends an object that is to be deleted and that nothing holds.
func (m *model) letGo(k key) {
	object := m.objects[k]
	if object.GetDeletionTimestamp() == nil || len(object.GetFinalizers()) > 0 && !m.unheld {
		return
	}
	delete(m.objects, k)
	m.history = append(m.history, revision{key: k})
}

// land does the writes that were still to be done.
func (m *model) land() {
	late := m.late
	m.late = nil
	for _, do := range late {
		_ = do()
	}
}

// merge is what a merge patch makes of an object.
func merge[T client.Object](object client.Object, patch []byte, into T) T {
	var stored, change map[string]any
	text, err := json.Marshal(object)
	if err == nil {
		err = errors.Join(json.Unmarshal(text, &stored), json.Unmarshal(patch, &change))
	}
	if err == nil {
		mergeMaps(stored, change)
		text, err = json.Marshal(stored)
	}
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		panic(err)
	}
	return into
}

func mergeMaps(into, change map[string]any) {
	for name, value := range change {
		deeper, isMap := value.(map[string]any)
		below, was := into[name].(map[string]any)
		switch {
		case value == nil:
			delete(into, name)
		case isMap && was:
			mergeMaps(below, deeper)
		default:
			into[name] = value
		}
	}
}

// checkVersion refuses a write that does not build on the object as it is.
func (m *model) checkVersion(k key, version string) error {
	switch object := m.objects[k]; {
	case object == nil:
		return notFound(k)
	case version != "" && version != object.GetResourceVersion():
		return apierrors.NewConflict(k.resource(), k.name, fmt.Errorf("it is at %s, not %s", object.GetResourceVersion(), version))
	}
	return nil
}
