{{/* The gateways as they will be: gatewayDefaults with each gateway's own values over them, and all names settled. */}}

{{/* Puts the values of `over` into `into`, maps key by key. Not merge or mergeOverwrite, which skip some empty values. */}}
{{- define "mailchute.overlay" -}}
{{- $into := .into -}}
{{- range $key, $value := .over -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $into $key)) -}}
{{- include "mailchute.overlay" (dict "into" (get $into $key) "over" $value) -}}
{{- else if kindIs "invalid" $value -}}
{{- $_ := unset $into $key -}}
{{- else -}}
{{- $_ := set $into $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Fills the dict `into`: name of a gateway → its values. Takes root. */}}
{{- define "mailchute.gateways" -}}
{{- $root := .root -}}
{{- $into := .into -}}
{{- range $name, $own := .root.Values.gateways -}}
{{- $gateway := deepCopy $root.Values.gatewayDefaults -}}
{{- include "mailchute.overlay" (dict "into" $gateway "over" ($own | default dict)) -}}
{{- if $gateway.enabled -}}
{{- include "mailchute.gateway" (dict "root" $root "name" $name "gateway" $gateway) -}}
{{- $_ := set $into $name $gateway -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Settles one gateway: names, certificate, listeners, ports. */}}
{{- define "mailchute.gateway" -}}
{{- $root := .root -}}
{{- $gateway := .gateway -}}
{{- $fullname := printf "%s-%s" (include "mailchute.fullname" $root) .name -}}
{{- $longest := ternary 55 59 (not (empty $gateway.bounces)) -}}
{{- if gt (len $fullname) $longest -}}
{{- fail (printf "gateways.%s: the name is too long: %s has more than %d characters" .name $fullname $longest) -}}
{{- end -}}
{{- $_ := set $gateway "fullname" $fullname -}}
{{- $_ := set $gateway "namespace" ($gateway.namespace | default $root.Release.Namespace) -}}
{{- $_ := set $gateway "hostname" ($gateway.hostname | default (printf "%s.%s.svc" $fullname $gateway.namespace)) -}}
{{- $account := $gateway.serviceAccount -}}
{{- $_ := set $account "name" ($account.name | default (ternary $fullname "default" $account.create)) -}}
{{- $tls := $gateway.tls -}}
{{- $_ := set $tls "secretName" ($tls.secretName | default (ternary (printf "%s-tls" $fullname) "" $tls.certificate.enabled)) -}}
{{- $listeners := list -}}
{{- $ports := list -}}
{{- $used := list -}}
{{- range $gateway.listeners -}}
{{- if eq (int .port) 9464 -}}
{{- fail (printf "listener %s: port 9464 is the admin port" .name) -}}
{{- end -}}
{{- if and (eq (int .port) 9480) $gateway.bounces -}}
{{- fail (printf "listener %s: port 9480 is the port of bounces" .name) -}}
{{- end -}}
{{- $listener := omit . "servicePort" "nodePort" -}}
{{- include "mailchute.listener" (dict "gateway" $gateway "listener" $listener) -}}
{{- $listeners = append $listeners $listener -}}
{{- $known := dict "2525" 25 "4650" 465 "5870" 587 -}}
{{- $port := .servicePort | default (get $known (.port | toString)) | default .port | int -}}
{{- if has $port $used -}}
{{- fail (printf "listener %s: another listener has the Service's port %d" .name $port) -}}
{{- end -}}
{{- $used = append $used $port -}}
{{- $ports = append $ports (dict "name" .name "port" $port "targetPort" .port "nodePort" .nodePort) -}}
{{- end -}}
{{- $_ := set $gateway "listeners" $listeners -}}
{{- $_ := set $gateway "ports" $ports -}}
{{- end -}}

{{/* Gives a listener the gateway's certificate and PROXY protocol where it says nothing of its own. */}}
{{- define "mailchute.listener" -}}
{{- $listener := .listener -}}
{{- $secret := .gateway.tls.secretName -}}
{{- if $secret -}}
{{- $tls := deepCopy ($listener.tls | default (dict "mode" "StartTLS")) -}}
{{- if and (ne ($tls.mode | default "") "Disabled") (not $tls.certificateRefs) -}}
{{- $_ := set $tls "certificateRefs" (list (dict "name" $secret)) -}}
{{- end -}}
{{- $_ := set $listener "tls" $tls -}}
{{- end -}}
{{- if and (not $listener.proxyProtocol) (ne .gateway.proxyProtocol.mode "Disabled") -}}
{{- $_ := set $listener "proxyProtocol" .gateway.proxyProtocol -}}
{{- end -}}
{{- end -}}

{{/* The gateways' namespaces, each once, as a YAML list. Takes what mailchute.gateways filled. */}}
{{- define "mailchute.namespaces" -}}
{{- $namespaces := list -}}
{{- range . -}}
{{- $namespaces = append $namespaces .namespace -}}
{{- end -}}
{{- toYaml (uniq $namespaces | sortAlpha) -}}
{{- end -}}

{{/* Where the controller reads Secrets, ConfigMaps and Services, as a YAML list; empty for everywhere. Takes root and
gateways. */}}
{{- define "mailchute.watched" -}}
{{- $watched := .root.Values.controller.watchNamespaces -}}
{{- if $watched -}}
{{- $watched = concat $watched (include "mailchute.namespaces" .gateways | fromYamlArray) -}}
{{- end -}}
{{- toYaml (uniq $watched | sortAlpha) -}}
{{- end -}}
