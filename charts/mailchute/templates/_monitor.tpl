{{/* Where there are pods: the release's namespace and the gateways', as a YAML list. Takes root and gateways. */}}
{{- define "mailchute.monitor.namespaces" -}}
{{- $namespaces := include "mailchute.namespaces" .gateways | fromYamlArray -}}
{{- toYaml (append $namespaces .root.Release.Namespace | uniq | sortAlpha) -}}
{{- end -}}

{{/* What a monitor reads: pods of both components, or Services of one. Takes root, gateways, component. */}}
{{- define "mailchute.monitor.targets" -}}
namespaceSelector:
  matchNames:
    {{- include "mailchute.monitor.namespaces" . | nindent 4 }}
selector:
  matchLabels:
    app.kubernetes.io/name: {{ include "mailchute.name" .root | quote }}
    app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
    {{- with .component }}
    app.kubernetes.io/component: {{ . }}
    {{- end }}
podTargetLabels: [app.kubernetes.io/component, mailchute.dev/gateway]
{{- end -}}

{{/* How a monitor reads them. Takes the monitor's values. */}}
{{- define "mailchute.monitor.endpoint" -}}
path: /metrics
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
