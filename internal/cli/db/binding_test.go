package db

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "example.com/cnat-operator/api/database/v1"
)

// hardPassword has all that shells, SQL, URIs and YAML treat apart.
const hardPassword = "it's \"q\\uoted\" $HOME `id` %41@:/?#'; DROP ROLE shop; -- ü\n\tend"

// A shell must read back what the binding has, byte by byte.
func TestBindingAsVariables(t *testing.T) {
	for name, password := range map[string]string{
		"simple": "secret", "hard": hardPassword, "newlines at the end": "a\n\n", "not UTF-8": "\xff\xfe'", "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			text, err := bindingText(map[string][]byte{"password": []byte(password), "username": []byte("wp"), "type": []byte("postgresql")}, "env")
			if err != nil {
				t.Fatal(err)
			}
			got, err := exec.CommandContext(t.Context(), "sh", "-c", `eval "$0"; printf '%s|' "$PGUSER" "$PGPASSWORD"`, text).CombinedOutput()
			if want := "wp|" + password + "|"; err != nil || string(got) != want {
				t.Errorf("got %q, %v; want %q", got, err, want)
			}
		})
	}
}

func TestBindingAsJSON(t *testing.T) {
	text, err := bindingText(map[string][]byte{"password": []byte(hardPassword)}, "json")
	var got map[string]string
	if err != nil || json.Unmarshal([]byte(text), &got) != nil || got["password"] != hardPassword {
		t.Errorf("got %q, %v", text, err)
	}
	_, err = bindingText(map[string][]byte{"password": []byte("\xff")}, "json")
	isError(t, err, "use -o env")
	_, err = bindingText(nil, "yaml")
	isError(t, err, "-o yaml: it must be uri, env or json")
}

func TestBinding(t *testing.T) {
	namespace := newNamespace(t)
	status := readyStatus()
	db := newDatabase(t, namespace, "shop", v1.DatabaseSpec{User: "wp"}, status)
	fails(t, "database/shop has no binding yet: the server takes logins", namespace, "binding", "shop")

	status.Binding.Name = "shop-database-binding"
	writeStatus(t, db, status)
	fails(t, `secrets "shop-database-binding" not found`, namespace, "binding", "shop")
	fails(t, `a right is missing: secrets "shop-database-binding" is forbidden`, namespace, "binding", "shop",
		user(t, namespace, databases("get")))

	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: status.Binding.Name},
		StringData: map[string]string{"uri": "postgresql://wp:a%27b@h:5432/shop", "host": "h", "username": "wp", "password": "a'b"},
	}
	create(t, secret)
	fails(t, "has another owner", namespace, "binding", "shop")

	secret.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(db, v1.GroupVersion.WithKind("Database"))}
	if err := api.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	if got := succeeds(t, namespace, "binding", "shop"); got != "postgresql://wp:a%27b@h:5432/shop\n" {
		t.Errorf("got %q", got)
	}
	want := `export PGHOST='h'
export PGUSER='wp'
export PGPASSWORD='a'\''b'
export DATABASE_URL='postgresql://wp:a%27b@h:5432/shop'
`
	if got := succeeds(t, namespace, "binding", "shop", "-o", "env"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := succeeds(t, namespace, "binding", "shop", "-o", "json"); !strings.Contains(got, `"password": "a'b"`) {
		t.Errorf("got %q", got)
	}
}
