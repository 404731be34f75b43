{{/* Who may read metrics: a rule of ingress, or none. Takes the root. */}}
{{- define "mailchute.networkPolicy.monitoring" -}}
{{- with .Values.networkPolicy.monitoringFrom -}}
- from:
    {{- toYaml . | nindent 4 }}
  ports:
    - port: 9464
{{- end }}
{{- end -}}
