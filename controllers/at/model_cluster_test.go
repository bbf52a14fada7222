package at

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/apimodel"
)

// The rest of the cluster: the garbage collector, the Job controller and the
// kubelet, each of which does one thing at a time.

// collectGarbage deletes what has lost its owner, and what its owner takes along.
func (m *model) collectGarbage() {
	for _, job := range apimodel.List[*batchv1.Job](m.Objects) {
		owner := metav1.GetControllerOf(job)
		if owner == nil {
			continue
		}
		at := apimodel.Get[*cnatv1.At](m.Objects, key(kindAt, owner.Name))
		foreground := at != nil && slices.Contains(at.Finalizers, metav1.FinalizerDeleteDependents)
		if at == nil || at.UID != owner.UID || at.DeletionTimestamp != nil && foreground {
			m.Remove(apimodel.KeyOf(job))
		}
	}
	for _, pod := range apimodel.List[*corev1.Pod](m.Objects) {
		job := apimodel.Get[*batchv1.Job](m.Objects, key(kindJob, pod.OwnerReferences[0].Name))
		if job == nil || job.UID != pod.OwnerReferences[0].UID {
			m.Remove(apimodel.KeyOf(pod))
		}
	}
	for _, at := range apimodel.List[*cnatv1.At](m.Objects) {
		if at.DeletionTimestamp != nil && !slices.ContainsFunc(apimodel.List[*batchv1.Job](m.Objects), func(job *batchv1.Job) bool {
			return metav1.IsControlledBy(job, at)
		}) {
			apimodel.Edit(m.Server, apimodel.KeyOf(at), func(at *cnatv1.At) {
				at.Finalizers = slices.DeleteFunc(at.Finalizers, func(f string) bool { return f == metav1.FinalizerDeleteDependents })
			})
		}
	}
}

// play brings a Job one step further. Its container fails if it must, and does
// not start while it is held.
func (m *model) play(job *batchv1.Job, fails, held bool) {
	pod := apimodel.Get[*corev1.Pod](m.Objects, key(kindPod, job.Name+"-pod"))
	if pod != nil && pod.OwnerReferences[0].UID != job.UID {
		return // that of a former Job with that name, which is about to go
	}
	deadline := ptr.Deref(job.Spec.ActiveDeadlineSeconds, 1<<31)
	switch {
	case finished(job) || metav1.GetControllerOf(job) == nil || ptr.Deref(job.Spec.Suspend, false):
	case job.DeletionTimestamp == nil && m.Now.After(startedAt(job).Add(seconds(deadline))):
		m.Remove(key(kindPod, job.Name+"-pod"))
		m.finishJob(job, batchv1.JobFailed, batchv1.JobReasonDeadlineExceeded)
	case pod != nil:
		m.playPod(job, pod, fails, held)
	case job.DeletionTimestamp != nil:
	case m.pods[job.UID] > 0: // it was deleted, which counts as a failure
		m.finishJob(job, batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded)
	default:
		m.startPod(job)
	}
}

func (m *model) startPod(job *batchv1.Job) {
	m.pods[job.UID]++
	pod := &corev1.Pod{
		ObjectMeta: *job.Spec.Template.ObjectMeta.DeepCopy(),
		Spec:       *job.Spec.Template.Spec.DeepCopy(),
	}
	pod.Name = job.Name + "-pod"
	pod.Labels[batchv1.ControllerUidLabel] = string(job.UID)
	pod.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))}
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "command", State: waiting("ContainerCreating", "")}}
	if err := m.Create(pod); err != nil {
		panic(err)
	}
}

// playPod is the kubelet and, once the container has ended, the Job controller.
func (m *model) playPod(job *batchv1.Job, pod *corev1.Pod, fails, held bool) {
	now := metav1.NewTime(m.Now.Truncate(time.Second))
	state := pod.Status.ContainerStatuses[0].State
	var next corev1.ContainerState
	switch {
	case state.Terminated != nil && state.Terminated.ExitCode != 0:
		m.finishJob(job, batchv1.JobFailed, batchv1.JobReasonBackoffLimitExceeded)
		return
	case state.Terminated != nil:
		m.finishJob(job, batchv1.JobComplete, "CompletionsReached")
		return
	case state.Running != nil:
		next.Terminated = &corev1.ContainerStateTerminated{StartedAt: state.Running.StartedAt, FinishedAt: now}
		if fails {
			next.Terminated.ExitCode = 1
		}
	case held:
		next = waiting("ErrImagePull", "not found")
	default:
		next.Running = &corev1.ContainerStateRunning{StartedAt: now}
	}
	apimodel.Edit(m.Server, apimodel.KeyOf(pod), func(pod *corev1.Pod) { pod.Status.ContainerStatuses[0].State = next })
}

func (m *model) finishJob(job *batchv1.Job, condition batchv1.JobConditionType, reason string) {
	apimodel.Edit(m.Server, apimodel.KeyOf(job), func(job *batchv1.Job) {
		job.Status.Conditions = []batchv1.JobCondition{{Type: condition, Status: corev1.ConditionTrue, Reason: reason}}
	})
}

// The person, who makes, edits and deletes objects by hand, within what the
// API server allows.

// makeAt makes an At, if there is none, of one of several kinds.
func (m *model) makeAt(kind byte) {
	at := &cnatv1.At{}
	at.Name, at.Spec.Command = "cnrex", "echo YAY"
	if kind&1 == 0 {
		schedule := metav1.NewTime(m.Now.Truncate(time.Second).Add([]time.Duration{-time.Hour, 2 * time.Second}[kind>>1&1]))
		at.Spec.Schedule = &schedule
	} else {
		at.Spec.After = &metav1.Duration{Duration: []time.Duration{time.Second, time.Minute}[kind>>1&1]}
	}
	changes := []func(*cnatv1.At){
		suspended, startingDeadline(30), pendingDeadline(5), timeToLive(0),
	}
	for i, change := range changes {
		if kind>>(2+i)&1 == 1 {
			change(at)
		}
	}
	_ = m.Create(at) // there may be one
}

// startOld leaves the At as version 0.2.0 does that is stopped while it starts
// it: with a Job of the old form, that the status knows or not.
func (m *model) startOld(knows bool) {
	at := apimodel.Get[*cnatv1.At](m.Objects, key(kindAt, "cnrex"))
	if at == nil || ptr.Deref(at.Spec.Suspend, false) || at.DueTime().After(m.Now) {
		return
	}
	job := newJob(at, "busybox")
	job.Name, job.Spec.Suspend, job.Finalizers = oldJobName(at), nil, []string{oldRunFinalizer}
	job.Annotations = map[string]string{startedAtAnnotation: m.Now.UTC().Format(time.RFC3339Nano)}
	if err := m.Create(job); err != nil {
		panic(err)
	}
	m.started[at.UID] = job.UID
	apimodel.Edit(m.Server, apimodel.KeyOf(at), func(at *cnatv1.At) {
		at.Status.Phase = cnatv1.AtPending
		if knows {
			at.Status.JobName, at.Status.JobUID = job.Name, job.UID
		}
	})
}

// editAt changes a spec, unless the rules of the CRD refuse that.
func (m *model) editAt(what, amount byte) {
	edits := []func(*cnatv1.At){
		func(at *cnatv1.At) {
			if at.Status.JobUID != "" {
				return
			}
			schedule := metav1.NewTime(m.Now.Truncate(time.Second).Add([]time.Duration{-time.Hour, 0, time.Second, 2 * time.Hour}[amount%4]))
			at.Spec.Schedule, at.Spec.After = &schedule, nil
		},
		func(at *cnatv1.At) { at.Spec.Suspend = ptr.To(!ptr.Deref(at.Spec.Suspend, false)) },
		cancelled,
		timeToLive(int32(amount) * 10),
		startingDeadline(1 + int64(amount)),
		pendingDeadline(1 + int64(amount)),
		func(at *cnatv1.At) { at.Spec.TTLSecondsAfterFinished = nil },
		func(at *cnatv1.At) {
			if at.Status.JobUID == "" {
				at.Spec.ActiveDeadlineSeconds = 1 + int64(amount)
			}
		},
	}
	apimodel.Edit(m.Server, key(kindAt, "cnrex"), func(at *cnatv1.At) {
		edits[int(what)%len(edits)](at)
	})
}

// deleteAt deletes the At. In the foreground, it waits until its Job is deleted.
func (m *model) deleteAt(foreground bool) {
	if foreground {
		apimodel.Edit(m.Server, key(kindAt, "cnrex"), func(at *cnatv1.At) {
			if at.DeletionTimestamp == nil {
				at.Finalizers = append(slices.Clone(at.Finalizers), metav1.FinalizerDeleteDependents)
			}
		})
	}
	m.Remove(key(kindAt, "cnrex"))
}

// removeByHand deletes a Job.
func (m *model) removeByHand(job *batchv1.Job) {
	if owner := metav1.GetControllerOf(job); owner != nil {
		m.deleted[owner.UID] = true
	}
	m.Remove(apimodel.KeyOf(job))
}

// squat makes a Job with the name that the At's Job is to have, or removes it.
func (m *model) squat() {
	at := apimodel.Get[*cnatv1.At](m.Objects, key(kindAt, "cnrex"))
	if at == nil {
		return
	}
	job := apimodel.Get[*batchv1.Job](m.Objects, key(kindJob, jobName(at)))
	if job != nil && metav1.GetControllerOf(job) == nil {
		m.Remove(apimodel.KeyOf(job))
		return
	}
	foreign := &batchv1.Job{}
	foreign.Name = jobName(at)
	_ = m.Create(foreign) // the At's own may be there
}
