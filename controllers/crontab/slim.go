package crontab

import (
	"maps"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	v1 "example.com/cnat-operator/api/crontab/v1"
)

// annotationRevision on a cached CronTab is its revision, whatever a stored one has under that name.
const annotationRevision = "cache.stable.example.com/revision"

// annotationResumed on a cached CronTab is the instant that resumedAt gives, whatever a stored one has under that name.
const annotationResumed = "cache.stable.example.com/resumed"

// slim transforms a CronTab on its way into the cache, without what it is to run, which may be 1 MB: that is read live
// when an At is created. What is left of it is a digest. What a list brings is transformed twice: a CronTab that runs
// nothing, which the API server never stores, was transformed before.
func slim(object any) (any, error) {
	tab, ok := object.(*v1.CronTab)
	if !ok || slimmed(tab) {
		return object, nil
	}
	annotations := map[string]string{annotationRevision: revisionOf(tab)}
	if request := requestOf(tab); request != "" {
		annotations[v1.AnnotationRunRequest] = request
	}
	if resumed := resumedAt(tab); !resumed.IsZero() {
		annotations[annotationResumed] = resumed.UTC().Format(time.RFC3339)
	}
	tab.ManagedFields, tab.Annotations = nil, annotations
	tab.Labels = maps.Clone(tab.Labels)
	maps.DeleteFunc(tab.Labels, func(key, _ string) bool { return key != queueLabel })
	tab.OwnerReferences = nil
	tab.Spec.Image, tab.Spec.Command, tab.Spec.Containers, tab.Spec.Template = "", "", nil, nil
	return tab, nil
}

// slimmed reports that nothing is left of what a CronTab is to run.
func slimmed(tab *v1.CronTab) bool {
	spec := &tab.Spec
	return spec.Image == "" && spec.Command == "" && len(spec.Containers) == 0 && spec.Template == nil
}

// revisionOf identifies what the runs of a CronTab run, which was read from the API server.
func revisionOf(tab *v1.CronTab) string {
	return digest(tab.UID, tab.Spec.RunSpec, tab.Spec.SpreadSeconds, tab.Labels[queueLabel])
}

// resumedAt is when spec.suspend was set to false, or later: who set it may have changed something else since then. It
// is in whole seconds; zero: that is not known, as where the field was removed instead.
func resumedAt(tab *v1.CronTab) (latest time.Time) {
	if ptr.Deref(tab.Spec.Suspend, true) {
		return latest
	}
	suspend := fieldpath.MakePathOrDie("spec", "suspend")
	for _, entry := range tab.ManagedFields {
		if entry.Time == nil || entry.FieldsV1 == nil || !entry.Time.After(latest) {
			continue
		}
		fields := &fieldpath.Set{}
		if err := fields.FromJSON(entry.FieldsV1.GetRawReader()); err == nil && fields.Has(suspend) {
			latest = entry.Time.Time
		}
	}
	return latest
}
