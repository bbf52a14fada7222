package storage

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

func TestDataProblem(t *testing.T) {
	claim := func(uid types.UID, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
		found := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{UID: uid}}
		found.Status.Phase = phase
		return found
	}
	deleted := claim("first", corev1.ClaimBound)
	deleted.DeletionTimestamp = testdb.Ago(0)
	for _, test := range []struct {
		name  string
		known string // the UID of the claim that the server was last ready with
		ready bool   // the server was ready before, as far as the status of 0.2.0 says
		word  string // of the annotation
		claim *corev1.PersistentVolumeClaim
		// reason is the problem's; empty: none. words are in its message.
		reason, words string
	}{
		{"new", "", false, "", nil, "", ""},
		{"new, with a claim that is being deleted", "", false, "", deleted, "", ""},
		{"as it was", "first", true, "", claim("first", corev1.ClaimBound), "", ""},
		{"upgraded from 0.2.0", "", true, "", claim("any", corev1.ClaimBound), "", ""},
		{"upgraded from 0.2.0, without a claim", "", true, "", nil, v1.ReasonDataLost, "lost-data=empty:db-uid"},
		{"upgraded from 0.2.0, and agreed", "", true, "empty:db-uid", nil, "", ""},
		{"being deleted", "first", true, "", deleted, v1.ReasonDataBeingDeleted, "back up now"},
		{"being deleted, as agreed", "first", true, "empty:first", deleted, "", ""},
		{"being deleted, and to be used", "first", true, "use:first", deleted, v1.ReasonDataBeingDeleted, "back up now"},
		{"deleted", "first", true, "", nil, v1.ReasonDataLost, "kubectl --namespace=ns annotate --overwrite database shop example.com/lost-data=latest:first"},
		{"deleted, and agreed to an empty one", "first", true, "empty:first", nil, "", ""},
		{"deleted, and agreed to a dump", "first", true, "shop-20260131T033000Z.dump:first", nil, "", ""},
		{"deleted, and to be used", "first", true, "use:first", nil, v1.ReasonDataLost, ""},
		{"deleted, and agreed to an earlier loss", "first", true, "empty:zeroth", nil, v1.ReasonDataLost, ""},
		{"deleted, and agreed to nothing", "first", true, "empty", nil, v1.ReasonDataLost, ""},
		{"replaced", "first", true, "", claim("second", corev1.ClaimBound), v1.ReasonDataReplaced, "example.com/lost-data=use:first"},
		{"replaced, and agreed", "first", true, "use:first", claim("second", corev1.ClaimBound), "", ""},
		{"created anew as agreed", "first", true, "empty:first", claim("second", corev1.ClaimPending), "", ""},
		{"without its volume", "first", true, "", claim("first", corev1.ClaimLost), v1.ReasonDataLost, "bring the PersistentVolume back"},
		{"without its volume, and agreed", "first", true, "empty:first", claim("first", corev1.ClaimLost), v1.ReasonDataLost, "delete the claim"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := testdb.New()
			db.UID, db.Status.Storage.ClaimUID = "db-uid", test.known
			if test.ready {
				db.Status.Encoding = "UTF8"
			}
			if test.word != "" {
				db.Annotations = map[string]string{v1.AnnotationLostData: test.word}
			}
			found := dataProblem(db, test.claim)
			if found == nil {
				found = &step.Problem{}
			}
			if found.Reason != test.reason || !strings.Contains(found.Message, test.words) || strings.HasSuffix(found.Message, "...") {
				t.Errorf("got %+v", found)
			}
		})
	}
}

func TestLostDataDump(t *testing.T) {
	for _, test := range []struct{ word, want string }{
		{"", ""}, {"empty:u", ""}, {"use:u", ""}, {"latest:u", "latest"}, {"a.dump:u", "a.dump"}, {"a.dump:v", ""}, {"a.dump", ""},
	} {
		db := testdb.New()
		db.Status.Storage.ClaimUID = "u"
		db.Annotations = map[string]string{v1.AnnotationLostData: test.word}
		from := RestoreSource(db)
		if from.Dump != test.want || (from.Database != "") != (test.want != "") {
			t.Errorf("%s: %+v, want %q", test.word, from, test.want)
		}
	}
}

// The mark of data is written only into this Database's ConfigMap.
func TestMarkOfDataInAnothersConfigMap(t *testing.T) {
	db := testdb.New()
	db.Status.Encoding = "UTF8"
	claim := &corev1.PersistentVolumeClaim{}
	for owner, want := range map[types.UID]bool{"uid": true, "new": false} {
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
			Namespace: "ns", Name: step.ConfigName(db), Labels: step.OwnLabels(db),
			OwnerReferences: []metav1.OwnerReference{{UID: owner, Controller: ptr.To(true)}},
		}}
		cached, live := testdb.Offline(t, config)
		seen, err := ObserveConfig(t.Context(), cached, db)
		if err != nil || seen == nil {
			t.Fatal(seen, err)
		}
		if err := DecideData(db, claim, seen, false).Act(t.Context(), cached); err != nil {
			t.Fatal(err)
		}
		err = live.Get(t.Context(), client.ObjectKeyFromObject(config), config)
		if _, marked := config.Data[hadDataKey]; err != nil || marked != want {
			t.Errorf("of %s: marked is %t, %v", owner, marked, err)
		}
	}
}

// The mark is there exactly as long as the server must not find its volume empty.
func TestMarkOfData(t *testing.T) {
	used := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{UID: "first"}}
	for _, test := range []struct {
		name   string
		had    bool // the server was ready before, with the claim "first"
		ready  bool
		word   string // of the annotation
		claim  *corev1.PersistentVolumeClaim
		marked bool // before
		want   bool
	}{
		{"new", false, false, "", nil, false, false},
		{"ready for the first time", false, true, "", used, false, true},
		{"as it was", true, true, "", used, true, true},
		{"as it was, not marked", true, false, "", used, false, true},
		{"lost, and agreed to an empty one", true, false, "empty:first", nil, true, false},
		{"agreed to, while nothing is lost", true, true, "empty:first", used, true, true},
		{"lost, and nothing said", true, false, "", nil, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := testdb.New()
			db.Annotations = map[string]string{v1.AnnotationLostData: test.word}
			if test.had {
				db.Status.Storage.ClaimUID = "first"
			}
			config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{OwnerReferences: step.OwnedBy(db)}}
			if test.marked {
				config.Data = map[string]string{hadDataKey: "x"}
			}
			after := config
			if data := DecideData(db, test.claim, config, test.ready); data.config != nil {
				after = data.config
			}
			if _, marked := after.Data[hadDataKey]; marked != test.want {
				t.Errorf("marked is %t", marked)
			}
		})
	}
}

// A dump is restored until the server was seen with its data.
func TestRestoreSource(t *testing.T) {
	db := testdb.New()
	db.Spec.RestoreFrom = v1.DatabaseRestore{Database: "old", Dump: "latest"}
	if got := RestoreSource(db); got != db.Spec.RestoreFrom {
		t.Errorf("to restore: %+v", got)
	}
	db.Status.RestoreTime = testdb.Ago(time.Hour)
	if got := RestoreSource(db); got.Database != "" {
		t.Errorf("restored: %+v", got)
	}
}
