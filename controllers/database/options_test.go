package database

import (
	"maps"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/controllers/database/release"
	"example.com/cnat-operator/controllers/database/values"
)

const podOptions = `nodeSelector: {disk: fast}, priorityClassName: high, ` +
	`tolerations: [{key: dedicated, operator: Exists, effect: NoExecute, tolerationSeconds: 60}], ` +
	`affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a]}]}]}}}, ` +
	`topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app.kubernetes.io/component: database}}}], ` +
	`imagePullSecrets: [{name: registry}]`

// What is asked for goes into the chart, and the chart takes it; what is not asked for is left out.
func TestServerOptions(t *testing.T) {
	plain, err := values.For(newDatabase("ns", "x").build(), v1.SecretKeyReference{Name: "s", Key: "k"}, map[string]any{"size": "1Gi"}, "image")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, spec, values string }{
		{"settings", `parameters: {work_mem: 8MB, max_connections: "200"}`, `parameters: {work_mem: 8MB, max_connections: "200"}`},
		{"TLS", `tls: {secretName: pair, mode: Required}`, `tls: {secretName: pair, required: true}`},
		{"TLS, as stored before there was a default", `tls: {secretName: pair}`, `tls: {secretName: pair, required: true}`},
		{"TLS for those who want it", `tls: {secretName: pair, mode: Optional}`, `tls: {secretName: pair, required: false}`},
		{"evictions", `evictions: Refused`, `refuseEvictions: true`},
		{"evictions, by default", `evictions: Allowed`, ``},
		{
			"peers", `allowFrom: [{namespaceSelector: {matchLabels: {a: b}}, podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}]`,
			`allowFrom: [{namespaceSelector: {matchLabels: {a: b}}, podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}]`,
		},
		{"the pod's fields", podOptions, "pod: {" + podOptions + "}"},
		{
			"a Service for those outside", `service: {type: LoadBalancer, annotations: {service.beta.kubernetes.io/internal: "true"}}`,
			`service: {type: LoadBalancer, annotations: {service.beta.kubernetes.io/internal: "true"}}`,
		},
		{"a Service as by default", `service: {type: ClusterIP}`, ``},
		{
			"labels and annotations", `podLabels: {team: blog, acme.com/cost: "7"}, podAnnotations: {sidecar.istio.io/inject: "false"}`,
			`podLabels: {team: blog, acme.com/cost: "7"}, podAnnotations: {sidecar.istio.io/inject: "false"}`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := newDatabase("ns", "x").build()
			if err := yaml.UnmarshalStrict([]byte(flow(test.spec)), &db.Spec); err != nil {
				t.Fatal(err)
			}
			got, err := values.For(db, v1.SecretKeyReference{Name: "s", Key: "k"}, map[string]any{"size": "1Gi"}, "image")
			if err != nil {
				t.Fatal(err)
			}
			want := maps.Clone(plain)
			if err := yaml.Unmarshal([]byte(flow(test.values)), &want); err != nil {
				t.Fatal(err)
			}
			// As JSON, since YAML has other numbers than Go.
			if got, want := encoded(t, got), encoded(t, want); got != want {
				t.Errorf("got %s\nwant %s", got, want)
			}
			if _, err := newEngine(t, apiConfig, chartDir, release.ChartObjects).Render(db, "x-database", got); err != nil {
				t.Errorf("the chart: %v", err)
			}
		})
	}
}

// flow is fields in one line as YAML.
func flow(fields string) string { return "{" + fields + "}" }

// The API server refuses these, with no operator running.
func TestRefusedOptions(t *testing.T) {
	namespace := newNamespace(t)
	for _, test := range []struct {
		name string
		spec string
		// wants are all in the message: the field, and what to do. None: it is accepted.
		wants []string
	}{
		{"settings", `parameters: {work_mem: 8MB, pg_stat_statements.track: all, search_path: '"$user", public'}`, nil},
		{"no setting", `parameters: {}`, []string{"spec.parameters", "at least 1"}},
		{"a setting in upper case", `parameters: {TimeZone: UTC}`, []string{"spec.parameters has the name TimeZone", "lower-case"}},
		{"a setting that is more than a name", `parameters: {"work_mem=1\nfsync": "off"}`, []string{"spec.parameters has a name", "lower-case"}},
		{"a line break in a setting", `parameters: {work_mem: "8MB\nport = 1"}`, []string{"spec.parameters.work_mem", "line break", "remove"}},
		{"a setting that is no text", `parameters: {max_connections: 200}`, []string{"spec.parameters.max_connections", "string"}},
		{"the port", `parameters: {work_mem: 8MB, port: "1"}`, []string{"spec.parameters.port is", "remove it"}},
		{"a file", `parameters: {hba_file: /tmp/x}`, []string{"spec.parameters.hba_file is", "remove it"}},
		{"another file's settings", `parameters: {include: /tmp/x}`, []string{"spec.parameters.include is", "remove it"}},
		{"archiving", `parameters: {archive_mode: "on"}`, []string{"spec.parameters.archive_mode is", "remove it"}},
		{"recovery", `parameters: {recovery_target: immediate}`, []string{"spec.parameters.recovery_target is", "remove it"}},
		{"TLS by hand", `parameters: {ssl: "on"}`, []string{"spec.parameters.ssl is", "remove it"}},
		{"a standby that there is not", `parameters: {synchronous_standby_names: "*"}`, []string{"spec.parameters.synchronous_standby_names", "remove it"}},
		{"slots of standbys", `parameters: {synchronized_standby_slots: a}`, []string{"spec.parameters.synchronized_standby_slots", "remove it"}},
		{"a primary", `parameters: {primary_conninfo: host=x}`, []string{"spec.parameters.primary_conninfo", "remove it"}},
		{"nothing to write to", `parameters: {default_transaction_read_only: "on"}`, []string{"spec.parameters.default_transaction_read_only", "remove it"}},
		{"logins that wait", `parameters: {post_auth_delay: "60"}`, []string{"spec.parameters.post_auth_delay", "remove it"}},
		{"messages in another language", `parameters: {lc_messages: de_DE}`, []string{"spec.parameters.lc_messages is", "remove it"}},
		{"another library for logins", `parameters: {oauth_validator_libraries: x}`, []string{"spec.parameters.oauth_validator_libraries is", "remove it"}},
		{"a library by its path", `parameters: {shared_preload_libraries: "pg_cron, /tmp/x.so"}`, []string{"spec.parameters.shared_preload_libraries", "a path"}},
		{"a library by a way round", `parameters: {shared_preload_libraries: "$libdir/../x"}`, []string{"spec.parameters.shared_preload_libraries", "a path"}},
		{"libraries", `parameters: {shared_preload_libraries: "$libdir/pg_cron, pg_stat_statements"}`, nil},
		{"labels and annotations", `podLabels: {team: blog, acme.com/cost: ""}, podAnnotations: {sidecar.istio.io/inject: "false", linkerd.io/inject: ""}`, nil},
		{"the operator's label", `podLabels: {example.com/database: other}`, []string{"spec.podLabels", "your own"}},
		{"a label that Services select by", `podLabels: {app.kubernetes.io/name: postgresql}`, []string{"spec.podLabels", "your own"}},
		{"a label of Kubernetes", `podLabels: {kubernetes.io/x: a}`, []string{"spec.podLabels", "your own"}},
		{"a label that is none", `podLabels: {"a b": c}`, []string{"spec.podLabels", "invalid key"}},
		{"a label's value that is none", `podLabels: {team: "a b"}`, []string{"spec.podLabels.team"}},
		{"an annotation that loosens what confines the pod", `podAnnotations: {container.apparmor.security.beta.kubernetes.io/postgres: unconfined}`, []string{"spec.podAnnotations", "your own"}},
		{"the chart's annotation", `podAnnotations: {checksum/config: a}`, []string{"spec.podAnnotations", "your own"}},
		{"an annotation that is none", `podAnnotations: {"a/b/c": d}`, []string{"spec.podAnnotations", "invalid key"}},
		{"a Service for those outside", `service: {type: NodePort, annotations: {service.beta.kubernetes.io/internal: "true", metallb.io/pool: a}}`, nil},
		{"a Service of no type", `service: {type: ExternalName}`, []string{"spec.service.type", `"ClusterIP"`}},
		{"Helm's annotation", `service: {annotations: {meta.helm.sh/release-name: other}}`, []string{"spec.service.annotations", "remove it"}},
		{"kubectl's annotation", `service: {annotations: {kubectl.kubernetes.io/last-applied-configuration: "{}"}}`, []string{"spec.service.annotations", "remove it"}},
		{"the operator's annotation", `service: {annotations: {example.com/owner: other}}`, []string{"spec.service.annotations", "remove it"}},
		{"a Secret for images without a name", `imagePullSecrets: [{}]`, []string{"spec.imagePullSecrets", "name"}},
		{"monitoring, with resources", `monitoring: {resources: {limits: {memory: 64Mi}}}`, nil},
		{"backups that are only read", `backup: {verification: Read}`, nil},
		{"backups that are verified in another way", `backup: {verification: None}`, []string{"spec.backup.verification", `"Restore"`, `"Read"`}},
		{"a value too long", `parameters: {work_mem: ` + strings.Repeat("1", 1025) + "}", []string{"spec.parameters.work_mem", "1024"}},
		{"TLS", `tls: {secretName: pair}`, nil},
		{"TLS without a Secret", `tls: {mode: Required}`, []string{"spec.tls.secretName", "Required"}},
		{"TLS in a mode that there is not", `tls: {secretName: pair, mode: Maybe}`, []string{"spec.tls.mode", `"Required"`, `"Optional"`}},
		{"the pod's fields", podOptions, nil},
		{"a toleration of no shape", `tolerations: [dedicated]`, []string{"spec.tolerations[0]", "object"}},
		{"an affinity that pods don't know", `affinity: {nodes: {}}`, []string{`unknown field "spec.affinity.nodes"`}},
		{"evictions", `evictions: Refused`, nil},
		{"evictions in other words", `evictions: Never`, []string{"spec.evictions", `"Allowed"`, `"Refused"`}},
		{"peers", `allowFrom: [{namespaceSelector: {}, podSelector: {}}, {podSelector: {}}, {ipBlock: {cidr: "2001:db8::/32"}}]`, nil},
		{"monitoring", `monitoring: {}`, nil},
		{"monitoring, with its own image", `monitoring: {image: mirror/exporter, intervalSeconds: 5}`, nil},
		{"metrics all the time", `monitoring: {intervalSeconds: 0}`, []string{"spec.monitoring.intervalSeconds", "1"}},
		{"an exporter without an image", `monitoring: {image: ""}`, []string{"spec.monitoring.image", "at least 1"}},
		{"the exporter's role", `user: database_exporter, monitoring: {}`, []string{"spec.user is database_exporter", "choose another"}},
		{"a role like the exporter's, without one", `user: database_exporter`, nil},
		{"no peer", `allowFrom: []`, []string{"spec.allowFrom", "at least 1"}},
		{"a peer that is nobody", `allowFrom: [{}]`, []string{"spec.allowFrom[0]", "at least 1"}},
		{"addresses that are none", `allowFrom: [{ipBlock: {cidr: 10.0.0.0}}]`, []string{"spec.allowFrom[0].ipBlock.cidr", "10.0.0.0/8"}},
		{"addresses of pods", `allowFrom: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]`, []string{"spec.allowFrom[0]", "two peers"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var spec map[string]any
			if err := yaml.Unmarshal([]byte(flow(test.spec)), &spec); err != nil {
				t.Fatal(err)
			}
			object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(newDatabase(namespace, "wordpress").build())
			if err != nil {
				t.Fatal(err)
			}
			if spec["user"] == nil {
				spec["user"] = "wp"
			}
			object["spec"] = spec
			db := &unstructured.Unstructured{Object: object}
			db.SetGroupVersionKind(v1.GroupVersion.WithKind("Database"))
			err = api.Create(t.Context(), db, client.DryRunAll, client.FieldValidation("Strict"))
			if (err != nil) != (test.wants != nil) {
				t.Fatalf("accepted: %t, %v", err == nil, err)
			}
			for _, want := range test.wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q: %v", want, err)
				}
			}
		})
	}
}
