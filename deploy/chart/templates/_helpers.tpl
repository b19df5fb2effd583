{{- define "cutwire.labels" -}}
app.kubernetes.io/name: cutwire
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "cutwire.selector" -}}
app.kubernetes.io/name: cutwire
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "cutwire.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "cutwire.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "cutwire.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "cutwire.environment" -}}
- name: CUTWIRE_NATS__USER
  valueFrom: {secretKeyRef: {name: {{ .Values.nats.existingSecret }}, key: user}}
- name: CUTWIRE_NATS__PASSWORD
  valueFrom: {secretKeyRef: {name: {{ .Values.nats.existingSecret }}, key: password}}
{{- with .Values.store.existingSecret }}
- name: CUTWIRE_STORE__ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ . }}, key: access-key-id}}
- name: CUTWIRE_STORE__SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: secret-access-key}}
{{- end }}
{{- end }}

{{- define "cutwire.probes" -}}
startupProbe:
  httpGet: {path: /health/ready, port: http}
  periodSeconds: 2
  failureThreshold: 60
readinessProbe:
  httpGet: {path: /health/ready, port: http}
  periodSeconds: 5
livenessProbe:
  httpGet: {path: /health/live, port: http}
  periodSeconds: 10
  failureThreshold: 6
{{- end }}

{{- define "cutwire.mounts" -}}
- {name: settings, mountPath: /etc/cutwire, readOnly: true}
- {name: shared, mountPath: /shared, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /data}
{{- if .Values.models.existingClaim }}
- {name: models, mountPath: /models, readOnly: true}
{{- end }}
{{- end }}

{{- define "cutwire.volumes" -}}
- name: settings
  configMap: {name: {{ .Release.Name }}-settings}
- name: shared
  secret: {secretName: {{ .Values.shared.existingSecret }}, defaultMode: 0440}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 256Mi}
{{- with .Values.models.existingClaim }}
- name: models
  persistentVolumeClaim: {claimName: {{ . }}, readOnly: true}
{{- end }}
{{- end }}

{{- /* TOML of a table: toToml writes Helm's numbers, which are all floats, as 3.0 and 4e+09. */ -}}
{{- define "cutwire.toml" -}}
{{- $at := .at | default "" }}
{{- $tables := dict }}
{{- range $key, $value := .table }}
{{- $rows := and (kindIs "slice" $value) (kindIs "map" (first $value)) }}
{{- if or $rows (kindIs "map" $value) }}
{{- $_ := set $tables $key $value }}
{{- else }}
{{ $key | quote }} = {{ toJson $value }}
{{- end }}
{{- end }}
{{- range $key, $value := $tables }}
{{- $path := printf "%s%q" $at $key }}
{{- $below := printf "%s." $path }}
{{- if kindIs "map" $value }}

[{{ $path }}]
{{- include "cutwire.toml" (dict "at" $below "table" $value) }}
{{- else }}
{{- range $value }}

[[{{ $path }}]]
{{- include "cutwire.toml" (dict "at" $below "table" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
