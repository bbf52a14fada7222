package database

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
)

// The words of the annotation example.com/lost-data, beside the file names of dumps.
const (
	wordEmpty = "empty"
	wordUse   = "use"
)

// lostClaim identifies the claim that held the data. A Database that was last ready under version 0.2.0 does not know the
// claim's UID, and has its own.
func lostClaim(db *v1.Database) string {
	return cmp.Or(db.Status.Storage.ClaimUID, string(db.UID))
}

// lostDataWord is what the user said the server begins with after this very loss, or empty. A word for an earlier loss
// says nothing of this one.
func lostDataWord(db *v1.Database) string {
	word, claim, found := strings.Cut(db.Annotations[v1.AnnotationLostData], ":")
	if !found || !step.HadData(db) || claim != lostClaim(db) {
		return ""
	}
	return word
}

// lostDataDump is the dump that the user said to begin with, or empty.
func lostDataDump(db *v1.Database) string {
	switch word := lostDataWord(db); word {
	case wordEmpty, wordUse:
		return ""
	default:
		return word
	}
}

// dataProblem says what happened to the volume claim of a server that was ready with it, or nil. Until the user says what
// to begin with, the release stays as it is: a restart of the server would take the data away that it may still serve, and
// a new claim would be an empty database under the name of one that had data.
func dataProblem(db *v1.Database, claim *corev1.PersistentVolumeClaim) *step.Problem {
	if !step.HadData(db) {
		return nil
	}
	word, name := lostDataWord(db), step.ClaimName(db)
	begin := fmt.Sprintf("To begin with an empty database: %s. To begin with the newest dump of spec.backup: %s",
		annotateLostData(db, wordEmpty), annotateLostData(db, v1.LatestDump))
	switch {
	case claim == nil:
		if word != "" && word != wordUse {
			return nil
		}
		return step.NewProblem(v1.ReasonDataLost, "volume claim %s was deleted, and the data with it. %s", name, begin)
	case claim.DeletionTimestamp != nil:
		if word != "" && word != wordUse {
			return nil
		}
		return step.NewProblem(v1.ReasonDataBeingDeleted, "volume claim %s is being deleted, and the data is lost when the pod stops: "+
			"back up now, as by kubectl --namespace=%s exec %s -- pg_dump -U postgres %s >dump.sql; until then nothing is done "+
			"that restarts the server. %s", name, db.Namespace, step.PodName(db), step.DatabaseName(db), begin)
	case claim.Status.Phase == corev1.ClaimLost:
		return step.NewProblem(v1.ReasonDataLost, "the volume %s of volume claim %s is not there any more: bring the PersistentVolume "+
			"back, or delete the claim and say what to begin with. %s", claim.Spec.VolumeName, name, begin)
	case db.Status.Storage.ClaimUID != "" && string(claim.UID) != db.Status.Storage.ClaimUID && word == "":
		return step.NewProblem(v1.ReasonDataReplaced, "volume claim %s is not the one that the server was last ready with: that was "+
			"deleted. To go on with the data on this one: %s. %s", name, annotateLostData(db, wordUse), begin)
	}
	return nil
}

// annotateLostData is the command by which the user says what to begin with.
func annotateLostData(db *v1.Database, word string) string {
	return fmt.Sprintf("kubectl --namespace=%s annotate --overwrite database %s %s=%s:%s",
		db.Namespace, db.Name, v1.AnnotationLostData, word, lostClaim(db))
}

// isUsed reports whether a server that is ready now has its data on the claim that was seen. A claim that replaces another
// is bound by the time that the server runs on it: before that, what is ready is the server on the claim before.
func isUsed(db *v1.Database, seen *observation) bool {
	claim := seen.storage.claim
	if claim == nil || claim.DeletionTimestamp != nil || seen.data != nil {
		return false
	}
	return db.Status.Storage.ClaimUID == "" || db.Status.Storage.ClaimUID == string(claim.UID) || claim.Status.Phase == corev1.ClaimBound
}

// hadDataKey in the ConfigMap of the scripts has start.sh refuse to initialize an empty volume: that of a server which was
// ready before has lost its data, as on a disk that was replaced, and the claim does not show it.
const hadDataKey = "had-data"

// fieldManagerData is the name under which the key is written.
const fieldManagerData = "cnat-operator-data"

// markHadData sets or removes the key. It is no part of the release: a change of that would restart the server.
func (r *Reconciler) markHadData(ctx context.Context, db *v1.Database, had bool) error {
	config := &corev1.ConfigMap{}
	err := r.Client.Get(ctx, client.ObjectKey{Namespace: db.Namespace, Name: step.ConfigName(db)}, config)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("get ConfigMap %s: %w", step.ConfigName(db), err)
	}
	if _, marked := config.Data[hadDataKey]; marked == had || !metav1.IsControlledBy(config, db) {
		return nil
	}
	before := config.DeepCopy()
	if config.Data == nil {
		config.Data = map[string]string{}
	}
	if had {
		config.Data[hadDataKey] = string(db.UID)
	} else {
		delete(config.Data, hadDataKey)
	}
	// Under a name of its own, or the next apply of the release's ConfigMap would remove it.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, config, patch, client.FieldOwner(fieldManagerData)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("patch ConfigMap %s: %w", config.Name, err)
	}
	return nil
}
