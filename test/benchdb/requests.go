package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
)

// operatorUser is whom the operators call themselves, so that the API server's audit log knows their requests.
const operatorUser = "operator"

// auditPolicy has one event for each of the operator's requests.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
- level: Metadata
  users: [` + operatorUser + `]
- level: None
`

// requests are numbers of requests, by verb and resource. A watch is none: it is the operator's, not a Database's, and
// logged only when it ends.
type requests map[string]int

// add counts one line of the audit log.
func (r requests) add(line []byte) error {
	var event struct {
		Verb       string
		RequestURI string
		ObjectRef  *struct{ Resource, Subresource string }
	}
	if err := json.Unmarshal(line, &event); err != nil {
		return fmt.Errorf("reading the audit log: %w", err)
	}
	if event.Verb == "watch" {
		return nil
	}
	resource, _, _ := strings.Cut(event.RequestURI, "?")
	if event.ObjectRef != nil {
		resource = strings.TrimSuffix(event.ObjectRef.Resource+"/"+event.ObjectRef.Subresource, "/")
	}
	r[event.Verb+" "+resource]++
	return nil
}

func (r requests) total() int {
	sum := 0
	for _, n := range r {
		sum += n
	}
	return sum
}

// auditLog is read on from where it was read before.
type auditLog struct {
	file   string
	offset int64
}

// since returns the requests since it was called before.
func (a *auditLog) since() (requests, error) {
	file, err := os.Open(a.file)
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // it is only read
	if _, err := file.Seek(a.offset, io.SeekStart); err != nil {
		return nil, err
	}
	found := requests{}
	reader := bufio.NewReader(file)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) { // what is left is a line that is being written
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		a.offset += int64(len(line))
		if err := found.add(line); err != nil {
			return nil, err
		}
	}
}

// plain asks for no compression, which would cost the operator memory.
var plain = &http.Client{Transport: &http.Transport{DisableCompression: true}}

// reconciles asks an operator's metrics how often it reconciled since it started.
func reconciles(address, controller string) (int, error) {
	response, err := plain.Get("http://" + address + "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close() //nolint:errcheck // it is only read
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	return reconcileTotal(string(body), controller)
}

// reconcileTotal sums the results of controller_runtime_reconcile_total.
func reconcileTotal(metrics, controller string) (int, error) {
	sum := 0
	prefix := fmt.Sprintf("controller_runtime_reconcile_total{controller=%q,", controller)
	for line := range strings.Lines(metrics) {
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		_, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("reading metrics: %w", err)
		}
		sum += int(n)
	}
	return sum, nil
}
