{{/* Labels that select the pods. A StatefulSet's selector can't be changed, so neither can these. */}}
{{- define "database.selector" -}}
app.kubernetes.io/name: postgresql
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Labels of every object. The chart's version is not among them: it would restart every server at each new version. */}}
{{- define "database.labels" -}}
{{ include "database.selector" . }}
app.kubernetes.io/component: database
{{ include "database.commonLabels" . }}
{{- end }}

{{/* Labels of what makes backups. The Service and the NetworkPolicy must not select its pods. */}}
{{- define "database.backupLabels" -}}
app.kubernetes.io/name: postgresql-backup
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: backup
{{ include "database.commonLabels" . }}
{{- end }}

{{- define "database.commonLabels" -}}
app.kubernetes.io/part-of: cnat-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What restricted Pod Security asks of a pod, as the user that the image has for the server. */}}
{{- define "database.podSecurity" -}}
runAsNonRoot: true
runAsUser: 999
runAsGroup: 999
fsGroup: 999
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "database.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: ["ALL"]
{{- end }}

{{/* The scripts, the password and what else a pod of the image needs. */}}
{{- define "database.volumes" -}}
- name: config
  configMap:
    name: {{ .Release.Name }}-config
    defaultMode: 0444
- name: credentials
  secret:
    secretName: {{ .Values.credentials.secretName | quote }}
    # The kubelet gives the file to the pod's group.
    defaultMode: 0440
    items:
      - key: {{ .Values.credentials.key | quote }}
        path: password
- name: tmp
  emptyDir: {}
{{- end }}

{{- define "database.mounts" -}}
- name: config
  mountPath: /etc/database
  readOnly: true
- name: credentials
  mountPath: /run/credentials
  readOnly: true
- name: tmp
  mountPath: /tmp
{{- end }}

{{- define "database.env" -}}
- name: DATABASE_USER
  value: {{ .Values.user | quote }}
- name: DATABASE_NAME
  value: {{ .Values.databaseName | quote }}
- name: DATABASE_ENCODING
  value: {{ .Values.encoding | quote }}
{{- end }}

{{/* The scripts and settings that the server reads only when it starts, so that a change of them restarts it. */}}
{{- define "database.config" -}}
{{- range $path := list "settings.sh" "start.sh" "create.sh" "restore.sh" "bootstrap.sql" "extension.sql" "set-properties.sql" "lib.sh" "alive.sh" "ready.sh" "ready.sql" "role.sql" "stop.sh" "password.sql" "exporter.sql" "postgresql.conf" "pg_hba.conf" }}
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
