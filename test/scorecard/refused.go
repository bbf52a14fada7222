package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// mistake is what a user may get wrong, and what the API server must say to it.
type mistake struct{ kind, spec, message string }

var mistakes = map[string]mistake{
	"at-without-a-run":           {"At", `{schedule: "2027-07-03T02:00:00Z"}`, "exactly one of containers, command and template must be set"},
	"at-with-two-runs":           {"At", `{schedule: "2027-07-03T02:00:00Z", command: "true", containers: [{name: a, image: b}]}`, "exactly one of containers, command and template must be set"},
	"at-without-a-time":          {"At", `{command: "true"}`, "exactly one of schedule and after must be set"},
	"at-with-two-times":          {"At", `{schedule: "2027-07-03T02:00:00Z", after: 90s, command: "true"}`, "exactly one of schedule and after must be set"},
	"at-at-no-time":              {"At", `{schedule: tomorrow, command: "true"}`, "schedule must be an RFC 3339 date-time"},
	"at-that-restarts":           {"At", `{schedule: "2027-07-03T02:00:00Z", containers: [{name: a, image: b, restartPolicy: OnFailure}]}`, "restartPolicy must be Never or unset"},
	"crontab-at-no-time":         {"CronTab", `{cronSpec: "60 * * * *", command: "true"}`, "cronSpec's minute, its first field, must be"},
	"crontab-without-a-run":      {"CronTab", `{cronSpec: "@daily"}`, "exactly one of image, containers, command and template must be set"},
	"database-without-a-user":    {"Database", `{encoding: unicode}`, "user"},
	"database-of-the-superuser":  {"Database", `{user: postgres}`, "spec.user is a name that PostgreSQL keeps for itself"},
	"database-with-two-secrets":  {"Database", `{user: wp, password: a, passwordSecretRef: {name: b, key: c}}`, "spec.password and spec.passwordSecretRef are both set"},
	"database-in-no-encoding":    {"Database", `{user: wp, encoding: klingon}`, "spec.encoding is not an encoding that a PostgreSQL server"},
	"database-without-any-space": {"Database", `{user: wp, storage: {size: 1Mi}}`, "spec.storage.size must be a quantity of 256Mi or more"},
}

// versions of the kinds, with their groups.
var versions = map[string]string{
	"At": "cnat.programming-kubernetes.info/v1", "CronTab": "stable.example.com/v1", "Database": "example.com/v1",
}

// isRefused: the API server refuses a bad object, by a message that names the mistake.
func isRefused(ctx context.Context, s *scorecard, name string) error {
	bad, known := mistakes[name]
	if !known {
		return fmt.Errorf("there is no mistake %q", name)
	}
	object := &unstructured.Unstructured{}
	manifest := fmt.Sprintf("{apiVersion: %s, kind: %s, metadata: {name: bad}, spec: %s}", versions[bad.kind], bad.kind, bad.spec)
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		return fmt.Errorf("reading the example: %w", err)
	}
	object.SetNamespace(s.namespace)
	err := s.k8s.Create(ctx, object, client.DryRunAll)
	if err == nil {
		return errors.New("the API server takes it")
	}
	if !strings.Contains(err.Error(), bad.message) {
		return fmt.Errorf("the message does not say %q: %w", bad.message, err)
	}
	return nil
}
