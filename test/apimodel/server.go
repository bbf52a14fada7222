// Package apimodel is a model of the API server, for tests that live through random histories of objects: their versions,
// preconditions and finalizers, patches, and what caches see that are behind. There is one namespace.
package apimodel

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Namespace is that of all objects.
const Namespace = "default"

// Key names an object.
type Key struct{ Kind, Name string }

// KeyOf is the key of an object: its kind is the name of its Go type.
func KeyOf(object client.Object) Key {
	return Key{reflect.TypeOf(object).Elem().Name(), object.GetName()}
}

// Resource is what the API server's errors name.
func (k Key) Resource() schema.GroupResource { return schema.GroupResource{Resource: k.Kind} }

// NotFound is the API server's answer where there is no object.
func (k Key) NotFound() error { return apierrors.NewNotFound(k.Resource(), k.Name) }

// Objects are what the API server stores, or a cache has. What is in it is never changed.
type Objects map[Key]client.Object

// Read reads an object as a client does: into has its kind.
func (o Objects) Read(name string, into client.Object) error {
	into.SetName(name)
	k := KeyOf(into)
	object := o[k]
	if object == nil {
		return k.NotFound()
	}
	copyInto(object, into)
	return nil
}

func copyInto(object, into client.Object) {
	reflect.ValueOf(into).Elem().Set(reflect.ValueOf(object.DeepCopyObject()).Elem())
}

// Get is an object, not to be changed; nil: there is none.
func Get[T client.Object](objects Objects, k Key) (object T) {
	object, _ = objects[k].(T)
	return object
}

// List are the objects of a kind, by name.
func List[T client.Object](objects Objects) []T {
	var all []T
	for _, object := range objects {
		if object, ok := object.(T); ok {
			all = append(all, object)
		}
	}
	slices.SortFunc(all, func(a, b T) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all
}

// Revision is what became of an object; nil: it is deleted.
type Revision struct {
	Key    Key
	Object client.Object
}

// Server is the API server: the objects, and all that ever happened to them.
type Server struct {
	Now     time.Time // the true time, which only goes forward
	Objects Objects
	History []Revision
	Unheld  bool                              // finalizers hold nothing: a bug that a test plants
	OnStore func(before, after client.Object) // before: nil if it is new; nil: nobody wants to know

	uids int
}

// New is an API server without objects.
func New(now time.Time) *Server { return &Server{Now: now, Objects: Objects{}} }

// Create stores a new object.
func (s *Server) Create(object client.Object) error {
	k := KeyOf(object)
	if s.Objects[k] != nil {
		return apierrors.NewAlreadyExists(k.Resource(), k.Name)
	}
	s.uids++
	object.SetNamespace(Namespace)
	object.SetUID(types.UID(fmt.Sprintf("%s-%d", k.Kind, s.uids)))
	object.SetCreationTimestamp(metav1.NewTime(s.Now.Truncate(time.Second)))
	object.SetGeneration(1)
	s.Store(object)
	return nil
}

// Edit changes an object, if it is there, as an update that meets no conflict.
func Edit[T client.Object](s *Server, k Key, change func(T)) {
	if old := s.Objects[k]; old != nil {
		object := old.DeepCopyObject().(T)
		change(object)
		s.Store(object)
	}
}

// Remove deletes an object, or marks it if a finalizer holds it.
func (s *Server) Remove(k Key) {
	if object := s.Objects[k]; object != nil && object.GetDeletionTimestamp() == nil {
		Edit(s, k, func(object client.Object) { object.SetDeletionTimestamp(&metav1.Time{Time: s.Now}) })
	}
}

// Store makes an object the one of its name, with a new version, and a new generation if its spec is another one. It is
// deleted if that was asked for and nothing holds it. What is stored is never changed again.
func (s *Server) Store(object client.Object) {
	k := KeyOf(object)
	old := s.Objects[k]
	if old != nil && !equality.Semantic.DeepEqual(specOf(old), specOf(object)) {
		object.SetGeneration(old.GetGeneration() + 1)
	}
	if s.OnStore != nil {
		s.OnStore(old, object)
	}
	object.SetResourceVersion(strconv.Itoa(len(s.History) + 1))
	s.Objects[k] = object
	s.History = append(s.History, Revision{k, object})
	if object.GetDeletionTimestamp() != nil && (len(object.GetFinalizers()) == 0 || s.Unheld) {
		delete(s.Objects, k)
		s.History = append(s.History, Revision{Key: k})
	}
}

func specOf(object client.Object) any {
	return reflect.ValueOf(object).Elem().FieldByName("Spec").Interface()
}

// Check refuses a write that does not build on the object as it is: its version and UID, where they are given.
func (s *Server) Check(k Key, version string, uid types.UID) error {
	switch object := s.Objects[k]; {
	case object == nil:
		return k.NotFound()
	case version != "" && version != object.GetResourceVersion():
		return apierrors.NewConflict(k.Resource(), k.Name, fmt.Errorf("it is at %s, not %s", object.GetResourceVersion(), version))
	case uid != "" && uid != object.GetUID():
		return apierrors.NewConflict(k.Resource(), k.Name, errors.New("its UID is "+string(object.GetUID())))
	}
	return nil
}

// Back is what the objects were some changes ago.
func (s *Server) Back(changes int) Objects {
	if changes == 0 {
		return s.Objects
	}
	past := Objects{}
	for _, revision := range s.History[:max(0, len(s.History)-changes)] {
		if revision.Object == nil {
			delete(past, revision.Key)
		} else {
			past[revision.Key] = revision.Object
		}
	}
	return past
}
