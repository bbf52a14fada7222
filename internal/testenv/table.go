package testenv

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
)

// Table returns the cells that `kubectl get RESOURCE -o wide` prints in a namespace, by the names of objects and columns.
func Table(t *testing.T, config *rest.Config, version schema.GroupVersion, namespace, resource string) map[string]map[string]string {
	t.Helper()
	httpClient, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSuffix(config.Host, "/")
	if !strings.Contains(url, "://") {
		url = "https://" + url
	}
	url += "/apis/" + version.String() + "/namespaces/" + namespace + "/" + resource
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
	response, err := httpClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	table := &metav1.Table{}
	if err == nil {
		err = json.Unmarshal(body, table)
	}
	if err != nil || len(table.ColumnDefinitions) == 0 {
		t.Fatalf("%v: %s", err, body)
	}
	rows := map[string]map[string]string{}
	for _, row := range table.Rows {
		cells := map[string]string{}
		for i, column := range table.ColumnDefinitions {
			if row.Cells[i] != nil {
				cells[column.Name] = fmt.Sprint(row.Cells[i])
			}
		}
		rows[cells["Name"]] = cells
	}
	return rows
}
