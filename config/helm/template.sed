# Turns a manifest into a template of the chart.
# Braces of the manifest itself, as in alerts and dashboards, are text.
s/{{/{{ "{{" }}/g
# All that kustomize puts into its namespace is in the release's.
s/^\( *namespace:\) cnat-operator-system$/\1 {{ .Release.Namespace | quote }}/
s/cnat-operator-system/{{ .Release.Namespace }}/g
s|\(app.kubernetes.io/managed-by:\) kustomize|\1 {{ .Release.Service }}|
# What a user chooses: see kustomization.yaml.
s/\([:-]\) TEMPLATE \(.*\)$/\1 {{ \2 }}/
# Kustomize takes what is here for names of Secrets.
s/^\( *\)serviceAccountName: .*/&\n\1imagePullSecrets: {{ toJson .Values.imagePullSecrets }}/
