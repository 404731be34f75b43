{{/* What the pods of controller and front-ends have in common. */}}

{{/* As whom and where a pod runs. Takes root, values (controller or a gateway), selector (YAML). */}}
{{- define "mailchute.pod.placement" -}}
securityContext:
  {{- toYaml .root.Values.podSecurityContext | nindent 2 }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
{{- if .values.topologySpreadConstraints }}
  {{- toYaml .values.topologySpreadConstraints | nindent 2 }}
{{- else }}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- $.selector | nindent 8 }}
    matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Image and rights of a container. Takes the root. */}}
{{- define "mailchute.container" -}}
image: {{ include "mailchute.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- end -}}

{{/* Probes: of the admin port, never of a port that mail comes to. */}}
{{- define "mailchute.probes" -}}
livenessProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 2
  timeoutSeconds: 2
{{- end -}}

{{/*
Where telemetry goes, and of whom it is, as variables; nothing where it goes nowhere. Takes root, component, extraEnv of
the component, and of a front-end gateway (namespace/name). What is set again further on is left out: server-side apply
refuses a name that stands twice.
*/}}
{{- define "mailchute.openTelemetry" -}}
{{- with .root.Values.openTelemetry }}
{{- if .endpoint }}
{{- $variables := concat (include "mailchute.openTelemetry.own" $ | fromYamlArray) .extraEnv }}
{{- $last := dict }}
{{- range $at, $variable := concat $variables $.extraEnv }}
{{- $_ := set $last $variable.name $at }}
{{- end }}
{{- range $at, $variable := $variables }}
{{- if eq $at (get $last $variable.name) }}
{{ toYaml (list $variable) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
The variables of our own. What others refer to comes first. Values of the list have to be percent-encoded (W3C Baggage).
*/}}
{{- define "mailchute.openTelemetry.own" -}}
{{- with .root.Values.openTelemetry -}}
- name: K8S_POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: K8S_POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
- name: K8S_NAMESPACE_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: K8S_NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: K8S_HOST_IP
  valueFrom: {fieldRef: {fieldPath: status.hostIP}}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ .endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ .protocol | quote }}
- name: OTEL_SERVICE_NAME
  value: mailchute-{{ $.component }}
{{- $attributes := list "service.instance.id=$(K8S_POD_UID)" "k8s.pod.name=$(K8S_POD_NAME)" "k8s.pod.uid=$(K8S_POD_UID)" }}
{{- $attributes = concat $attributes (list "k8s.namespace.name=$(K8S_NAMESPACE_NAME)" "k8s.node.name=$(K8S_NODE_NAME)" "k8s.container.name=mailchute") }}
{{- with $.gateway }}
{{- $attributes = append $attributes (printf "mailchute.gateway=%s" .) }}
{{- end }}
{{- range $key, $value := .resourceAttributes }}
{{- $attributes = append $attributes (printf "%s=%s" $key (replace "+" "%20" (urlquery $value))) }}
{{- end }}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ join "," $attributes | quote }}
{{- end }}
{{- end -}}

{{/* What may be away of a Deployment's pods. A pod that is not ready may always go. */}}
{{- define "mailchute.podDisruptionBudget" -}}
{{- if hasKey . "minAvailable" -}}
minAvailable: {{ .minAvailable }}
{{- else -}}
maxUnavailable: {{ .maxUnavailable }}
{{- end }}
unhealthyPodEvictionPolicy: AlwaysAllow
{{- end -}}
