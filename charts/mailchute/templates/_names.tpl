{{/* Names, labels, images: what several objects have to agree on. */}}

{{- define "mailchute.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough that what is appended to it stays a name: 63 characters. */}}
{{- define "mailchute.fullname" -}}
{{- $name := include "mailchute.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "mailchute.controller.name" -}}
{{- include "mailchute.fullname" . }}-controller
{{- end -}}

{{- define "mailchute.controller.serviceAccountName" -}}
{{- $own := .Values.controller.serviceAccount -}}
{{- $own.name | default (ternary (include "mailchute.controller.name" .) "default" $own.create) -}}
{{- end -}}

{{/* Of objects without a namespace: releases of one name in two namespaces don't share them. */}}
{{- define "mailchute.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "mailchute.fullname" .) -}}
{{- end -}}

{{/* The Secret and the ConfigMap of the controller's certificate authority. */}}
{{- define "mailchute.ca.name" -}}
{{- include "mailchute.fullname" . }}-ca
{{- end -}}

{{/* The Secret with the controller's certificate, where it does not make its own. */}}
{{- define "mailchute.controller.certificate" -}}
{{- $own := .Values.controller.certificate -}}
{{- $own.secretName | default (ternary (printf "%s-tls" (include "mailchute.controller.name" .)) "" $own.certManager.enabled) -}}
{{- end -}}

{{/* What a Service or policy selects. Takes root, component, and gateway for front-ends. */}}
{{- define "mailchute.selector" -}}
app.kubernetes.io/name: {{ include "mailchute.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component }}
{{- with .gateway }}
mailchute.dev/gateway: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Labels of a pod: nothing that only the chart's version changes. Takes what mailchute.selector takes, and own. */}}
{{- define "mailchute.podLabels" -}}
{{- $labels := fromYaml (include "mailchute.selector" .) -}}
{{- $_ := set $labels "app.kubernetes.io/version" (.root.Chart.AppVersion | toString) -}}
{{- toYaml (merge $labels (.own | default dict) .root.Values.commonLabels) -}}
{{- end -}}

{{/* Labels of another object. */}}
{{- define "mailchute.labels" -}}
{{- $labels := fromYaml (include "mailchute.podLabels" .) -}}
{{- $_ := set $labels "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $labels "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- toYaml $labels -}}
{{- end -}}

{{/* metadata of an object. Takes what mailchute.labels takes, and name, namespace, annotations. */}}
{{- define "mailchute.metadata" -}}
name: {{ .name | quote }}
{{- with .namespace }}
namespace: {{ . | quote }}
{{- end }}
labels:
  {{- include "mailchute.labels" . | nindent 2 }}
{{- with merge (deepCopy (.annotations | default dict)) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "mailchute.image" -}}
{{- $image := .Values.image -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository ($image.tag | default .Chart.AppVersion | toString) -}}
{{- end -}}
{{- end -}}

{{/* Seconds of a duration such as 1h30m or 500ms, rounded up. */}}
{{- define "mailchute.seconds" -}}
{{- $milliseconds := 0 -}}
{{- range regexFindAll "[0-9]+(h|ms|m|s)" . -1 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- $factor := get (dict "h" 3600000 "m" 60000 "s" 1000 "ms" 1) $unit -}}
{{- $milliseconds = add $milliseconds (mul (trimSuffix $unit . | int64) $factor) -}}
{{- end -}}
{{- div (add $milliseconds 999) 1000 -}}
{{- end -}}
