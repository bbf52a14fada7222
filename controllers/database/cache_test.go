package database

import (
	"runtime"
	"strings"
	"testing"
	"unsafe"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCachedConfigMapsShareTheirText(t *testing.T) {
	text := strings.Repeat("echo\n", 100)
	var cached [2]*corev1.ConfigMap
	transform := slim()
	for i := range cached {
		object, err := transform(&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "somebody"}}},
			Data:       map[string]string{"start.sh": strings.Clone(text)},
		})
		if err != nil {
			t.Fatal(err)
		}
		cached[i] = object.(*corev1.ConfigMap)
		if cached[i].Data["start.sh"] != text || cached[i].ManagedFields != nil {
			t.Errorf("got %v", cached[i])
		}
		runtime.GC()
	}
	if unsafe.StringData(cached[0].Data["start.sh"]) != unsafe.StringData(cached[1].Data["start.sh"]) {
		t.Error("each has a copy of its own")
	}
}
