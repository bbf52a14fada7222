// Command scorecard is the image of this project's own scorecard tests: `operator-sdk scorecard ./bundle` runs it in a pod,
// once for each test, beside the operator. `make scorecard` does all of that.
//
//	scorecard TEST [ARGUMENT]
//
// It prints a scorecard v1alpha3 TestStatus.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/operator-framework/api/pkg/apis/scorecard/v1alpha3"
	"github.com/operator-framework/api/pkg/manifests"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// bundleFolder is where the scorecard puts the bundle that is under test.
	bundleFolder = "/bundle"
	// releasedFolder has the bundle of the version before, in this image.
	releasedFolder = "/released"
	// limit is how long one test may take.
	limit = 4 * time.Minute
)

// scorecard is what a test has at hand.
type scorecard struct {
	bundle    *manifests.Bundle
	released  *manifests.Bundle
	config    *rest.Config
	k8s       client.Client
	namespace string
}

// test is one of them; argument is the second word of its entry point.
type test func(ctx context.Context, s *scorecard, argument string) error

var tests = map[string]test{
	"example-works":       exampleWorks,
	"every-kind-example":  everyKindHasAnExample,
	"is-refused":          isRefused,
	"crds-upgrade-safe":   crdsUpgradeSafe,
	"related-images":      relatedImages,
	"metrics-authorised":  metricsOnlyForTheAuthorised,
	"one-leader":          oneLeader,
	"operator-is-limited": operatorIsLimited,
}

func main() {
	args := slices.Concat(os.Args[1:], []string{"", ""})
	result := v1alpha3.TestResult{Name: strings.Trim(args[0]+"-"+args[1], "-"), State: v1alpha3.PassState}
	if err := run(args[0], args[1]); err != nil {
		result.State = v1alpha3.FailState
		result.Errors = []string{err.Error()}
	}
	output, err := json.MarshalIndent(v1alpha3.TestStatus{Results: []v1alpha3.TestResult{result}}, "", "  ")
	if err != nil {
		panic(err) // It is strings only.
	}
	fmt.Println(string(output))
}

func run(name, argument string) error {
	run, known := tests[name]
	if !known {
		return fmt.Errorf("there is no test %q", name)
	}
	bundle, err := manifests.GetBundleFromDir(bundleFolder)
	if err != nil {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	released, err := manifests.GetBundleFromDir(releasedFolder)
	if err != nil {
		return fmt.Errorf("reading the version before: %w", err)
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return fmt.Errorf("finding the cluster: %w", err)
	}
	k8s, err := client.New(config, client.Options{})
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s := &scorecard{bundle: bundle, released: released, config: config, k8s: k8s, namespace: os.Getenv("SCORECARD_NAMESPACE")}
	return run(ctx, s, argument)
}
