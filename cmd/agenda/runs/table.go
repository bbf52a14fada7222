package runs

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/duration"

	v1alpha1 "example.com/cnat-operator/api/agenda/v1alpha1"
)

var columns = []metav1.TableColumnDefinition{
	{Name: "When", Type: "string", Format: "date-time", Description: "The time that the run starts at."},
	{Name: "In", Type: "string", Description: "How long it is until then."},
	{Name: "Kind", Type: "string", Description: "The kind of the object that the run is of."},
	{Name: "Name", Type: "string", Format: "name", Description: "The name of that object."},
	{Name: "Zone", Type: "string", Description: "The time zone of its schedule."},
	{Name: "Last Result", Type: "string", Description: "How the last run ended."},
	{Name: "Last Took", Type: "string", Description: "How long the last run took."},
	{Name: "Run", Type: "string", Format: "name", Priority: 1, Description: "The name of the run."},
}

// ConvertToTable returns runs as kubectl prints them.
func (s *Storage) ConvertToTable(_ context.Context, object, _ runtime.Object) (*metav1.Table, error) {
	table := &metav1.Table{ColumnDefinitions: columns}
	switch object := object.(type) {
	case *v1alpha1.Run:
		table.Rows = append(table.Rows, row(object, s.Now()))
	case *v1alpha1.RunList:
		table.ListMeta = object.ListMeta
		for i := range object.Items {
			table.Rows = append(table.Rows, row(&object.Items[i], s.Now()))
		}
	}
	return table, nil
}

func row(run *v1alpha1.Run, now time.Time) metav1.TableRow {
	spec, took := &run.Spec, ""
	if spec.LastSeconds > 0 {
		took = duration.HumanDuration(time.Duration(spec.LastSeconds) * time.Second)
	}
	return metav1.TableRow{
		Cells: []any{
			spec.When.UTC().Format(time.RFC3339), duration.HumanDuration(spec.When.Sub(now)), spec.Kind, spec.Name, spec.Zone,
			spec.LastResult, took, run.Name,
		},
		Object: runtime.RawExtension{Object: run},
	}
}
