package values

import (
	"cmp"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/internal/testdb"
	"example.com/cnat-operator/controllers/database/step"
)

func TestCanonicalEncoding(t *testing.T) {
	for _, test := range []struct{ name, want string }{
		// The table "PostgreSQL Character Sets" of the documentation, with its aliases.
		{"EUC_CN", "EUC_CN"},
		{"EUC_JP", "EUC_JP"},
		{"EUC_JIS_2004", "EUC_JIS_2004"},
		{"EUC_KR", "EUC_KR"},
		{"EUC_TW", "EUC_TW"},
		{"ISO_8859_5", "ISO_8859_5"},
		{"ISO_8859_6", "ISO_8859_6"},
		{"ISO_8859_7", "ISO_8859_7"},
		{"ISO_8859_8", "ISO_8859_8"},
		{"KOI8R", "KOI8R"},
		{"KOI8", "KOI8R"},
		{"KOI8U", "KOI8U"},
		{"LATIN1", "LATIN1"},
		{"ISO88591", "LATIN1"},
		{"LATIN2", "LATIN2"},
		{"ISO88592", "LATIN2"},
		{"LATIN3", "LATIN3"},
		{"ISO88593", "LATIN3"},
		{"LATIN4", "LATIN4"},
		{"ISO88594", "LATIN4"},
		{"LATIN5", "LATIN5"},
		{"ISO88599", "LATIN5"},
		{"LATIN6", "LATIN6"},
		{"ISO885910", "LATIN6"},
		{"LATIN7", "LATIN7"},
		{"ISO885913", "LATIN7"},
		{"LATIN8", "LATIN8"},
		{"ISO885914", "LATIN8"},
		{"LATIN9", "LATIN9"},
		{"ISO885915", "LATIN9"},
		{"LATIN10", "LATIN10"},
		{"ISO885916", "LATIN10"},
		{"MULE_INTERNAL", "MULE_INTERNAL"},
		{"SQL_ASCII", "SQL_ASCII"},
		{"UTF8", "UTF8"},
		{"Unicode", "UTF8"},
		{"WIN866", "WIN866"},
		{"ALT", "WIN866"},
		{"WIN874", "WIN874"},
		{"WIN1250", "WIN1250"},
		{"WIN1251", "WIN1251"},
		{"WIN", "WIN1251"},
		{"WIN1252", "WIN1252"},
		{"WIN1253", "WIN1253"},
		{"WIN1254", "WIN1254"},
		{"WIN1255", "WIN1255"},
		{"WIN1256", "WIN1256"},
		{"WIN1257", "WIN1257"},
		{"WIN1258", "WIN1258"},
		{"ABC", "WIN1258"},
		{"TCVN", "WIN1258"},
		{"TCVN5712", "WIN1258"},
		{"VSCII", "WIN1258"},
		// The spelling does not matter.
		{"unicode", "UTF8"},
		{"utf-8", "UTF8"},
		{"uTf_8", "UTF8"},
		{"iso-8859-1", "LATIN1"},
		{"Windows-1252", "WIN1252"},
		{"", "UTF8"},
		// For clients only, or unknown.
		{"BIG5", ""},
		{"GB18030", ""},
		{"GBK", ""},
		{"JOHAB", ""},
		{"SJIS", ""},
		{"SHIFT_JIS_2004", ""},
		{"UHC", ""},
		{"utf9", ""},
		{"utf 8", ""},
		{"UTF8;", ""},
		{"-", ""},
	} {
		if got, known := CanonicalEncoding(test.name); got != test.want || known != (test.want != "") {
			t.Errorf("%q is %q, %t; want %q", test.name, got, known, test.want)
		}
	}
}

func TestValues(t *testing.T) {
	ref := v1.SecretKeyReference{Name: "creds", Key: "password"}
	requests := map[string]any{"cpu": "50m", "memory": "128Mi"}
	for _, test := range []struct {
		name string
		edit func(*v1.DatabaseSpec)
		want map[string]any
	}{
		{"defaults", func(*v1.DatabaseSpec) {}, map[string]any{
			"image": "default", "user": "wp", "databaseName": "word_press", "encoding": "UTF8",
			"credentials": map[string]any{"secretName": "creds", "key": "password"},
			"storage":     map[string]any{"size": "1Gi"},
			"resources":   map[string]any{"requests": requests},
			"labels":      map[string]any{step.LabelDatabase: "word-press"},
		}},
		{"all given", func(s *v1.DatabaseSpec) {
			s.DatabaseName, s.Encoding, s.Image, s.Password = "blog", "unicode", "postgres:18", "secret"
			s.Resources = &corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("1Gi")}}
		}, map[string]any{
			"image": "postgres:18", "user": "wp", "databaseName": "blog", "encoding": "UTF8",
			"credentials": map[string]any{"secretName": "creds", "key": "password"},
			"storage":     map[string]any{"size": "2Gi", "storageClassName": "fast"},
			"resources":   map[string]any{"limits": map[string]any{"memory": "1Gi"}},
			"labels":      map[string]any{step.LabelDatabase: "word-press"},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := testdb.New()
			db.Name = "word-press"
			test.edit(&db.Spec)
			got, err := For(db, ref, test.want["storage"].(map[string]any), cmp.Or(db.Spec.Image, "default"))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, %v\nwant %v", got, err, test.want)
			}
		})
	}
	db := testdb.New()
	db.Spec.Encoding = "sjis"
	if _, err := For(db, ref, nil, ""); err == nil {
		t.Error("an encoding for clients was taken")
	}
}

// The values are stored in the release: the spec's password must not get there by any way.
func TestValuesHoldNoPassword(t *testing.T) {
	db := testdb.New()
	db.Spec.Password = "Tr0ub4dor"
	values, err := For(db, v1.SecretKeyReference{Name: "s", Key: "k"}, map[string]any{"size": "1Gi"}, "image")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(values)
	if err != nil || values == nil || strings.Contains(string(text), "Tr0ub4dor") {
		t.Errorf("%s, %v", text, err)
	}
}

// A quota that lets the server in lets in what runs beside it.
func TestExporterValues(t *testing.T) {
	resources := func(text string) map[string]any {
		return map[string]any{"requests": map[string]any{"cpu": "10m", "memory": text}}
	}
	limited := resources("32Mi")
	limited["limits"] = map[string]any{"cpu": "200m", "memory": "128Mi"}
	for _, test := range []struct {
		name string
		spec v1.DatabaseSpec
		want any
	}{
		{"none", v1.DatabaseSpec{}, nil},
		{
			"the operator's image",
			v1.DatabaseSpec{ServerOptions: v1.ServerOptions{Monitoring: &v1.DatabaseMonitoring{}}},
			map[string]any{"image": "default", "secretName": "x-database-exporter", "resources": resources("32Mi")},
		},
		{
			"its own image and resources",
			v1.DatabaseSpec{ServerOptions: v1.ServerOptions{Monitoring: &v1.DatabaseMonitoring{
				Image: "own", Resources: ptr.To(requests("10m", "48Mi")),
			}}},
			map[string]any{"image": "own", "secretName": "x-database-exporter", "resources": resources("48Mi")},
		},
		{
			"beside a server with limits",
			v1.DatabaseSpec{
				Resources: &corev1.ResourceRequirements{Limits: corev1.ResourceList{
					"cpu": resource.MustParse("4"), "memory": resource.MustParse("8Gi"), "example.com/gpu": resource.MustParse("1"),
				}},
				ServerOptions: v1.ServerOptions{Monitoring: &v1.DatabaseMonitoring{}},
			},
			map[string]any{"image": "default", "secretName": "x-database-exporter", "resources": limited},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := testdb.New()
			db.Name, db.Spec = "x", test.spec
			values := map[string]any{}
			if err := AddExporter(values, db, "default"); err != nil {
				t.Fatal(err)
			}
			if got := values["exporter"]; !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestBackupResources(t *testing.T) {
	list := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
	}
	for _, test := range []struct {
		name   string
		server *corev1.ResourceRequirements
		want   corev1.ResourceRequirements
	}{
		{"a server by default", nil, defaultBackupResources},
		{"a server with limits", &corev1.ResourceRequirements{Limits: list("2", "4Gi")}, corev1.ResourceRequirements{
			Requests: list("50m", "128Mi"), Limits: list("2", "4Gi"),
		}},
		{"a small server", &corev1.ResourceRequirements{Limits: list("20m", "64Mi")}, corev1.ResourceRequirements{
			Requests: list("20m", "64Mi"), Limits: list("20m", "64Mi"),
		}},
	} {
		db := testdb.New()
		db.Spec.Resources = test.server
		if got := backupResources(db); !apiequality.Semantic.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}

func TestBackupValues(t *testing.T) {
	usual := map[string]any{"requests": map[string]any{"cpu": "50m", "memory": "128Mi"}}
	for _, test := range []struct {
		name string
		edit func(*v1.Database)
		want map[string]any
	}{
		{"none", func(*v1.Database) {}, map[string]any{}},
		{"on request only", func(db *v1.Database) { db.Spec.Backup = &v1.DatabaseBackup{Retain: 7} }, map[string]any{
			"backup": map[string]any{
				"name": "blog", "schedule": "", "timeZone": "", "suspend": false, "retain": int64(7),
				"resources": usual, "storage": map[string]any{"size": "2Gi"},
			},
		}},
		{"all given", func(db *v1.Database) {
			db.Spec.Backup = &v1.DatabaseBackup{
				Schedule: "@daily", TimeZone: "Europe/Berlin", Suspend: ptr.To(true), Retain: 2, Verification: v1.VerificationRead,
				Storage:   v1.BackupStorage{StorageClassName: "slow"},
				Resources: &corev1.ResourceRequirements{Limits: corev1.ResourceList{"memory": resource.MustParse("1Gi")}},
			}
		}, map[string]any{"backup": map[string]any{
			"name": "blog", "schedule": "@daily", "timeZone": "Europe/Berlin", "suspend": true, "retain": int64(2), "verification": "Read",
			"resources": map[string]any{"limits": map[string]any{"memory": "1Gi"}}, "storage": map[string]any{"size": "2Gi", "storageClassName": "slow"},
		}}},
		{"to restore", func(db *v1.Database) {
			db.Spec.RestoreFrom = v1.DatabaseRestore{Database: "old", Dump: "latest"}
		}, map[string]any{"restore": map[string]any{"from": "old", "dump": "latest"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := testdb.New()
			db.Name = "blog"
			test.edit(db)
			claim := map[string]any{"size": "2Gi"}
			if db.Spec.Backup != nil && db.Spec.Backup.Storage.StorageClassName != "" {
				claim["storageClassName"] = db.Spec.Backup.Storage.StorageClassName
			}
			if got, err := Backup(db, claim, db.Spec.RestoreFrom); err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, %v\nwant %v", got, err, test.want)
			}
		})
	}
}
