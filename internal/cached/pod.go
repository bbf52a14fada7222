// Package cached says what the cache that the controllers share holds of an object that more than one of them reads.
package cached

import (
	"maps"
	"regexp"

	corev1 "k8s.io/api/core/v1"
)

const (
	// maxPod is how many bytes of a pod are cached: that of an At may have many containers, and each has a state.
	maxPod = 256 << 10

	// maxAnnotation is how long an annotation of a pod may be to be cached. Those that are read are names.
	maxAnnotation = 1000
)

// Pod transforms a pod on its way into the cache: of its spec it keeps the node, the names of the containers and which of
// them are sidecars, and of its metadata neither who wrote which field nor long annotations. What its containers left as
// their last words is theirs alone. A pod of the cache can so be patched, but not updated.
func Pod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	pod.ManagedFields = nil
	spec := corev1.PodSpec{NodeName: pod.Spec.NodeName}
	for _, container := range pod.Spec.InitContainers {
		kept := corev1.Container{Name: container.Name, RestartPolicy: container.RestartPolicy}
		spec.InitContainers = append(spec.InitContainers, kept)
	}
	for _, container := range pod.Spec.Containers {
		spec.Containers = append(spec.Containers, corev1.Container{Name: container.Name})
	}
	pod.Spec = spec
	dropUnread(pod.Status.InitContainerStatuses)
	dropUnread(pod.Status.ContainerStatuses)
	maps.DeleteFunc(pod.Annotations, func(_, value string) bool { return len(value) > maxAnnotation })
	return Bounded(pod, maxPod), nil
}

// unread begins what the kubelet writes in the place of a container's last words when it can't read them, as of an evicted
// pod whose log it has deleted.
var unread = regexp.MustCompile(`^Error on reading termination (message from logs|log )`)

// dropUnread empties those of the containers that have such words.
func dropUnread(containers []corev1.ContainerStatus) {
	for i := range containers {
		for _, state := range []*corev1.ContainerState{&containers[i].State, &containers[i].LastTerminationState} {
			if ended := state.Terminated; ended != nil && unread.MatchString(ended.Message) {
				ended.Message = ""
			}
		}
	}
}
