package testenv

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// Account returns a config of the operator's account, which the policy of config/policy/account.yaml confines. What else
// it may do, tests of RBAC try.
func Account(config *rest.Config) *rest.Config {
	account := rest.CopyConfig(config)
	account.Impersonate = rest.ImpersonationConfig{
		UserName: "system:serviceaccount:cnat-operator-system:cnat-operator-controller-manager", Groups: []string{"system:masters"},
	}
	return account
}

// confine creates that policy.
func confine(config *rest.Config) error {
	manifest, err := os.ReadFile(filepath.Join(root(), "config", "policy", "account.yaml"))
	if err != nil {
		return err
	}
	api, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	for document := range bytes.SplitSeq(manifest, []byte("\n---\n")) {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return err
		}
		if err := api.Create(context.Background(), object); err != nil {
			return fmt.Errorf("the policy of the operator's account: %w", err)
		}
	}
	return nil
}
