{{/* What cert-manager is told of every certificate. Takes of (the values' path) and certificate. */}}
{{- define "mailchute.certificate" -}}
{{- if not .certificate.issuerRef.name -}}
{{- fail (printf "%s.issuerRef.name: cert-manager has to know who signs it" .of) -}}
{{- end -}}
issuerRef:
  {{- toYaml .certificate.issuerRef | nindent 2 }}
{{- with .certificate.duration }}
duration: {{ . }}
{{- end }}
{{- with .certificate.renewBefore }}
renewBefore: {{ . }}
{{- end }}
{{- with .certificate.privateKey }}
privateKey:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
