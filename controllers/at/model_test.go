package at

import (
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	cnatv1 "example.com/cnat-operator/api/cnat/v1"
	"example.com/cnat-operator/test/apimodel"
)

// model is the API server, with what the tests do to it. It notes what must never happen.
type model struct {
	*apimodel.Server
	late    []func() error          // writes that the API server is still about to do
	quota   bool                    // no Job may be created
	large   bool                    // caches do not hold Jobs as a whole
	started map[types.UID]types.UID // the Job of an At that was let run
	deleted map[types.UID]bool      // Ats whose Job was deleted by hand
	sent    map[string]int          // how often an event was sent
	pods    map[types.UID]int       // how many pods were made of a Job
	wrong   []string
}

const (
	kindAt  = "At"
	kindJob = "Job"
	kindPod = "Pod"
)

var kinds = []string{kindAt, kindJob, kindPod}

func key(kind, name string) apimodel.Key { return apimodel.Key{Kind: kind, Name: name} }

func newModel() *model {
	m := &model{
		Server:  apimodel.New(due),
		started: map[types.UID]types.UID{},
		deleted: map[types.UID]bool{},
		pods:    map[types.UID]int{},
		sent:    map[string]int{},
	}
	m.OnStore = func(before, after client.Object) {
		at, ok := after.(*cnatv1.At)
		if !ok || before == nil {
			return
		}
		if wrong := backwards(&before.(*cnatv1.At).Status, &at.Status); wrong != "" {
			m.violated("the status of %s went backwards: %s", at.UID, wrong)
		}
	}
	return m
}

// land does the writes that were still to be done.
func (m *model) land() {
	late := m.late
	m.late = nil
	for _, do := range late {
		_ = do()
	}
}

func (m *model) violated(format string, args ...any) {
	m.wrong = append(m.wrong, fmt.Sprintf(format, args...))
}
