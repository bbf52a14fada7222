package main

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// resizer grows volumes whose claims ask for more. A directory has no size of
// its own, so that only the records change; but without that a claim that grew
// would wait for ever, and growing could not be tried out on this cluster.
type resizer struct {
	client kubernetes.Interface
	claims cache.Store
	queue  workqueue.TypedRateLimitingInterface[string]
}

// runResizer runs until ctx ends.
func runResizer(ctx context.Context, client kubernetes.Interface) {
	informer := informers.NewSharedInformerFactory(client, 0).Core().V1().PersistentVolumeClaims().Informer()
	r := &resizer{
		client: client,
		claims: informer.GetStore(),
		queue:  workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[string]()),
	}
	enqueue := func(obj any) {
		if key, err := cache.MetaNamespaceKeyFunc(obj); err == nil {
			r.queue.Add(key)
		}
	}
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    enqueue,
		UpdateFunc: func(_, obj any) { enqueue(obj) },
	}); err != nil {
		klog.ErrorS(err, "volumes will not be resized")
		return
	}
	go informer.Run(ctx.Done())
	context.AfterFunc(ctx, r.queue.ShutDown)
	for r.next(ctx) {
	}
}

// next handles one claim of the queue; false ends the loop.
func (r *resizer) next(ctx context.Context) bool {
	key, shutdown := r.queue.Get()
	if shutdown {
		return false
	}
	defer r.queue.Done(key)
	if err := r.resize(ctx, key); err != nil {
		klog.ErrorS(err, "resize", "claim", key)
		r.queue.AddRateLimited(key)
		return true
	}
	r.queue.Forget(key)
	return true
}

// resize brings the volume's capacity, then the claim's, up to the request.
func (r *resizer) resize(ctx context.Context, key string) error {
	obj, exists, err := r.claims.GetByKey(key)
	if err != nil || !exists {
		return err
	}
	claim := obj.(*corev1.PersistentVolumeClaim)
	if !wantsMore(claim) {
		return nil
	}
	volume, err := r.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get the claim's volume: %w", err)
	}
	if volume.Annotations["pv.kubernetes.io/provisioned-by"] != provisionerName {
		return nil
	}
	size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	volume.Spec.Capacity[corev1.ResourceStorage] = size
	if _, err := r.client.CoreV1().PersistentVolumes().Update(ctx, volume, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write the volume's capacity: %w", err)
	}
	grown := claim.DeepCopy()
	grown.Status.Capacity[corev1.ResourceStorage] = size
	if _, err := r.client.CoreV1().PersistentVolumeClaims(claim.Namespace).UpdateStatus(ctx, grown, metav1.UpdateOptions{}); err != nil {
		return fmt.Errorf("write the claim's capacity: %w", err)
	}
	return nil
}

// wantsMore reports whether a bound claim asks for more than it has.
func wantsMore(claim *corev1.PersistentVolumeClaim) bool {
	if claim.Status.Phase != corev1.ClaimBound {
		return false
	}
	wanted := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	has := claim.Status.Capacity[corev1.ResourceStorage]
	return wanted.Cmp(has) > 0
}
