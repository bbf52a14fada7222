package binding

import (
	"net/url"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

func TestNewSecret(t *testing.T) {
	db := testdb.New()
	password := `p@ss:w/ord?#%&"\ ü`
	secret := newSecret(db, []byte(password), nil)
	for key, want := range map[string]string{
		"type": "postgresql", "provider": "cnat-operator", "host": "shop-database.ns.svc", "port": "5432",
		"database": "shop", "username": "wp", "password": password,
	} {
		if got := string(secret.Data[key]); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	uri, err := url.Parse(string(secret.Data["uri"]))
	if err != nil {
		t.Fatal(err)
	}
	got, _ := uri.User.Password()
	if uri.Scheme != "postgresql" || uri.User.Username() != "wp" || got != password ||
		uri.Host != "shop-database.ns.svc:5432" || uri.Path != "/shop" {
		t.Errorf("uri is %s", uri)
	}
	if strings.Contains(uri.RawQuery, "sslmode") {
		t.Errorf("uri asks for TLS that is not there: %s", uri)
	}
	db.Spec.TLS = v1.DatabaseTLS{SecretName: "pair"}
	if uri := string(newSecret(db, []byte("x"), nil).Data["uri"]); !strings.HasSuffix(uri, "/shop?sslmode=require") {
		t.Errorf("uri does not ask for TLS: %s", uri)
	}
	for _, test := range []struct {
		tls            v1.DatabaseTLS
		sslMode, query string
	}{
		{v1.DatabaseTLS{}, "disable", ""},
		{v1.DatabaseTLS{SecretName: "pair"}, "require", "&sslmode=require"},
		{v1.DatabaseTLS{SecretName: "pair", Mode: v1.TLSOptional}, "require", ""},
	} {
		db.Spec.TLS = test.tls
		data := newSecret(db, []byte("a&b=c"), []byte("PEM")).Data
		const jdbc = "jdbc:postgresql://shop-database.ns.svc:5432/shop?user=wp&password=a%26b%3Dc"
		if string(data["sslmode"]) != test.sslMode || string(data["jdbc-url"]) != jdbc+test.query || (data["ca.crt"] != nil) != step.TLSEnabled(db) {
			t.Errorf("%+v: %s", test.tls, data)
		}
	}
	if secret.Type != "servicebinding.io/postgresql" {
		t.Errorf("type is %s", secret.Type)
	}
}

func TestPercentEncoded(t *testing.T) {
	for text, want := range map[string]string{
		"azAZ09-._~": "azAZ09-._~", "$&+,;=": "%24%26%2B%2C%3B%3D", ":/?#[]@": "%3A%2F%3F%23%5B%5D%40", "é %": "%C3%A9%20%25",
		"\xff!'()*": "%FF%21%27%28%29%2A",
	} {
		if got := percentEncoded(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// Whatever a password has, applications get it back from the URIs: percent-encoded as RFC 3986 says, and, in a query, as
// the decoder for forms reads it, which the JDBC driver uses.
func TestURIsOfOddPasswords(t *testing.T) {
	for _, password := range []string{
		"plain", "a b", "a+b", "50%", "%41", "a&password=b", "a=b", "a?b", "a#b", "a/b", `a\b`, "a:b@c", "[::1]", `"quoted"`, "'", "`$(x)`",
		"{}|^<>", ";,", "é ü 漢字 🙂", "\t", "line\n", "\xff\xfe", strings.Repeat("%&", 128),
	} {
		for _, tls := range []v1.DatabaseTLS{{}, {SecretName: "pair"}} {
			db := testdb.New()
			db.Spec.User, db.Spec.TLS = "_u9", tls
			data := newSecret(db, []byte(password), nil).Data
			if string(data["password"]) != password {
				t.Errorf("%q: password is %q", password, data["password"])
			}
			uri, err := url.Parse(string(data["uri"]))
			if err != nil {
				t.Errorf("%q: uri: %v", password, err)
				continue
			}
			if got, _ := uri.User.Password(); got != password || uri.User.Username() != "_u9" || uri.Host != step.Endpoint(db) || uri.Path != "/shop" {
				t.Errorf("%q: uri is %s", password, uri)
			}
			jdbc, err := url.Parse(strings.TrimPrefix(string(data["jdbc-url"]), "jdbc:"))
			if err != nil {
				t.Errorf("%q: jdbc-url: %v", password, err)
				continue
			}
			query, err := url.ParseQuery(jdbc.RawQuery)
			if err != nil || query.Get("password") != password || query.Get("user") != "_u9" || jdbc.User != nil ||
				len(query["password"]) != 1 || jdbc.Host != step.Endpoint(db) || jdbc.Path != "/shop" {
				t.Errorf("%q: jdbc-url is %s (%v)", password, jdbc, err)
			}
			if secure := step.TLSEnabled(db); (query.Get("sslmode") == "require") != secure || (uri.Query().Get("sslmode") == "require") != secure {
				t.Errorf("%q: sslmode in %s and %s", password, uri, jdbc)
			}
		}
	}
}

// The Secret has the entries that the specification knows, under its names.
func TestWellKnownEntries(t *testing.T) {
	db := testdb.New()
	db.Spec.TLS.SecretName = "pair"
	data := newSecret(db, []byte("x"), []byte("PEM")).Data
	for _, key := range []string{"type", "provider", "host", "port", "uri", "username", "password", "certificates"} {
		if len(data[key]) == 0 {
			t.Errorf("there is no %s", key)
		}
	}
	if string(data["certificates"]) != "PEM" || string(data["ca.crt"]) != "PEM" {
		t.Errorf("the CA's certificate is in %s", data)
	}
	if data := newSecret(db, []byte("x"), nil).Data; data["certificates"] != nil {
		t.Error("there are certificates of a CA that is not known")
	}
}

// A binding whose labels somebody removed follows the password all the same, and gets them back.
func TestBindingWithoutLabel(t *testing.T) {
	db := testdb.New()
	old := newSecret(db, []byte("first"), nil)
	delete(old.Labels, step.LabelPartOf)
	cached, live := testdb.Offline(t, old)
	seen, err := Observe(t.Context(), cached, live, db)
	if err != nil {
		t.Fatal(err)
	}
	decided := Decide(db, seen, []byte("second"), nil, testdb.Noon)
	if err := decided.Act(t.Context(), cached); err != nil || decided.Problem != nil {
		t.Fatal(decided.Problem, err)
	}
	err = live.Get(t.Context(), client.ObjectKeyFromObject(old), old)
	if err != nil || string(old.Data[step.PasswordKey]) != "second" || old.Labels[step.LabelPartOf] != step.PartOf {
		t.Errorf("the binding has %q, labels %v, %v", old.Data[step.PasswordKey], old.Labels, err)
	}
}
