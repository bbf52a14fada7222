package db

import (
	"strings"
	"testing"

	v1 "example.com/cnat-operator/api/database/v1"
)

func TestNamed(t *testing.T) {
	for argument, want := range map[string]string{
		"shop":                       "shop",
		"database/shop":              "shop",
		"Databases.example.com/shop": "shop",
		"at/shop":                    "",
		"database/":                  "",
		"":                           "",
	} {
		got, err := named(argument)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", argument, got, err, want)
		}
	}
}

func TestCompletesNames(t *testing.T) {
	namespace := newNamespace(t)
	newDatabase(t, namespace, "shop", v1.DatabaseSpec{User: "shop"}, v1.DatabaseStatus{
		Backup: v1.BackupStatus{LastSuccessName: "shop-20270703T033000Z.dump"},
	})
	newDatabase(t, namespace, "blog", v1.DatabaseSpec{User: "blog"}, v1.DatabaseStatus{})
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"status", ""}, "blog\nshop\n:4\n"},
		{[]string{"psql", ""}, "blog\nshop\n:4\n"},
		{[]string{"status", "shop", ""}, ":4\n"},
		{[]string{"restore", "shop", "--from", ""}, "latest\nshop-20270703T033000Z.dump\n:4\n"},
		{[]string{"binding", "shop", "-o", ""}, "uri\nenv\njson\n:4\n"},
	} {
		// The flags that choose the cluster come first: the last argument is what is completed.
		args := append([]string{"__complete", test.args[0], "--kubeconfig=" + kubeconfig, "--namespace=" + namespace}, test.args[1:]...)
		if got := complete(t, args); got != test.want {
			t.Errorf("%v: got %q, want %q", test.args, got, test.want)
		}
	}
}

func TestErrorsNameTheMissingRight(t *testing.T) {
	namespace := newNamespace(t)
	nobody := user(t, namespace)
	for _, args := range [][]string{
		{"status", "shop"},
		{"psql", "shop"},
		{"logs", "shop"},
		{"backup", "shop"},
		{"backups", "shop"},
		{"binding", "shop"},
		{"rotate", "shop"},
		{"report", "shop", "--file=-"},
	} {
		fails(t, `a right is missing: databases.example.com "shop" is forbidden: User "`+namespace+`" cannot get resource "databases"`,
			namespace, append(args, nobody)...)
	}
}

func TestSaysWhatIsNotThere(t *testing.T) {
	namespace := newNamespace(t)
	fails(t, `databases.example.com "shop" not found`, namespace, "status", "shop")
	fails(t, "is no Database", namespace, "status", "at/shop")
	if _, stderr, code := plugin(t, namespace, "status"); code != 1 || !strings.Contains(stderr, "1 arg") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}
