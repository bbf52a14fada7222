{{/* Labels that select the pods. A StatefulSet's selector can't be changed, so neither can these. */}}
{{- define "database.selector" -}}
app.kubernetes.io/name: postgresql
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. The chart's version is not among them: it would restart every server at each new version. */}}
{{- define "database.labels" -}}
{{ include "database.selector" . }}
app.kubernetes.io/component: database
app.kubernetes.io/part-of: cnat-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The scripts and settings that the server reads only when it starts, so that a change of them restarts it. */}}
{{- define "database.config" -}}
{{- range $path := list "settings.sh" "start.sh" "bootstrap.sql" "lib.sh" "alive.sh" "ready.sh" "stop.sh" "password.sql" "postgresql.conf" "pg_hba.conf" }}
{{ $path }}: |
{{ $.Files.Get (printf "files/%s" $path) | trim | indent 2 }}
{{- end }}
{{- with .Values.parameters }}
settings.conf: {{ include "database.settings" . | toJson }}
{{- end }}
{{- end }}

{{/* Settings in the form of postgresql.conf. Within its quotes, a quote is doubled and a backslash escapes. */}}
{{- define "database.settings" -}}
{{- range $name, $value := . }}
{{- printf "%s = '%s'\n" $name ($value | replace "\\" "\\\\" | replace "'" "''") }}
{{- end }}
{{- end }}
