// Command rights compares the rights that the operator has with those that it
// used, by the API server's audit log of the tests on a cluster: a right that
// nothing used is one too many, a request that was forbidden is one too few.
//
//	kustomize build config/default | go run ./test/rights AUDIT_LOG
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/util/yaml"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: rights AUDIT_LOG < MANIFESTS")
		os.Exit(2)
	}
	if err := run(os.Stdin, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "rights:", err)
		os.Exit(1)
	}
}

func run(manifests io.Reader, auditLog string) error {
	roles, err := readRoles(manifests)
	if err != nil {
		return fmt.Errorf("reading the manifests: %w", err)
	}
	file, err := os.Open(auditLog)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	used, forbidden, err := readAudit(bufio.NewReader(file))
	if err != nil {
		return fmt.Errorf("reading %s: %w", auditLog, err)
	}
	granted := rightsOf(roles)
	unused := subtract(granted, used)
	fmt.Printf("rights granted=%d used=%d unused=%d forbidden=%d\n", len(granted), len(granted)-len(unused), len(unused), len(forbidden))
	for _, right := range unused {
		fmt.Println("nothing used:", right)
	}
	for _, request := range forbidden {
		fmt.Println("forbidden:", request)
	}
	if len(unused)+len(forbidden) > 0 {
		return errors.New("the operator's rights are not what it needs: change the markers in controllers/, or test what uses them")
	}
	return nil
}

// readRoles reads the rules that are granted to the operator's service account.
func readRoles(manifests io.Reader) ([]role, error) {
	var roles []role
	bound := map[string]bool{}
	for decoder := yaml.NewYAMLOrJSONDecoder(manifests, 4096); ; {
		var object struct {
			role `json:",inline"`

			RoleRef  struct{ Kind, Name string } `json:"roleRef"`
			Subjects []struct{ Name string }     `json:"subjects"`
		}
		err := decoder.Decode(&object)
		switch {
		case errors.Is(err, io.EOF):
			return boundRoles(roles, bound)
		case err != nil:
			return nil, err
		}
		switch object.Kind {
		case "Role", "ClusterRole":
			roles = append(roles, object.role)
		case "RoleBinding", "ClusterRoleBinding":
			for _, subject := range object.Subjects {
				if subject.Name == "cnat-operator-controller-manager" {
					bound[object.RoleRef.Kind+"/"+object.RoleRef.Name] = true
				}
			}
		}
	}
}

func boundRoles(all []role, bound map[string]bool) ([]role, error) {
	var roles []role
	for _, role := range all {
		if bound[role.Kind+"/"+role.Metadata.Name] {
			roles = append(roles, role)
		}
	}
	if len(roles) == 0 {
		return nil, errors.New("no role is bound to the operator's service account")
	}
	return roles, nil
}
