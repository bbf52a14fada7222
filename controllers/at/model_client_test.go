package at

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1alpha1 "example.com/cnat-operator/api/cnat/v1alpha1"
	"example.com/cnat-operator/internal/write"
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
		return r.operator.saw(into, read(r.operator.model.objects, name, into))
	})
}

// List implements client.Reader.
func (r *liveReader) List(_ context.Context, into client.ObjectList, options ...client.ListOption) error {
	return r.operator.call(func() error {
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
	err := c.operator.saw(into, read(c.operator.cache, name, into))
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
		if err := c.operator.model.create(job); err != nil {
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
	data, err := patch.Data(object)
	if err != nil {
		return fmt.Errorf("making the patch: %w", err)
	}
	seen := c.operator.look
	return c.operator.call(func() error {
		m, k := c.operator.model, keyOf(object)
		switch object := object.(type) {
		case *cnatv1alpha1.At:
			stored := m.objects[k]
			if stored == nil {
				return notFound(k)
			}
			at := merge(stored, data, &cnatv1alpha1.At{})
			if err := m.checkVersion(k, at.ResourceVersion); err != nil {
				return err
			}
			m.store(at)
			at.DeepCopyInto(object)
			return c.operator.saw(object, nil)
		case *batchv1.Job:
			stored := get[*batchv1.Job](m.objects, k)
			job, err := m.patchJob(stored, k, patch.Type(), data)
			if err != nil {
				return err
			}
			c.operator.storeJob(stored, job, seen)
			job.DeepCopyInto(object)
		}
		return nil
	})
}

// Update implements client.Writer.
func (c *cachedClient) Update(_ context.Context, object client.Object, _ ...client.UpdateOption) error {
	asked, seen := object.(*batchv1.Job), c.operator.look
	return c.operator.call(func() error {
		m, k := c.operator.model, keyOf(object)
		stored := get[*batchv1.Job](m.objects, k)
		if err := m.checkVersion(k, asked.ResourceVersion); err != nil {
			return err
		}
		if asked.UID != "" && asked.UID != stored.UID {
			return apierrors.NewConflict(k.resource(), k.name, errors.New("its UID is "+string(stored.UID)))
		}
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
	o.model.store(after)
}

// patchJob is what a merge patch, or the JSON patch that starts a Job, makes of it.
func (m *model) patchJob(stored *batchv1.Job, k key, kind types.PatchType, data []byte) (*batchv1.Job, error) {
	if stored == nil {
		return nil, notFound(k)
	}
	if kind == types.MergePatchType {
		job := merge(stored, data, &batchv1.Job{})
		return job, m.checkVersion(k, job.ResourceVersion)
	}
	var operations []write.Operation
	if err := json.Unmarshal(data, &operations); err != nil {
		return nil, fmt.Errorf("patching: %w", err)
	}
	job := stored.DeepCopy()
	for _, op := range operations {
		annotation := strings.ReplaceAll(strings.TrimPrefix(op.Path, "/metadata/annotations/"), "~1", "/")
		fails := false
		switch {
		case op.Path == "/metadata/uid":
			fails = op.Value != string(job.UID)
		case op.Path == "/spec/suspend":
			job.Spec.Suspend = ptr.To(op.Value.(bool))
		case op.Op == "test":
			fails = op.Value != job.Annotations[annotation]
		default:
			job.Annotations = merged(job.Annotations, map[string]string{annotation: op.Value.(string)})
		}
		if fails {
			return nil, apierrors.NewGenericServerResponse(422, "", k.resource(), k.name, "testing value "+op.Path+" failed", 0, false)
		}
	}
	return job, nil
}

// Delete implements client.Writer.
func (c *cachedClient) Delete(_ context.Context, object client.Object, options ...client.DeleteOption) error {
	return c.operator.call(func() error {
		m, k := c.operator.model, keyOf(object)
		asked := (&client.DeleteOptions{}).ApplyOptions(options).Preconditions
		if err := m.checkVersion(k, *asked.ResourceVersion); err != nil {
			return err
		}
		if job, ok := m.objects[k].(*batchv1.Job); ok && metav1.GetControllerOf(job) == nil {
			m.violated("the foreign Job %s is deleted", job.UID)
		} else if ok {
			c.operator.checkCollect(job)
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

// Patch implements client.SubResourceWriter.
func (w *statusWriter) Patch(_ context.Context, object client.Object, patch client.Patch, _ ...client.SubResourcePatchOption) error {
	data, err := patch.Data(object)
	if err != nil {
		return fmt.Errorf("making the patch: %w", err)
	}
	return w.operator.call(func() error {
		m, k, into := w.operator.model, keyOf(object), object.(*cnatv1alpha1.At)
		stored := get[*cnatv1alpha1.At](m.objects, k)
		if stored == nil {
			return notFound(k)
		}
		asked := merge(stored, data, &cnatv1alpha1.At{})
		if err := m.checkVersion(k, asked.ResourceVersion); err != nil {
			return err
		}
		w.operator.checkEnd(asked)
		edit(m, k, func(at *cnatv1alpha1.At) { at.Status = asked.Status })
		get[*cnatv1alpha1.At](m.objects, k).DeepCopyInto(into)
		return w.operator.saw(into, nil)
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

// selected lists all Jobs, or the pods with labels.
func selected(objects map[key]client.Object, into client.ObjectList, options []client.ListOption) error {
	asked := (&client.ListOptions{}).ApplyOptions(options)
	switch into := into.(type) {
	case *batchv1.JobList:
		into.Items = nil
		for _, job := range list[*batchv1.Job](objects) {
			into.Items = append(into.Items, *job.DeepCopy())
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
