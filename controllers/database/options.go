package database

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	v1 "example.com/cnat-operator/api/database/v1"
)

// addServerOptions puts into the chart's values what the user asks of the server. What is not asked for is left out.
func addServerOptions(values map[string]any, options *v1.ServerOptions) error {
	if len(options.Parameters) > 0 {
		parameters := map[string]any{}
		for name, value := range options.Parameters {
			parameters[name] = string(value)
		}
		values["parameters"] = parameters
	}
	if options.TLS.SecretName != "" {
		values["tls"] = map[string]any{"secretName": options.TLS.SecretName, "required": options.TLS.Mode != v1.TLSOptional}
	}
	if options.Evictions == v1.EvictionsRefused {
		values["refuseEvictions"] = true
	}
	// Alone in the struct, they become what they are in YAML.
	peers, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&v1.ServerOptions{AllowFrom: options.AllowFrom})
	if err != nil {
		return fmt.Errorf("spec.allowFrom: %w", err)
	}
	if allowFrom, ok := peers["allowFrom"]; ok {
		values["allowFrom"] = allowFrom
	}
	pod, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&options.PodOptions)
	if err != nil {
		return fmt.Errorf("the pod's fields in spec: %w", err)
	}
	if len(pod) > 0 {
		values["pod"] = pod
	}
	return nil
}
