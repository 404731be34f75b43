{{/* What the controller is, to those who bind roles. */}}
{{- define "mailchute.controller.subject" -}}
- kind: ServiceAccount
  name: {{ include "mailchute.controller.serviceAccountName" . }}
  namespace: {{ .Release.Namespace | quote }}
{{- end -}}

{{/* What gateways, backends and policies refer to: a ClusterRole's rules, or with watchNamespaces those of Roles. */}}
{{- define "mailchute.controller.reads" -}}
- apiGroups: [""]
  resources: [secrets, configmaps]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch]
{{- end -}}

{{/* A Role of the controller and its binding. Takes root, name, namespace and rules (YAML). */}}
{{- define "mailchute.controller.role" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "mailchute.metadata" (dict "root" .root "component" "controller" "name" .name "namespace" .namespace) | nindent 2 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "mailchute.metadata" (dict "root" .root "component" "controller" "name" .name "namespace" .namespace) | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ .name }}
subjects:
  {{- include "mailchute.controller.subject" .root | nindent 2 }}
{{- end -}}

{{/* In the controller's own namespace: the Lease, the Deployment that owns what it makes, its certificate authority. */}}
{{- define "mailchute.controller.own" -}}
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  verbs: [create]
- apiGroups: [coordination.k8s.io]
  resources: [leases]
  resourceNames: [{{ include "mailchute.controller.name" . }}]
  verbs: [get, update]
- apiGroups: [apps]
  resources: [deployments]
  resourceNames: [{{ include "mailchute.controller.name" . }}]
  verbs: [get]
{{- if not (include "mailchute.controller.certificate" .) }}
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [secrets]
  resourceNames: [{{ include "mailchute.ca.name" . }}]
  verbs: [list, watch, update]
{{- end }}
{{- end -}}

{{/* In a namespace with front-ends: where it publishes whom they may believe. */}}
{{- define "mailchute.controller.publishes" -}}
- apiGroups: [""]
  resources: [configmaps]
  resourceNames: [{{ include "mailchute.ca.name" . }}]
  verbs: [get, patch]
{{- end -}}
