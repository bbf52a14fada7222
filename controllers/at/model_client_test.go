package at

import (
	"context"
	"errors"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/apimodel"
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
	errRefused = apierrors.NewForbidden(apimodel.Key{}.Resource(), "", errors.New("exceeded quota"))
	errFault   = apierrors.NewTimeoutError("the model's API server does not answer", 1)
)

// call asks the API server.
func (o *operator) call(do func() error) error {
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
		o.model.late = append(o.model.late, do)
		return errFault
	case pause:
		o.fault.meanwhile()
	}
	return do()
}

// liveReader reads from the API server.
type liveReader struct{ operator *operator }

// Get implements client.Reader.
func (r *liveReader) Get(_ context.Context, name client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	return r.operator.call(func() error {
		return r.operator.saw(into, r.operator.model.Objects.Read(name.Name, into))
	})
}

// List implements client.Reader.
func (r *liveReader) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	return r.operator.call(func() error {
		if _, ok := into.(*corev1.PodList); ok {
			r.operator.sawPods = len(r.operator.model.History)
		}
		return selected(r.operator.model.Objects, into, options)
	})
}

// cachedClient reads from the cache and writes to the API server.
type cachedClient struct {
	client.Client // none: what is not here is not used
	operator      *operator
}

// Get implements client.Reader.
func (c *cachedClient) Get(_ context.Context, name client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	err := c.operator.saw(into, c.operator.cache.Read(name.Name, into))
	if job, ok := into.(*batchv1.Job); ok && c.operator.model.large {
		job.Spec.Template = corev1.PodTemplateSpec{}
	}
	return err
}

// List implements client.Reader.
func (c *cachedClient) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	return selected(c.operator.cache, into, options)
}

// Create implements client.Writer.
func (c *cachedClient) Create(_ context.Context, object client.Object, options ...client.CreateOption) error {
	dryRun := len((&client.CreateOptions{}).ApplyOptions(options).DryRun) > 0
	return c.operator.call(func() error {
		if c.operator.model.quota {
			return errRefused
		}
		if dryRun {
			return nil
		}
		job := object.DeepCopyObject().(*batchv1.Job)
		job.Annotations = merged(job.Annotations, map[string]string{"example.com/admitted": "true"}) // as a webhook does
		if err := c.operator.model.Create(job); err != nil {
			return err
		}
		if !ptr.Deref(job.Spec.Suspend, false) {
			c.operator.model.violated("Job %s is created and runs", job.UID)
		}
		job.DeepCopyInto(object.(*batchv1.Job))
		return nil
	})
}

// Patch implements client.Writer.
func (c *cachedClient) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.PatchOption) error {
	asked, seen := dataOf(object, patch), c.operator.look
	return c.operator.call(func() error {
		m, k := c.operator.model, apimodel.KeyOf(object)
		next, err := m.Patched(object, asked)
		if err != nil {
			return err
		}
		if job, ok := next.(*batchv1.Job); ok {
			c.operator.storeJob(apimodel.Get[*batchv1.Job](m.Objects, k), job, seen)
		} else {
			m.Store(next)
		}
		return c.operator.saw(object, apimodel.Objects{k: next}.Read(k.Name, object))
	})
}

// dataOf is what a patch asks for now: it may reach the API server when the object is another one.
func dataOf(object client.Object, patch client.Patch) client.Patch {
	data, err := patch.Data(object)
	if err != nil {
		panic(err)
	}
	return client.RawPatch(patch.Type(), data)
}

// Update implements client.Writer.
func (c *cachedClient) Update(_ context.Context, object client.Object, _ ...client.UpdateOption) error {
	asked, seen := object.(*batchv1.Job), c.operator.look
	return c.operator.call(func() error {
		m, k := c.operator.model, apimodel.KeyOf(object)
		if err := m.Check(k, asked.ResourceVersion, asked.UID); err != nil {
			return err
		}
		stored := apimodel.Get[*batchv1.Job](m.Objects, k)
		job := asked.DeepCopy()
		job.UID, job.Status = stored.UID, stored.Status
		c.operator.storeJob(stored, job, seen)
		job.DeepCopyInto(asked)
		return nil
	})
}

// storeJob stores a Job that the operator changed. seen is what it knew then.
func (o *operator) storeJob(before, after *batchv1.Job, seen look) {
	if metav1.GetControllerOf(before) == nil {
		o.model.violated("the foreign Job %s is changed", before.UID)
	}
	o.model.checkStop(before, after, seen)
	if ptr.Deref(before.Spec.Suspend, false) && !ptr.Deref(after.Spec.Suspend, false) {
		if isRetracted(before) {
			o.model.violated("Job %s runs, which was retracted", before.UID)
		}
		o.model.checkStart(after, seen.at, seen.since)
	}
	o.model.Store(after)
}

// Delete implements client.Writer.
func (c *cachedClient) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	return c.operator.call(func() error {
		m, k := c.operator.model, apimodel.KeyOf(object)
		asked := (&client.DeleteOptions{}).ApplyOptions(options).Preconditions
		if err := m.Check(k, *asked.ResourceVersion, ""); err != nil {
			return err
		}
		if job, ok := m.Objects[k].(*batchv1.Job); ok && metav1.GetControllerOf(job) == nil {
			m.violated("the foreign Job %s is deleted", job.UID)
		} else if ok {
			c.operator.checkCollect(job)
		}
		m.Remove(k)
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

// Patch implements client.SubResourceWriter.
func (w *statusWriter) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	data := dataOf(object, patch)
	return w.operator.call(func() error {
		m, k, into := w.operator.model, apimodel.KeyOf(object), object.(*cnatv1.At)
		next, err := m.Patched(object, data)
		if err != nil {
			return err
		}
		asked := next.(*cnatv1.At)
		w.operator.checkEnd(asked)
		apimodel.Edit(m.Server, k, func(at *cnatv1.At) { at.Status = asked.Status })
		apimodel.Get[*cnatv1.At](m.Objects, k).DeepCopyInto(into)
		return w.operator.saw(into, nil)
	})
}

// selected lists all Jobs, or the pods with labels.
func selected(objects apimodel.Objects, into client.ObjectList, options []client.ListOption) error {
	asked := (&client.ListOptions{}).ApplyOptions(options)
	switch into := into.(type) {
	case *batchv1.JobList:
		into.Items = nil
		for _, job := range apimodel.List[*batchv1.Job](objects) {
			into.Items = append(into.Items, *job.DeepCopy())
		}
	case *corev1.PodList:
		into.Items = nil
		for _, pod := range apimodel.List[*corev1.Pod](objects) {
			if asked.LabelSelector.Matches(labels.Set(pod.Labels)) {
				into.Items = append(into.Items, *pod.DeepCopy())
			}
		}
	}
	return nil
}
