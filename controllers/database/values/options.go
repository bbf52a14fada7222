package values

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"

	v1 "example.com/cnat-operator/api/database/v1"
)

// addServerOptions puts into the chart's values what the user asks of the server. What is not asked for is left out.
func addServerOptions(values map[string]any, options *v1.ServerOptions) error {
	addTexts(values, "parameters", options.Parameters)
	if options.TLS.SecretName != "" {
		values["tls"] = map[string]any{"secretName": options.TLS.SecretName, "required": options.TLS.Mode != v1.TLSOptional}
	}
	service := map[string]any{}
	if options.Service.Type != "" && options.Service.Type != v1.ServiceClusterIP {
		service["type"] = string(options.Service.Type)
	}
	addTexts(service, "annotations", options.Service.Annotations)
	if len(service) > 0 {
		values["service"] = service
	}
	addTexts(values, "podLabels", options.PodLabels)
	addTexts(values, "podAnnotations", options.PodAnnotations)
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

// addTexts puts a map of texts into values, unless it is empty.
func addTexts[Text ~string](values map[string]any, name string, texts map[string]Text) {
	if len(texts) == 0 {
		return
	}
	added := map[string]any{}
	for key, text := range texts {
		added[key] = string(text)
	}
	values[name] = added
}
