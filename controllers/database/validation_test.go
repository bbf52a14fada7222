package database

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/step"
	"example.com/cnat-operator/controllers/database/values"
)

func quantity(text string) *resource.Quantity {
	q := resource.MustParse(text)
	return &q
}

func every(age time.Duration) v1.PasswordRotation {
	return v1.PasswordRotation{Every: &metav1.Duration{Duration: age}}
}

// The API server refuses these, with no operator running.
func TestRefusedOnCreate(t *testing.T) {
	namespace := newNamespace(t)
	for _, test := range []struct {
		name   string
		object string // the Database's name; empty: wordpress
		edit   func(*v1.DatabaseSpec)
		// wants are all in the message: the field, and what to do.
		wants []string
	}{
		{"no user", "", func(s *v1.DatabaseSpec) { s.User, s.Image = "", "postgres" }, []string{"spec.user"}},
		{"the superuser", "", func(s *v1.DatabaseSpec) { s.User = "postgres" }, []string{"spec.user", "choose another"}},
		{"a reserved prefix", "", func(s *v1.DatabaseSpec) { s.User = "pg_mine" }, []string{"spec.user", "choose another"}},
		{"everybody", "", func(s *v1.DatabaseSpec) { s.User = "public" }, []string{"spec.user", "choose another"}},
		{"nobody", "", func(s *v1.DatabaseSpec) { s.User = "none" }, []string{"spec.user", "choose another"}},
		{"a word for oneself", "", func(s *v1.DatabaseSpec) { s.User = "current_user" }, []string{"spec.user", "choose another"}},
		{"a word for the session", "", func(s *v1.DatabaseSpec) { s.User = "session_user" }, []string{"spec.user", "choose another"}},
		{"upper case", "", func(s *v1.DatabaseSpec) { s.User = "WordPress" }, []string{"spec.user", "lower-case"}},
		{"a hyphen", "", func(s *v1.DatabaseSpec) { s.User = "word-press" }, []string{"spec.user", "underscores"}},
		{"a digit first", "", func(s *v1.DatabaseSpec) { s.User = "1wp" }, []string{"spec.user", "start with"}},
		{"SQL", "", func(s *v1.DatabaseSpec) { s.User = `wp"; DROP ROLE x; --` }, []string{"spec.user", "letters"}},
		{"a newline after the name", "", func(s *v1.DatabaseSpec) { s.User = "wp\n" }, []string{"spec.user", "letters"}},
		{"a user of 64 characters", "", func(s *v1.DatabaseSpec) { s.User = strings.Repeat("a", 64) }, []string{"spec.user", "63"}},
		{"both passwords", "", func(s *v1.DatabaseSpec) {
			s.Password, s.PasswordSecretRef = "secret", v1.SecretKeyReference{Name: "s"}
		}, []string{"spec.password", "spec.passwordSecretRef", "remove password"}},
		{"NUL in the password", "", func(s *v1.DatabaseSpec) { s.Password = "a\x00b" }, []string{"spec.password", "NUL", "remove"}},
		{"a password of 257 characters", "", func(s *v1.DatabaseSpec) { s.Password = strings.Repeat("a", 257) }, []string{"spec.password", "256"}},
		{"a Secret without a name", "", func(s *v1.DatabaseSpec) {
			s.PasswordSecretRef = v1.SecretKeyReference{Key: "k"}
		}, []string{"spec.passwordSecretRef.name"}},
		{"a Secret of another namespace", "", func(s *v1.DatabaseSpec) {
			s.PasswordSecretRef = v1.SecretKeyReference{Name: "../../kube-system/secrets/a"}
		}, []string{"passwordSecretRef.name", "Database's namespace"}},
		{"a certificate of another namespace", "", func(s *v1.DatabaseSpec) {
			s.TLS.SecretName = "../../kube-system/secrets/a"
		}, []string{"tls.secretName", "Database's namespace"}},
		{"a key that no Secret has", "", func(s *v1.DatabaseSpec) {
			s.PasswordSecretRef = v1.SecretKeyReference{Name: "s", Key: "a/b"}
		}, []string{"passwordSecretRef.key", "letters"}},
		{"an unknown encoding", "", func(s *v1.DatabaseSpec) { s.Encoding = "utf9" }, []string{"spec.encoding", "use for example UTF8"}},
		{"an encoding for clients", "", func(s *v1.DatabaseSpec) { s.Encoding = "SJIS" }, []string{"spec.encoding", "clients only"}},
		{"a database of the server", "", func(s *v1.DatabaseSpec) { s.DatabaseName = "template1" }, []string{"spec.databaseName", "set spec.databaseName"}},
		{"a database of the server by default", "postgres", func(*v1.DatabaseSpec) {}, []string{"spec.databaseName", "metadata.name", "set spec.databaseName"}},
		{"a database of the operator by default", "database-operator", func(*v1.DatabaseSpec) {}, []string{"set spec.databaseName"}},
		{"a malformed database", "", func(s *v1.DatabaseSpec) { s.DatabaseName = "my-app" }, []string{"spec.databaseName", "underscores"}},
		{"a name of 41 characters", strings.Repeat("a", 41), func(*v1.DatabaseSpec) {}, []string{"metadata.name", "at most 40"}},
		{"a name with a dot", "word.press", func(*v1.DatabaseSpec) {}, []string{"metadata.name", "hyphens"}},
		{"a name with a digit first", "1wordpress", func(*v1.DatabaseSpec) {}, []string{"metadata.name", "start with"}},
		{"a volume too small", "", func(s *v1.DatabaseSpec) { s.Storage.Size = quantity("1Mi") }, []string{"spec.storage.size", "256Mi or more"}},
		{"a negative volume", "", func(s *v1.DatabaseSpec) { s.Storage.Size = quantity("-1Gi") }, []string{"spec.storage.size", "256Mi or more"}},
		{"an unknown deletion policy", "", func(s *v1.DatabaseSpec) { s.DeletionPolicy = "Recycle" }, []string{"spec.deletionPolicy", "Retain", "Delete"}},
		{"a password that is replaced each minute", "", func(s *v1.DatabaseSpec) {
			s.PasswordRotation = every(time.Minute)
		}, []string{"spec.passwordRotation.every", "from 1h to"}},
		{"a rotation of the user's own password", "", func(s *v1.DatabaseSpec) {
			s.Password, s.PasswordRotation = "secret", every(24*time.Hour)
		}, []string{"spec.passwordRotation", "remove"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := test.object
			if name == "" {
				name = "wordpress"
			}
			err := api.Create(t.Context(), newDatabase(namespace, name).spec(test.edit).build(), client.DryRunAll)
			if err == nil {
				t.Fatal("was accepted")
			}
			for _, want := range test.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q: %v", want, err)
				}
			}
		})
	}
}

// All the spellings that the code knows are accepted, so that the API's list and the code's are one.
func TestAcceptedEncodings(t *testing.T) {
	namespace := newNamespace(t)
	names := slices.Collect(maps.Keys(values.EncodingAliases))
	names = append(names, "unicode", "Utf-8", "SQL_ASCII", "ISO_8859-5", "")
	for _, name := range names {
		db := newDatabase(namespace, "wordpress").spec(func(s *v1.DatabaseSpec) { s.Encoding = name }).build()
		if err := api.Create(t.Context(), db, client.DryRunAll); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	db := newDatabase(newNamespace(t), "word-press").create(t)
	if db.Spec.Encoding != "UTF8" || db.Spec.Storage.Size.String() != "1Gi" || step.DatabaseName(db) != "word_press" {
		t.Errorf("got %+v", db.Spec)
	}
}

func TestChanges(t *testing.T) {
	namespace := newNamespace(t)
	for _, test := range []struct {
		name   string
		before func(*v1.DatabaseSpec)
		after  func(*v1.DatabaseSpec)
		// want is in the message; empty: the change is accepted.
		want string
	}{
		{"another user", nil, func(s *v1.DatabaseSpec) { s.User = "other" }, "spec.user can't be changed"},
		{"another encoding", nil, func(s *v1.DatabaseSpec) { s.Encoding = "LATIN1" }, "spec.encoding can't be changed"},
		{
			"no encoding, which is the default", func(s *v1.DatabaseSpec) { s.Encoding = "LATIN1" },
			func(s *v1.DatabaseSpec) { s.Encoding = "" }, "spec.encoding can't be changed",
		},
		{
			"another name of the encoding", func(s *v1.DatabaseSpec) { s.Encoding = "unicode" },
			func(s *v1.DatabaseSpec) { s.Encoding = "utf-8" }, "",
		},
		{
			"another name of a rare encoding", func(s *v1.DatabaseSpec) { s.Encoding = "Vscii" },
			func(s *v1.DatabaseSpec) { s.Encoding = "windows-1258" }, "",
		},
		{
			"another database", func(s *v1.DatabaseSpec) { s.DatabaseName = "one" },
			func(s *v1.DatabaseSpec) { s.DatabaseName = "two" }, "spec.databaseName can't be changed",
		},
		{
			"another database than the default", nil,
			func(s *v1.DatabaseSpec) { s.DatabaseName = "two" }, "spec.databaseName can't be changed",
		},
		{"the default database, by name", nil, func(s *v1.DatabaseSpec) { s.DatabaseName = "wordpress" }, ""},
		{"a smaller volume", nil, func(s *v1.DatabaseSpec) { s.Storage.Size = quantity("1000Mi") }, "storage.size can't shrink"},
		{
			"the default volume, which is smaller", func(s *v1.DatabaseSpec) { s.Storage.Size = quantity("2Gi") },
			func(s *v1.DatabaseSpec) { s.Storage = v1.DatabaseStorage{} }, "storage.size can't shrink",
		},
		{"a larger volume", nil, func(s *v1.DatabaseSpec) { s.Storage.Size = quantity("1500Mi") }, ""},
		{"the same size in other words", nil, func(s *v1.DatabaseSpec) { s.Storage.Size = quantity("1024Mi") }, ""},
		{
			"a class where there was none", nil, func(s *v1.DatabaseSpec) { s.Storage.StorageClassName = "fast" },
			"storage.storageClassName can't be changed",
		},
		{
			"another class", func(s *v1.DatabaseSpec) { s.Storage.StorageClassName = "slow" },
			func(s *v1.DatabaseSpec) { s.Storage.StorageClassName = "fast" }, "storage.storageClassName can't be changed",
		},
		{
			"no class", func(s *v1.DatabaseSpec) { s.Storage.StorageClassName = "slow" },
			func(s *v1.DatabaseSpec) { s.Storage.StorageClassName = "" }, "storage.storageClassName can't be changed",
		},
		{
			"another password", func(s *v1.DatabaseSpec) { s.Password = "a" },
			func(s *v1.DatabaseSpec) { s.Password = "b" }, "",
		},
		{"a Secret for a password", func(s *v1.DatabaseSpec) { s.Password = "a" }, func(s *v1.DatabaseSpec) {
			s.Password, s.PasswordSecretRef = "", v1.SecretKeyReference{Name: "s"}
		}, ""},
		{"another image", nil, func(s *v1.DatabaseSpec) { s.Image = "postgres:18.1" }, ""},
	} {
		t.Run(test.name, func(t *testing.T) { checkEdit(t, namespace, test.before, test.after, test.want) })
	}
}

// checkEdit edits a Database, which is made for it, and expects to be refused with these words, or not at all.
func checkEdit(t *testing.T, namespace string, before, after func(*v1.DatabaseSpec), want string) {
	t.Helper()
	builder := newDatabase(namespace, "wordpress")
	if before != nil {
		builder.spec(before)
	}
	db := builder.create(t)
	defer func() {
		if err := api.Delete(t.Context(), db); err != nil {
			t.Error(err)
		}
	}()
	edited := db.DeepCopy()
	after(&edited.Spec)
	err := api.Update(t.Context(), edited, client.DryRunAll)
	switch {
	case want == "" && err != nil:
		t.Error(err)
	case want != "" && err == nil:
		t.Error("was accepted")
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("the message lacks %q: %v", want, err)
	}
}

// What the API server says to one is read by others too: in the status of who applied it, and in logs.
func TestRefusalsShowNoPassword(t *testing.T) {
	namespace := newNamespace(t)
	const password = "Tr0ub4dor-and-3"
	for name, spec := range map[string]v1.DatabaseSpec{
		"NUL":      {User: "wp", Password: password + "\x00"},
		"too long": {User: "wp", Password: strings.Repeat(password, 20)},
		"two":      {User: "wp", Password: password, PasswordSecretRef: v1.SecretKeyReference{Name: "s"}},
		"rotated":  {User: "wp", Password: password, PasswordRotation: every(24 * time.Hour)},
		"the user": {User: "postgres", Password: password},
		"the name": {User: "wp", Password: password, DatabaseName: "postgres"},
		"the role": {User: "database_exporter", Password: password, ServerOptions: v1.ServerOptions{Monitoring: &v1.DatabaseMonitoring{}}},
	} {
		db := newDatabase(namespace, "blog").spec(func(s *v1.DatabaseSpec) { *s = spec }).build()
		if err := api.Create(t.Context(), db, client.DryRunAll); err == nil || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
