// Package helm tests the chart by which `helm install` installs the operator: that it has the objects that kustomize
// installs, and what its values do.
package helm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"example.com/cnat-operator/config/manager"
)

const root = "../.."

// chart is the generated chart's folder.
var chart string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		folder, err := os.MkdirTemp("", "chart")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer func() { _ = os.RemoveAll(folder) }()
		chart = filepath.Join(folder, "cnat-operator")
		if output, err := tool("hack/chart", chart); err != nil {
			fmt.Fprintf(os.Stderr, "These tests need kustomize and helm in bin/; `make test` builds them: %v\n%s", err, output)
			return 1
		}
		return m.Run()
	}())
}

// tool runs a program in the repository's root, with the images that config/manager names.
func tool(name string, args ...string) ([]byte, error) {
	bin, err := filepath.Abs(filepath.Join(root, "bin"))
	if err != nil {
		return nil, err
	}
	if !strings.Contains(name, "/") {
		name = filepath.Join(bin, name)
	}
	command := exec.Command(name, args...)
	command.Dir = root
	command.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "VERSION=1.2.3", "IMG=controller:latest")
	for _, image := range []string{"SHELL_IMAGE", "POSTGRES_IMAGE", "EXPORTER_IMAGE"} {
		command.Env = append(command.Env, image+"="+manager.Image(image))
	}
	var problems bytes.Buffer
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, problems.String())
	}
	return output, err
}

// template renders the chart in a namespace.
func template(namespace string, values ...string) ([]byte, error) {
	args := []string{"template", "cnat-operator", chart, "--namespace", namespace, "--kube-version=v1.30.0"}
	for _, value := range values {
		args = append(args, "--set-json", value)
	}
	return tool("helm", args...)
}

// all switches on what is optional.
var all = []string{`monitoring={"enabled":true}`, `dashboard={"enabled":true}`, `networkPolicy={"enabled":true}`}

func rendered(t *testing.T, namespace string, values ...string) map[string]*unstructured.Unstructured {
	t.Helper()
	output, err := template(namespace, values...)
	if err != nil {
		t.Fatal(err)
	}
	return objects(t, output)
}

// objects are those of manifests, by kind and name.
func objects(t *testing.T, manifests []byte) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifests), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(object.Object) == 0 {
			continue
		}
		name := object.GetKind() + "/" + object.GetName()
		if all[name] != nil {
			t.Fatalf("%s is there twice", name)
		}
		all[name] = object
	}
}
