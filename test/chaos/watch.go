package main

import (
	"context"
	"errors"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// watchRuns notes the Jobs and pods of all Ats as they come and go, so that also those are known that are deleted soon.
func (c *chaos) watchRuns(ctx context.Context) error {
	for _, what := range []struct {
		client   rest.Interface
		resource string
		object   runtime.Object
	}{
		{c.clientset.BatchV1().RESTClient(), "jobs", &batchv1.Job{}},
		{c.clientset.CoreV1().RESTClient(), "pods", &corev1.Pod{}},
	} {
		source := cache.NewListWatchFromClient(what.client, what.resource, c.namespace, fields.Everything())
		informer := cache.NewSharedInformer(source, what.object, 0)
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    c.note,
			UpdateFunc: func(_, now any) { c.note(now) },
			DeleteFunc: func(last any) {
				if unknown, ok := last.(cache.DeletedFinalStateUnknown); ok {
					last = unknown.Obj
				}
				c.note(last)
			},
		})
		if err != nil {
			return err
		}
		go informer.RunWithContext(ctx)
		if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
			return errors.New("the watch did not begin")
		}
	}
	return nil
}

// note keeps what a Job or pod says of its At.
func (c *chaos) note(object any) {
	now := time.Now()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch object := object.(type) {
	case *batchv1.Job:
		owner := metav1.GetControllerOf(object)
		if owner == nil || c.ats[owner.Name] == nil {
			return
		}
		at := c.ats[owner.Name]
		suspended := ptr.Deref(object.Spec.Suspend, false)
		if !suspended {
			noteFirst(&at.allowed, object.UID, now)
		}
		_, allowed := at.allowed[object.UID]
		at.limited = at.limited || allowed && (suspended || object.Spec.ActiveDeadlineSeconds != nil)
	case *corev1.Pod:
		if at := c.ats[object.Annotations[atAnnotation]]; at != nil {
			noteFirst(&at.pods, object.UID, object.CreationTimestamp.Time)
		}
	}
}

func noteFirst(moments *map[types.UID]time.Time, uid types.UID, moment time.Time) {
	if *moments == nil {
		*moments = map[types.UID]time.Time{}
	}
	if _, known := (*moments)[uid]; !known {
		(*moments)[uid] = moment
	}
}
