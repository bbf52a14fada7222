package credentials

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

func generate() string { return "generated" }

// own is the operator's Secret with a password that was generated a day ago.
func own(db *v1.Database, password string) *corev1.Secret {
	secret, _ := newSecret(db, nil, func() string { return password }, testdb.Ago(24*time.Hour).Time)
	return secret
}

func bound(db *v1.Database) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: step.BindingName(db), Namespace: db.Namespace, Labels: step.OwnLabels(db), OwnerReferences: step.OwnedBy(db)},
		Data:       map[string][]byte{step.UsernameKey: []byte("wp"), step.PasswordKey: []byte("former")},
	}
}

func TestDecide(t *testing.T) {
	served := func(db *v1.Database) {
		db.Status.Encoding, db.Status.Credentials = "UTF8", Ref(db)
		db.Status.Conditions = []metav1.Condition{{Type: v1.ConditionReady, Status: metav1.ConditionTrue}}
	}
	theirs := func(db *v1.Database) { db.Spec.PasswordSecretRef.Name = "mine" }
	day := func(db *v1.Database) { db.Spec.PasswordRotation.Every = &metav1.Duration{Duration: 24 * time.Hour} }
	for _, test := range []struct {
		name string
		edit func(*v1.Database)
		seen func(*v1.Database) Observed
		// password is the one that is known after it, and reason the problem's; events are their reasons.
		password, reason, events string
		writes, serving          bool
		recheck                  time.Duration
	}{
		{
			name: "a new Database", seen: func(*v1.Database) Observed { return Observed{} },
			password: "generated", events: "CredentialsCreated", writes: true,
		},
		{
			name: "a password in the spec", edit: func(db *v1.Database) { db.Spec.Password, db.Generation = "given", 1 },
			seen:     func(*v1.Database) Observed { return Observed{} },
			password: "given", events: "CredentialsCreated PasswordInSpec", writes: true,
		},
		{
			name: "another in the spec", edit: func(db *v1.Database) { db.Spec.Password = "given" },
			seen:     func(db *v1.Database) Observed { return Observed{Secret: own(testdb.New(), "former")} },
			password: "given", events: "PasswordChanged", writes: true,
		},
		{
			name: "nothing to do", seen: func(db *v1.Database) Observed { return Observed{Secret: own(db, "former")} }, password: "former",
		},
		{
			name: "rotation is due", edit: day, seen: func(db *v1.Database) Observed { return Observed{Secret: own(db, "former")} },
			password: "generated", events: "PasswordChanged", writes: true, recheck: 24 * time.Hour,
		},
		{
			name: "deleted, and the binding has it", edit: served,
			seen:     func(db *v1.Database) Observed { return Observed{Binding: bound(db)} },
			password: "former", events: "CredentialsRestored", writes: true,
		},
		{
			name: "deleted, and the binding too", edit: served, seen: func(*v1.Database) Observed { return Observed{} },
			password: "generated", events: "PasswordReplaced", writes: true,
		},
		{
			name: "somebody else's Secret",
			seen: func(*v1.Database) Observed { return Observed{Secret: &corev1.Secret{}} }, reason: v1.ReasonNameConflict, recheck: step.SecretRecheck,
		},
		{
			name: "a user's Secret", edit: theirs, recheck: step.SecretPoll, password: "x",
			seen: func(*v1.Database) Observed {
				return Observed{Secret: &corev1.Secret{Data: map[string][]byte{"password": []byte("x")}}}
			},
		},
		{
			name: "a user's Secret that is missing", edit: theirs, recheck: step.SecretRecheck,
			seen: func(*v1.Database) Observed { return Observed{} }, reason: v1.ReasonSecretMissing,
		},
		{
			name: "a user's Secret that was deleted under a server", edit: func(db *v1.Database) { theirs(db); served(db) }, recheck: step.SecretRecheck,
			seen: func(*v1.Database) Observed { return Observed{} }, reason: v1.ReasonSecretMissing, serving: true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := testdb.New()
			if test.edit != nil {
				test.edit(db)
			}
			got := Decide(db, test.seen(db), generate, testdb.Noon)
			found := got.Problem
			if found == nil {
				found = &step.Problem{}
			}
			if string(got.Password) != test.password || found.Reason != test.reason || found.Serving != test.serving || got.Recheck != test.recheck {
				t.Errorf("password %q, problem %+v, recheck %s", got.Password, found, got.Recheck)
			}
			var reasons []string
			for _, e := range append(got.written, got.Events...) {
				reasons = append(reasons, e.Reason)
			}
			if events := strings.Join(reasons, " "); events != test.events || (got.after != nil) != test.writes {
				t.Errorf("events %q, writes %v", events, got.after)
			}
		})
	}
}

func TestBoundPassword(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(*corev1.Secret)
		want string
	}{
		{"as the operator created it", func(*corev1.Secret) {}, "former"},
		{"another user's", func(s *corev1.Secret) { s.Data[step.UsernameKey] = []byte("other") }, ""},
		{"another Database's", func(s *corev1.Secret) { s.OwnerReferences[0].UID = "other" }, ""},
		{"without our labels", func(s *corev1.Secret) { s.Labels = nil }, ""},
		{"with a NUL byte", func(s *corev1.Secret) { s.Data[step.PasswordKey] = []byte("a\x00b") }, ""},
		{"too long", func(s *corev1.Secret) { s.Data[step.PasswordKey] = []byte(strings.Repeat("a", 257)) }, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := testdb.New()
			binding := bound(db)
			test.edit(binding)
			if got := boundPassword(db, binding); string(got) != test.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// A password that PostgreSQL can't take is refused in the operator's own Secret as in a user's.
func TestUnusablePasswordInOwnSecret(t *testing.T) {
	for password, want := range map[string]string{"good": "", "a\x00b": v1.ReasonSecretInvalid} {
		db := testdb.New()
		cached, live := testdb.Offline(t, own(db, password))
		seen, err := Observe(t.Context(), cached, live, db)
		if err != nil {
			t.Fatal(err)
		}
		found := Decide(db, seen, generate, testdb.Noon)
		reason := ""
		if found.Problem != nil {
			reason = found.Problem.Reason
		}
		if reason != want {
			t.Errorf("%q: %q", password, reason)
		}
	}
}

// Where the Secret can't be written, nothing of it is reported.
func TestRefusedWrite(t *testing.T) {
	db := testdb.New()
	cached, _ := testdb.Offline(t, own(db, "theirs")) // created since it was read
	decided := Decide(db, Observed{}, generate, testdb.Noon)
	if err := decided.Act(t.Context(), cached); !step.IsStaleRead(err) || len(decided.Events) > 0 || decided.Password != nil {
		t.Errorf("%v, %+v", err, decided)
	}
}
