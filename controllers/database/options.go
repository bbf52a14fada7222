package database

import v1 "example.com/cnat-operator/api/database/v1"

// addServerOptions puts into the chart's values what the user asks of the server. What is not asked for is left out.
func addServerOptions(values map[string]any, options *v1.ServerOptions) {
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
}
