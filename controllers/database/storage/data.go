package storage

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
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

// hadDataKey in the ConfigMap of the scripts has start.sh refuse to initialize an empty volume: that of a server which was
// ready before has lost its data, as on a disk that was replaced, and the claim does not show it.
const hadDataKey = "had-data"

// fieldManagerData is the name under which the key is written.
const fieldManagerData = "cnat-operator-data"

// Data is what happened to the data.
type Data struct {
	// Problem says what happened to the data of a server that was ready before; nil: nothing.
	Problem *step.Problem
	// Used: a server that is ready now has its data on the claim that was seen.
	Used bool
	// Recheck is set where the claim that is waited for may be one that is not watched.
	Recheck time.Duration

	// config is the ConfigMap as it is to be marked, and before as it was read; nil: it stays.
	before, config *corev1.ConfigMap
}

// ObserveConfig reads the ConfigMap of the scripts, and returns nil where there is none.
func ObserveConfig(ctx context.Context, cached client.Reader, db *v1.Database) (*corev1.ConfigMap, error) {
	name := step.ConfigName(db)
	return step.Find[corev1.ConfigMap](ctx, "ConfigMap "+name, db.Namespace, name, cached)
}

// DecideData decides whether the data is there, and whether the ConfigMap says so. Ready says that the server is.
func DecideData(db *v1.Database, claim *corev1.PersistentVolumeClaim, config *corev1.ConfigMap, ready bool) Data {
	if found := dataProblem(db, claim); found != nil {
		// A claim that the user creates has none of our labels, and is not watched.
		return Data{Problem: found, Recheck: step.SecretRecheck}
	}
	data := Data{Used: isUsed(db, claim)}
	had := step.HadData(db) && lostDataWord(db) == "" || ready && data.Used
	if config == nil || !metav1.IsControlledBy(config, db) {
		return data
	}
	if _, marked := config.Data[hadDataKey]; marked == had {
		return data
	}
	data.before, data.config = config, config.DeepCopy()
	if !had {
		delete(data.config.Data, hadDataKey)
		return data
	}
	if data.config.Data == nil {
		data.config.Data = map[string]string{}
	}
	data.config.Data[hadDataKey] = string(db.UID)
	return data
}

// isUsed reports whether a server that is ready now has its data on the claim that was seen. A claim that replaces another
// is bound by the time that the server runs on it: before that, what is ready is the server on the claim before.
func isUsed(db *v1.Database, claim *corev1.PersistentVolumeClaim) bool {
	if claim == nil || claim.DeletionTimestamp != nil {
		return false
	}
	return db.Status.Storage.ClaimUID == "" || db.Status.Storage.ClaimUID == string(claim.UID) || claim.Status.Phase == corev1.ClaimBound
}

// Act marks the ConfigMap. The mark is no part of the release: a change of that would restart the server.
func (d Data) Act(ctx context.Context, c client.Client) error {
	if d.config == nil {
		return nil
	}
	// Under a name of its own, or the next apply of the release's ConfigMap would remove it.
	patch := client.MergeFromWithOptions(d.before, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, d.config, patch, client.FieldOwner(fieldManagerData)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("patch ConfigMap %s: %w", d.config.Name, err)
	}
	return nil
}

// RestoreSource is the dump that the data directory is to be initialized from, and empty where there is none. It names the
// volume of the dumps until the server was seen with the data. After that this is not mounted any more: it would have to be
// on the server's node for ever, and could not be removed.
func RestoreSource(db *v1.Database) v1.DatabaseRestore {
	if dump := lostDataDump(db); dump != "" {
		return v1.DatabaseRestore{Database: db.Name, Dump: dump}
	}
	if db.Status.RestoreTime == nil {
		return db.Spec.RestoreFrom
	}
	return v1.DatabaseRestore{}
}
