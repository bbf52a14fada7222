package at

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
)

// faultKind is what goes wrong at a call to the API server.
type faultKind int

const (
	faultNone   faultKind = iota
	failBefore            // the API server did not get it
	failAfter             // it did what was asked, and its answer is lost
	crashBefore           // the operator ends
	crashAfter            // the operator ends, and did not see the answer
	refuse                // the API server will not
	late                  // the API server does it when the operator no longer waits for it
	pause                 // other things happen first
	faultKinds            // how many there are
)

// fault is what goes wrong in a reconcile.
type fault struct {
	kind      faultKind
	call      int    // at which call to the API server, from 0
	meanwhile func() // what happens in a pause
	behind    int    // by how many changes the cache lags after a crash
}

var (
	errCrash   = errors.New("the operator has ended")
	errRefused = apierrors.NewForbidden(key{}.resource(), "", errors.New("exceeded quota"))
	errFault   = apierrors.NewTimeoutError("the model's API server does not answer", 1)
)

// call asks the API server. creates tells that it is for the Job.
func (o *operator) call(creates bool, do func() error) error {
	if o.dead {
		return errCrash
	}
	number := o.calls
	o.calls++
	if number != o.fault.call {
		return do()
	}
	switch o.fault.kind {
	case failBefore:
		return errFault
	case failAfter:
		return errors.Join(do(), errFault)
	case crashBefore:
		o.dead = true
		return errCrash
	case crashAfter:
		err := do()
		o.dead = true
		return errors.Join(err, errCrash)
	case refuse:
		return errRefused
	case late:
		o.model.doLater(creates, do)
		return errFault
	case pause:
		if creates {
			o.model.pauses++
			defer func() { o.model.pauses--; o.model.resume() }()
		}
		o.fault.meanwhile()
	}
	return do()
}

// liveReader reads from the API server.
type liveReader struct{ operator *operator }

// Get implements client.Reader.
func (r *liveReader) Get(_ context.Context, name client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	return r.operator.call(false, func() error {
		err := read(r.operator.model.objects, name, into)
		if at, ok := into.(*cnatv1alpha1.At); ok && err == nil {
			r.operator.live = at.DeepCopy()
		}
		return err
	})
}

// List implements client.Reader.
func (r *liveReader) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	return r.operator.call(false, func() error {
		if _, ok := into.(*corev1.PodList); ok {
			r.operator.sawPods = len(r.operator.model.history)
		}
		return selected(r.operator.model.objects, into, options)
	})
}

// cachedClient reads from the cache and writes to the API server.
type cachedClient struct {
	client.Client // none: what is not here is not used
	operator      *operator
}

// Get implements client.Reader.
func (c *cachedClient) Get(_ context.Context, name client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	return read(c.operator.cache, name, into)
}

// List implements client.Reader.
func (c *cachedClient) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	return selected(c.operator.cache, into, options)
}

// Create implements client.Writer.
func (c *cachedClient) Create(_ context.Context, object client.Object, _ ...client.CreateOption) error {
	live, since := c.operator.live, c.operator.since
	return c.operator.call(true, func() error {
		if c.operator.model.quota {
			return errRefused
		}
		job := object.DeepCopyObject().(*batchv1.Job)
		if err := c.operator.model.create(job); err != nil {
			return err
		}
		c.operator.model.checkStart(job, live, since)
		c.operator.model.makers[job.UID] = c.operator
		job.DeepCopyInto(object.(*batchv1.Job))
		return nil
	})
}

// Patch implements client.Writer for merge patches that replace no object in a list.
func (c *cachedClient) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.PatchOption) error {
	data, err := patch.Data(object)
	if err != nil {
		return fmt.Errorf("making the patch: %w", err)
	}
	return c.operator.call(false, func() error {
		m, k := c.operator.model, keyOf(object)
		stored := get[*batchv1.Job](m.objects, k)
		if stored == nil {
			return notFound(k)
		}
		job := stored.DeepCopy()
		if err := json.Unmarshal(data, job); err != nil {
			return fmt.Errorf("patching: %w", err)
		}
		if err := m.checkVersion(k, job.ResourceVersion); err != nil {
			return err
		}
		if job.UID != stored.UID {
			return apierrors.NewConflict(k.resource(), k.name, errors.New("it is another one"))
		}
		if metav1.GetControllerOf(stored) == nil {
			m.violated("the foreign Job %s is changed: %s", stored.UID, data)
		}
		c.operator.checkStop(stored, job)
		m.store(job)
		job.DeepCopyInto(object.(*batchv1.Job))
		return nil
	})
}

// Delete implements client.Writer.
func (c *cachedClient) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	return c.operator.call(false, func() error {
		m, k := c.operator.model, keyOf(object)
		asked := (&client.DeleteOptions{}).ApplyOptions(options).Preconditions
		if err := m.checkVersion(k, *asked.ResourceVersion); err != nil {
			return err
		}
		m.remove(k)
		return nil
	})
}

// Status implements client.Client.
func (c *cachedClient) Status() client.SubResourceWriter { return &statusWriter{operator: c.operator} }

// statusWriter writes the status of Ats.
type statusWriter struct {
	client.SubResourceWriter // none: what is not here is not used
	operator                 *operator
}

// Update implements client.SubResourceWriter.
func (w *statusWriter) Update(_ context.Context, object client.Object, _ ...client.SubResourceUpdateOption) error {
	return w.operator.call(false, func() error {
		m, k, asked := w.operator.model, keyOf(object), object.(*cnatv1alpha1.At)
		if err := m.checkVersion(k, asked.ResourceVersion); err != nil {
			return err
		}
		w.operator.checkEnd(asked)
		edit(m, k, func(at *cnatv1alpha1.At) { at.Status = asStored(asked, &cnatv1alpha1.At{}).Status })
		get[*cnatv1alpha1.At](m.objects, k).DeepCopyInto(asked)
		return nil
	})
}

func read(objects map[key]client.Object, name client.ObjectKey, into client.Object) error {
	into.SetName(name.Name)
	k := keyOf(into)
	object := objects[k]
	if object == nil {
		return notFound(k)
	}
	switch into := into.(type) {
	case *cnatv1alpha1.At:
		object.(*cnatv1alpha1.At).DeepCopyInto(into)
	case *batchv1.Job:
		object.(*batchv1.Job).DeepCopyInto(into)
	}
	return nil
}

// selected lists the Jobs of an At or the pods with labels.
func selected(objects map[key]client.Object, into client.ObjectList, options []client.ListOption) error {
	asked := (&client.ListOptions{}).ApplyOptions(options)
	switch into := into.(type) {
	case *batchv1.JobList:
		owner, _ := asked.FieldSelector.RequiresExactMatch(jobsOfAt)
		into.Items = nil
		for _, job := range list[*batchv1.Job](objects) {
			if owners := atOfJob(job); len(owners) > 0 && owners[0] == owner {
				into.Items = append(into.Items, *job.DeepCopy())
			}
		}
	case *corev1.PodList:
		into.Items = nil
		for _, pod := range list[*corev1.Pod](objects) {
			if asked.LabelSelector.Matches(labels.Set(pod.Labels)) {
				into.Items = append(into.Items, *pod.DeepCopy())
			}
		}
	}
	return nil
}
