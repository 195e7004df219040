{{- define "pass-server.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for the suffixes below to fit into 63 characters. */}}
{{- define "pass-server.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 45 | trimSuffix "-" -}}
{{- else if contains (include "pass-server.name" .) .Release.Name -}}
{{- .Release.Name | trunc 45 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "pass-server.name" .) | trunc 45 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Never change: selectors are immutable. The component keeps Envoy's pods apart. */}}
{{- define "pass-server.selectorLabels" -}}
app.kubernetes.io/name: {{ include "pass-server.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "pass-server.labels" -}}
{{ include "pass-server.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: {{ include "pass-server.name" .root }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "pass-server.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "pass-server.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "pass-server.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{/* What every container runs with. */}}
{{- define "pass-server.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "pass-server.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: {{ .Values.podSecurityContext.runAsUser }}
runAsGroup: {{ .Values.podSecurityContext.runAsGroup }}
fsGroup: {{ .Values.podSecurityContext.fsGroup }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The server's settings as the lines of its flag file. */}}
{{- define "pass-server.config" -}}
{{- $server := .Values.server -}}
model = {{ $server.model | quote }}
{{- with $server.modelName }}
model-name = {{ . | quote }}
{{- end }}
{{- with $server.lookaheadFile }}
lookahead-file = {{ . | quote }}
{{- end }}
dtype = {{ $server.dtype | quote }}
{{- with $server.weights }}
weights = {{ . | quote }}
{{- end }}
device = {{ $server.device | quote }}
{{- if gt (int $server.threads) 0 }}
threads = {{ int $server.threads }}
{{- end }}
kv-cache-mib = {{ int $server.kvCacheMib }}
max-sequences = {{ int $server.maxSequences }}
max-queue = {{ int $server.maxQueue }}
prefill-chunk = {{ int $server.prefillChunk }}
method = {{ $server.method | quote }}
lookahead = {{ int $server.lookahead }}
max-rows = {{ int $server.maxRows }}
control-arm = {{ $server.controlArm }}
context-length = {{ int $server.contextLength }}
slow-reader-timeout = {{ $server.slowReaderTimeout }}
drain-timeout = {{ $server.drainTimeout }}
vllm-metrics = {{ $server.vllmMetrics }}
reflection = {{ $server.reflection }}
log-format = {{ $server.logFormat | quote }}
log-level = {{ $server.logLevel | quote }}
{{- range $key, $value := $server.extra }}
{{ $key }} = {{ $value | toJson }}
{{- end }}
{{- end -}}

{{/* What sha256sum --check reads. */}}
{{- define "pass-server.sha256sums" -}}
{{- range $path, $hash := .Values.model.sha256 }}
{{ $hash }}  {{ $path }}
{{- end }}
{{- end -}}

{{- define "pass-server.modelVolume" -}}
name: model
{{- if eq .Values.model.source "pvc" }}
persistentVolumeClaim:
  claimName: {{ required "model.pvc.claimName is needed for model.source pvc" .Values.model.pvc.claimName }}
  readOnly: true
{{- else if eq .Values.model.source "image" }}
image:
  reference: {{ required "model.image.reference is needed for model.source image" .Values.model.image.reference }}
  pullPolicy: {{ .Values.model.image.pullPolicy }}
{{- else }}
emptyDir:
  sizeLimit: {{ .Values.model.initContainer.sizeLimit }}
{{- end }}
{{- end -}}
