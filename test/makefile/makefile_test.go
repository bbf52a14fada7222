// Package makefile tests which cluster the Makefile's targets use.
package makefile

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Parts of what `make -n` prints.
const (
	starts  = "bin/cluster up"
	wantsIt = "There is no cluster" // unless the local one runs
	pushes  = "hack/push"
)

func TestWhichClusterIsUsed(t *testing.T) {
	const context, none = "apiVersion: v1\ncurrent-context: mine\n", "apiVersion: v1\ncurrent-context: \"\"\n"
	tests := map[string]struct {
		config  string // ~/.kube/config
		args    []string
		env     []string
		with    []string // what is run
		without []string // what is not
		local   bool     // whether the kubeconfig is the local cluster's
	}{
		"install takes the current context": {context, []string{"install"}, nil, []string{"kubectl apply"}, []string{starts, wantsIt}, false},
		"deploy takes the current context":  {context, []string{"deploy", "IMG=r/i:1"}, nil, []string{"kubectl apply", pushes}, []string{starts, wantsIt}, false},
		"undeploy does":                     {context, []string{"undeploy"}, nil, []string{"kubectl delete"}, []string{starts, wantsIt}, false},
		"deploy-agenda does":                {context, []string{"deploy-agenda", "AGENDA_IMG=r/a:1"}, nil, []string{"kubectl apply", "cnat-operator-agenda.tar r/a:1"}, []string{starts, wantsIt}, false},
		"undeploy-agenda does":              {context, []string{"undeploy-agenda"}, nil, []string{"kubectl delete"}, []string{starts, wantsIt}, false},
		"run does":                          {context, []string{"run"}, nil, []string{"bin/manager"}, []string{starts, wantsIt}, false},
		"KUBECONFIG goes first":             {none, []string{"install"}, []string{"KUBECONFIG=/mine"}, nil, []string{starts, wantsIt}, false},
		"KUBECONFIG is for tests, too":      {none, []string{"e2e"}, []string{"KUBECONFIG=/mine"}, nil, []string{starts, wantsIt}, false},
		"an image that is there is taken":   {context, []string{"deploy", "IMG=r/i:1", "PUSH=false"}, nil, []string{"kubectl apply"}, []string{starts, pushes}, false},

		"install starts no cluster unasked":  {none, []string{"install"}, nil, []string{wantsIt}, []string{starts}, true},
		"deploy starts none, without config": {"", []string{"deploy"}, nil, []string{wantsIt}, []string{starts}, true},
		"undeploy starts none":               {none, []string{"undeploy"}, nil, []string{wantsIt}, []string{starts}, true},
		"undeploy starts none when asked":    {context, []string{"undeploy", "CLUSTER=local"}, nil, []string{wantsIt}, []string{starts}, true},
		"deploy starts it when asked":        {context, []string{"deploy", "CLUSTER=local"}, nil, []string{starts}, nil, true},
		"also by another target":             {context, []string{"cluster-up", "deploy"}, nil, []string{starts}, []string{wantsIt}, true},

		"the demo takes the local one":        {context, []string{"demo"}, nil, []string{starts}, []string{wantsIt}, true},
		"e2e does":                            {context, []string{"e2e"}, nil, []string{starts}, []string{wantsIt}, true},
		"test-e2e does":                       {context, []string{"test-e2e"}, nil, []string{starts}, []string{wantsIt}, true},
		"e2e-olm does":                        {context, []string{"e2e-olm"}, nil, []string{starts}, nil, true},
		"e2e-monitoring does":                 {context, []string{"e2e-monitoring"}, nil, []string{starts, "hack/monitoring up"}, nil, true},
		"monitoring-up does":                  {context, []string{"monitoring-up"}, nil, []string{starts, "hack/monitoring up"}, []string{pushes}, true},
		"monitoring-down starts none":         {context, []string{"monitoring-down"}, nil, []string{wantsIt}, []string{starts}, true},
		"monitoring-up of one's own is one's": {none, []string{"monitoring-up", "CLUSTER=existing"}, nil, []string{"hack/monitoring up"}, []string{starts, wantsIt}, false},
		"test and build have no cluster":      {context, []string{"test", "build"}, nil, nil, []string{starts, wantsIt}, true},
		"the demo of one's own is one's":      {none, []string{"demo", "CLUSTER=existing", "IMG=h:5/r/i:1"}, nil, []string{"cnat-operator-agenda.tar h:5/r/i-agenda:1"}, []string{starts, wantsIt}, false},
		"undeploy deletes the APIService":     {context, []string{"undeploy"}, nil, []string{"delete --ignore-not-found apiservice/"}, nil, false},
		"ci is CI's own script":               {context, []string{"ci"}, nil, []string{".ci/run"}, []string{starts, wantsIt}, true},
		"a bundle is pushed without one":      {context, []string{"bundle-push", "BUNDLE_IMG=r/b:1"}, nil, []string{"hack/push dist/images/bundle.tar r/b:1"}, []string{starts, wantsIt}, false},
		"Docker's push needs no cluster":      {none, []string{"docker-push", "IMG=r/i:1"}, nil, []string{"docker push r/i:1"}, []string{starts, wantsIt}, true},
		"the catalog is pushed as asked":      {context, []string{"catalog-push", "CATALOG_IMG=r/c:1"}, nil, []string{"hack/push dist/images/catalog.tar r/c:1"}, []string{starts}, false},
		"lint-fix fixes in both modules":      {none, []string{"lint-fix"}, nil, []string{"golangci-lint run --fix"}, []string{starts}, true},
		"a chart is generated without one":    {context, []string{"chart", "CLUSTER=existing", "IMG=r/i:1"}, nil, []string{"hack/chart dist/chart"}, []string{starts, wantsIt}, false},
		"the site is built without one":       {none, []string{"site"}, nil, []string{"hack/site dist/site"}, []string{starts, wantsIt}, true},
		"the local path is printed in a pipe": {none, []string{"kubeconfig-path"}, nil, nil, []string{starts, wantsIt}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			output := dryRun(t, test.config, test.env, test.args)
			for _, part := range test.with {
				if !strings.Contains(output, part) {
					t.Errorf("%q is not run:\n%s", part, output)
				}
			}
			for _, part := range test.without {
				if strings.Contains(output, part) {
					t.Errorf("%q is run:\n%s", part, output)
				}
			}
			path, _, _ := strings.Cut(output, "\n")
			if got := strings.Contains(path, "/.cluster/kubeconfig"); got != test.local {
				t.Errorf("the kubeconfig is %s; want the local cluster's: %t", path, test.local)
			}
		})
	}
}

// dryRun is what make would run in the repository, with a home folder of its own and no variables but env; the first
// line has the kubeconfig.
func dryRun(t *testing.T, config string, env, args []string) string {
	t.Helper()
	home := t.TempDir()
	if config != "" {
		folder := filepath.Join(home, ".kube")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "config"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	dry := []string{"-n", "--no-print-directory", "--eval=show: ; @echo $(KUBECONFIG)", "show"}
	command := exec.Command("make", append(dry, args...)...)
	command.Dir = filepath.Join("..", "..")
	command.Env = append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GOPATH=" + os.Getenv("GOPATH")}, env...)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("make %v: %v\n%s", args, err, output)
	}
	return string(output)
}
