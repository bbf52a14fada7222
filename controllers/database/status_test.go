package database

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/credentials"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/server"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/controllers/database/storage"
)

func TestStatus(t *testing.T) {
	stuck := func(reason string) *step.Problem { return &step.Problem{Reason: reason, Message: "words of " + reason} }
	for _, test := range []struct {
		name string
		seen observation
		// ready, progressing and stalled are the conditions as "status reason".
		ready, progressing, stalled string
		encoding                    string
	}{
		{
			"ready",
			observation{release: release.Result{Current: true}, server: server.State{Ready: true}},
			"True Ready", "False Reconciled", "False NotStalled", "UTF8",
		},
		{
			"starting",
			observation{release: release.Result{Current: true}, server: server.State{Waiting: "x"}},
			"False Starting", "True Starting", "False NotStalled", "",
		},
		{
			"upgrading, while the previous server serves",
			observation{release: release.Result{Waiting: "x"}, server: server.State{Ready: true}},
			"True Ready", "True Installing", "False NotStalled", "",
		},
		{
			"installing",
			observation{release: release.Result{Waiting: "x"}, server: server.State{Waiting: "y"}},
			"False Installing", "True Installing", "False NotStalled", "",
		},
		{
			"a Secret is missing",
			observation{credentials: credentials.Decision{Problem: stuck(v1.ReasonSecretMissing)}},
			"False SecretMissing", "False SecretMissing", "True SecretMissing", "",
		},
		{
			"the release failed, and the previous server serves",
			observation{release: release.Result{Problem: stuck(v1.ReasonReleaseFailed)}, server: server.State{Ready: true}},
			"True Ready", "False ReleaseFailed", "True ReleaseFailed", "",
		},
		{
			"a refused object beside it, and the server crashes",
			observation{
				failures: []*step.Problem{stuck(v1.ReasonRefused)}, release: release.Result{Current: true},
				server: server.State{Problem: stuck(v1.ReasonServerFailed)},
			},
			"False ServerFailed", "False ServerFailed", "True ServerFailed", "",
		},
		{
			"the image is not there",
			observation{release: release.Result{Current: true}, server: server.State{Problem: stuck(v1.ReasonImagePullFailed)}},
			"False ImagePullFailed", "False ImagePullFailed", "True ImagePullFailed", "",
		},
		{
			"a volume that does not grow",
			observation{
				storage: storage.Decision{Problem: &step.Problem{Reason: v1.ReasonStorageNotGrown, Message: "x", Serving: true}},
				release: release.Result{Current: true}, server: server.State{Ready: true},
			},
			"True Ready", "False StorageNotGrown", "True StorageNotGrown", "UTF8",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "wordpress").build()
			db.Generation = 7
			status := statusFor(&pass{db: db, seen: test.seen})
			for kind, want := range map[string]string{
				v1.ConditionReady: test.ready, v1.ConditionProgressing: test.progressing, v1.ConditionStalled: test.stalled,
			} {
				got := meta.FindStatusCondition(status.Conditions, kind)
				if string(got.Status)+" "+got.Reason != want || got.ObservedGeneration != 7 || got.Message == "" {
					t.Errorf("%s is %+v, want %s", kind, got, want)
				}
			}
			if status.Encoding != test.encoding || status.ObservedGeneration != 7 || status.Endpoint != "wordpress-database.ns.svc:5432" {
				t.Errorf("status is %+v", status)
			}
		})
	}
}

func TestTransitions(t *testing.T) {
	is := func(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{Type: kind, Status: status, Reason: reason}
	}
	ready := []metav1.Condition{is(v1.ConditionReady, metav1.ConditionTrue, v1.ReasonReady), is(v1.ConditionStalled, metav1.ConditionFalse, v1.ReasonNotStalled)}
	image := []metav1.Condition{is(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonImagePullFailed), is(v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonImagePullFailed)}
	crash := []metav1.Condition{is(v1.ConditionReady, metav1.ConditionFalse, v1.ReasonServerFailed), is(v1.ConditionStalled, metav1.ConditionTrue, v1.ReasonServerFailed)}
	for _, test := range []struct {
		name          string
		before, after []metav1.Condition
		want          string
	}{
		{"ready at first", nil, ready, "Ready"},
		{"still ready", ready, ready, ""},
		{"stalled", ready, image, "ImagePullFailed NotReady"},
		{"still stalled", image, image, ""},
		{"stalled by something else", image, crash, "ServerFailed"},
		{"ready again", crash, ready, "Ready"},
	} {
		var got []string
		for _, e := range transitions(test.before, test.after) {
			got = append(got, e.Reason)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s: %v, want %s", test.name, got, test.want)
		}
	}
}

// The image that the status names is the one that runs, not the one that the slot will bring.
func TestImageOfOneThatWaits(t *testing.T) {
	p := &pass{db: newDatabase("ns", "one").build(), seen: observation{
		release: release.Result{Image: "postgres:18.2", Current: true, Slot: true},
		server:  server.State{Ready: true, Version: "18.1"},
	}}
	p.db.Status.Image = "postgres:18.1"
	if status := statusFor(p); status.Image != "postgres:18.1" {
		t.Errorf("status names image %s", status.Image)
	}
}
