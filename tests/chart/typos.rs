//! Values that are refused, by both Helms, with words that say where.

use super::helm::Helm;

/// What is set (`--set-json`), and what the refusal has to name.
const REFUSED: &[(&str, &[&str])] = &[
    (r#"gatewy={}"#, &["gatewy"]),
    (r#"image.repo="mine""#, &["image", "repo"]),
    (r#"image.pullPolicy="always""#, &["pullPolicy"]),
    (r#"image.digest="sha256:12""#, &["digest"]),
    (r#"gateways.Public={}"#, &["gateways", "Public"]),
    (r#"gateways.public.hostnme="mx.example.net""#, &["gateways", "public", "hostnme"]),
    (r#"gateways.public.hostname="two words""#, &["gateways", "public", "hostname"]),
    (r#"gateways.public.replicas="3""#, &["replicas"]),
    (r#"gateways.public.listeners=[{"name":"mx","prt":2525}]"#, &["listeners", "0", "prt"]),
    (r#"gateways.public.listeners=[{"name":"mx","port":70000}]"#, &["listeners", "0", "port"]),
    (r#"gateways.public.listeners=[{"port":2525}]"#, &["listeners", "0", "name"]),
    (r#"gateways.public.listeners=[]"#, &["listeners"]),
    (r#"gateways.public.listeners=[{"name":"mx","port":2525,"profile":"mx"}]"#, &["listeners", "profile"]),
    (r#"gateways.public.listeners=[{"name":"mx","port":2525,"tls":{"mode":"STARTTLS"}}]"#, &["tls", "mode"]),
    (
        r#"gateways.public.listeners=[{"name":"mx","port":2525,"limits":{"session":1}}]"#,
        &["limits", "session"],
    ),
    (r#"gateways.public.domains=[{"name":"example.net","allowedRoute":{}}]"#, &["domains", "allowedRoute"]),
    (r#"gateways.public.domains=["example.net"]"#, &["domains", "0"]),
    (r#"gateways.public.frontEnds={"serviceAccountName":"mine"}"#, &["frontEnds"]),
    (r#"gateways.public.drain.delay="5 s""#, &["drain", "delay"]),
    (r#"gateways.public.messageMemory="512 MiB""#, &["messageMemory"]),
    (r#"gateways.public.service.type="loadBalancer""#, &["service", "type"]),
    (r#"gateways.public.proxyProtocol.mode="On""#, &["proxyProtocol", "mode"]),
    (r#"gateways.public.tls.certificate.issuer="mine""#, &["certificate", "issuer"]),
    (r#"gateways.public.podDisruptionBudget.minAvailable="half""#, &["minAvailable"]),
    (r#"gatewayDefaults.replica=1"#, &["gatewayDefaults", "replica"]),
    (r#"controller.replica=1"#, &["controller", "replica"]),
    (r#"controller.watchNamespaces="default""#, &["watchNamespaces"]),
    (r#"podSecurityContext=[]"#, &["podSecurityContext"]),
    (r#"networkPolicy.monitoringFrom={"namespaceSelector":{}}"#, &["monitoringFrom"]),
    (r#"prometheusRule.enabled="yes""#, &["prometheusRule", "enabled"]),
    (r#"prometheusRule.thresholds.deferredPercent=101"#, &["thresholds", "deferredPercent"]),
    (r#"prometheusRule.thresholds.deferredRatio=0.1"#, &["thresholds", "deferredRatio"]),
    (r#"dashboards.labels=["grafana_dashboard"]"#, &["dashboards", "labels"]),
    (r#"dashboards.folder="Mail""#, &["dashboards", "folder"]),
];

#[test]
fn are_refused_with_their_place() {
    for helm in Helm::BOTH {
        for (set, words) in REFUSED {
            let refused = helm.template(&["--set-json", set]).err();
            let refused = refused.unwrap_or_else(|| panic!("{helm:?} takes {set}"));
            for word in *words {
                assert!(refused.contains(word), "{helm:?} {set}: no word of {word} in {refused}");
            }
        }
    }
}

/// What no schema can tell.
const FAILS: &[(&str, &str)] = &[
    (r#"gateways.public.listeners=[{"name":"mx","port":9464}]"#, "port 9464 is the admin port"),
    (
        r#"gateways.public={"listeners":[{"name":"mx","port":9480}],"bounces":{"relay":{"host":"a.example"},"sealSecretRef":{"name":"seal"}}}"#,
        "port 9480 is the port of bounces",
    ),
    (
        r#"fullnameOverride="a-name-that-is-as-long-as-names"; gateways.a-gateway-whose-name-is-ok={"bounces":{"relay":{"host":"a.example"},"sealSecretRef":{"name":"seal"}}}"#,
        "has more than 55 characters",
    ),
    (
        r#"gateways.public.listeners=[{"name":"a","port":2525},{"name":"b","port":2526,"servicePort":25}]"#,
        "listener b: another listener has the Service's port 25",
    ),
    (
        r#"gateways.public.tls.certificate.enabled=true"#,
        "gateways.public.tls.certificate.issuerRef.name: cert-manager has to know who signs it",
    ),
    (
        r#"controller.certificate.certManager.enabled=true"#,
        "controller.certificate.certManager.issuerRef.name: cert-manager has to know who signs it",
    ),
    (
        r#"fullnameOverride="a-name-that-is-as-long-as-names-may-be-x"; gateways.a-gateway-whose-name-is-long={}"#,
        "the name is too long",
    ),
];

#[test]
fn what_does_not_go_together_is_refused() {
    for helm in Helm::BOTH {
        for (sets, words) in FAILS {
            let sets: Vec<&str> = sets.split("; ").flat_map(|set| ["--set-json", set]).collect();
            let refused = helm.template(&sets).unwrap_err();
            assert!(refused.contains(words), "{helm:?} {sets:?}: {refused}");
        }
    }
}

/// What a chart above this one gives, and what Helm takes away.
#[test]
fn what_charts_above_give_is_admitted() {
    for helm in Helm::BOTH {
        let alone = helm.template(&[]).unwrap();
        let below =
            helm.template(&["--set-json", r#"global={"imageRegistry":"mine"}"#, "--set", "enabled=true"]);
        assert_eq!(below.unwrap(), alone, "{helm:?}");
        let without = helm.template(&["--set-json", "gateways.public=null"]).unwrap();
        assert!(!without.contains("kind: MailGateway\n"), "{helm:?}: {without}");
    }
}
