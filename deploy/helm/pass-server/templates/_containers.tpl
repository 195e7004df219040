{{- define "pass-server.probe" -}}
grpc:
  port: {{ .root.Values.service.port }}
  {{- with .service }}
  service: {{ . }}
  {{- end }}
periodSeconds: {{ .probe.periodSeconds }}
failureThreshold: {{ .probe.failureThreshold }}
timeoutSeconds: {{ .root.Values.probes.timeoutSeconds }}
{{- end -}}

{{/* Fetches the model, then checks every file that has a hash; a file that differs keeps the server from starting. */}}
{{- define "pass-server.initContainers" -}}
{{- if eq .Values.model.source "initContainer" }}
- name: fetch-model
  image: {{ required "model.initContainer.image is needed for model.source initContainer" .Values.model.initContainer.image }}
  imagePullPolicy: IfNotPresent
  command: {{- toYaml (required "model.initContainer.command is needed for model.source initContainer" .Values.model.initContainer.command) | nindent 4 }}
  env:
    - name: HOME
      value: /tmp
  resources: {{- include "pass-server.initResources" . | nindent 4 }}
  securityContext: {{- include "pass-server.securityContext" . | nindent 4 }}
  volumeMounts:
    - name: model
      mountPath: {{ .Values.model.mountPath }}
    - name: tmp
      mountPath: /tmp
{{- end }}
{{- if .Values.model.sha256 }}
- name: verify-model
  image: {{ .Values.model.verifierImage }}
  imagePullPolicy: IfNotPresent
  command: ["sha256sum", "--check", "--strict", "/etc/pass-server/SHA256SUMS"]
  workingDir: {{ .Values.model.mountPath }}
  resources: {{- include "pass-server.initResources" . | nindent 4 }}
  securityContext: {{- include "pass-server.securityContext" . | nindent 4 }}
  volumeMounts:
    - name: config
      mountPath: /etc/pass-server
      readOnly: true
    - name: model
      mountPath: {{ .Values.model.mountPath }}
      readOnly: true
      {{- if and (eq .Values.model.source "pvc") .Values.model.pvc.subPath }}
      subPath: {{ .Values.model.pvc.subPath }}
      {{- end }}
{{- end }}
{{- end -}}

{{- define "pass-server.initResources" -}}
requests: {cpu: 100m, memory: 128Mi}
limits: {memory: 512Mi}
{{- end -}}

{{- define "pass-server.testContainer" -}}
image: {{ include "pass-server.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command: [/opt/pass/bin/pass-client]
resources: {{- include "pass-server.initResources" . | nindent 2 }}
securityContext: {{- include "pass-server.securityContext" . | nindent 2 }}
{{- end -}}
