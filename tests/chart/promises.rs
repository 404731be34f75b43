//! What holds of every render, whatever the values.

use std::cell::Cell;
use std::collections::BTreeSet;

use clap::Parser;
use mailchute::cli::Cli;
use serde_json::{Value, json};

use super::documents::{documents, kind, name, pod};
use super::helm::Helm;
use super::renders::renders;

/// Calls back with the objects of each golden render.
fn each(visit: impl Fn(&str, &[Value])) {
    for render in renders(Helm::V3) {
        visit(&render.name, &documents(&render.text));
    }
}

fn containers(pod: &Value) -> &Vec<Value> {
    pod["containers"].as_array().unwrap()
}

fn label<'a>(object: &'a Value, label: &str) -> Option<&'a str> {
    object["metadata"]["labels"][label].as_str()
}

#[test]
fn pods_are_restricted() {
    each(|set, objects| {
        for (object, pod) in objects.iter().filter_map(|object| Some((object, pod(object)?))) {
            let what = format!("{set}: {}", name(object));
            let own = &pod["securityContext"];
            assert_eq!(own["runAsNonRoot"], json!(true), "{what}");
            assert!(own["runAsUser"].is_u64() && own["runAsGroup"].is_u64(), "{what}: ids are numbers");
            assert_eq!(own["seccompProfile"]["type"], "RuntimeDefault", "{what}");
            for container in containers(pod) {
                let own = &container["securityContext"];
                assert_eq!(own["allowPrivilegeEscalation"], json!(false), "{what}");
                assert_eq!(own["readOnlyRootFilesystem"], json!(true), "{what}");
                assert_eq!(own["capabilities"], json!({ "drop": ["ALL"] }), "{what}");
            }
            let token = label(object, "app.kubernetes.io/component") == Some("controller");
            assert_eq!(
                pod["automountServiceAccountToken"],
                json!(token),
                "{what}: only controllers speak to the API"
            );
        }
    });
}

#[test]
fn variables_stand_once_and_refer_to_those_before_them() {
    each(|set, objects| {
        for container in objects.iter().filter_map(pod).flat_map(containers) {
            let mut before = BTreeSet::new();
            for variable in container["env"].as_array().into_iter().flatten() {
                let value = variable["value"].as_str().unwrap_or_default();
                for referred in value.split("$(").skip(1).map(|rest| rest.split(')').next().unwrap()) {
                    assert!(before.contains(referred), "{set}: {referred}");
                }
                assert!(before.insert(variable["name"].as_str().unwrap()), "{set}: {variable}");
            }
        }
    });
}

#[test]
fn probes_are_of_the_admin_port() {
    each(|set, objects| {
        for deployment in objects.iter().filter(|object| kind(object) == "Deployment") {
            for container in containers(pod(deployment).unwrap()) {
                let ports = container["ports"].as_array().unwrap();
                assert!(ports.contains(&json!({ "name": "admin", "containerPort": 9464 })), "{set}");
                for (probe, path) in [("livenessProbe", "/livez"), ("readinessProbe", "/readyz")] {
                    assert_eq!(
                        container[probe]["httpGet"],
                        json!({ "path": path, "port": "admin" }),
                        "{set}"
                    );
                }
            }
        }
    });
}

/// The values of an option among the arguments of a Deployment's container.
fn argument<'a>(deployment: &'a Value, option: &str) -> Option<&'a str> {
    let arguments = containers(pod(deployment)?)[0]["args"].as_array()?;
    arguments.iter().filter_map(Value::as_str).find_map(|argument| argument.strip_prefix(option))
}

#[test]
fn the_program_takes_its_arguments() {
    // What it reads of the environment, as arguments: a test has only one environment.
    let options = [("POD_NAMESPACE", "--namespace=here"), ("POD_NAME", "--pod=this")];
    each(|set, objects| {
        for (object, pod) in objects.iter().filter_map(|object| Some((object, pod(object)?))) {
            for container in containers(pod) {
                let texts = |list: &'static str, field: &'static str| {
                    let items = container[list].as_array().into_iter().flatten();
                    items.filter_map(move |item| item.get(field).unwrap_or(item).as_str())
                };
                let own = texts("env", "name").filter_map(|name| {
                    options.iter().find(|(variable, _)| *variable == name).map(|(_, option)| *option)
                });
                let words = ["mailchute"].into_iter().chain(texts("args", "")).chain(own);
                if let Err(error) = Cli::try_parse_from(words) {
                    panic!("{set}: {}: {error}", name(object));
                }
            }
        }
    });
}

#[test]
fn listeners_deployment_service_and_policy_agree() {
    each(|set, objects| {
        for gateway in objects.iter().filter(|object| kind(object) == "MailGateway") {
            let label = label(gateway, "mailchute.dev/gateway");
            // What backends ask for notifications has a Service of its own.
            let of = |of: &str| {
                let own = |object: &&Value| {
                    kind(object) == of
                        && self::label(object, "mailchute.dev/gateway") == label
                        && !name(object).ends_with("-bounces")
                };
                objects.iter().find(own)
            };
            let ports = |list: &Value, key: &str| -> BTreeSet<u64> {
                list.as_array().unwrap().iter().filter_map(|port| port[key].as_u64()).collect()
            };
            let listeners = ports(&gateway["spec"]["listeners"], "port");
            let deployment = of("Deployment").unwrap();
            let mut open = ports(&containers(pod(deployment).unwrap())[0]["ports"], "containerPort");
            assert!(open.remove(&9464), "{set}");
            open.remove(&9480);
            assert_eq!(open, listeners, "{set}");
            assert_eq!(ports(&of("Service").unwrap()["spec"]["ports"], "targetPort"), listeners, "{set}");
            if let Some(policy) = of("NetworkPolicy") {
                let mail = &policy["spec"]["ingress"][0];
                assert_eq!(
                    (ports(&mail["ports"], "port"), &mail["from"]),
                    (listeners, &Value::Null),
                    "{set}"
                );
            }
            let namespace = gateway["metadata"]["namespace"].as_str().unwrap();
            let own = gateway["metadata"]["name"].as_str().unwrap();
            assert_eq!(argument(deployment, "--gateway="), Some(&*format!("{namespace}/{own}")), "{set}");
            let account = &pod(deployment).unwrap()["serviceAccountName"];
            assert_eq!(account, &gateway["spec"]["frontEnds"]["serviceAccountName"], "{set}");
        }
    });
}

#[test]
fn who_sends_notifications_is_asked_for_them_from_inside_alone() {
    let asked = Cell::new(0);
    each(|set, objects| {
        for gateway in objects.iter().filter(|object| kind(object) == "MailGateway") {
            let label = label(gateway, "mailchute.dev/gateway");
            let of = |of: &str| {
                let own = |object: &&Value| {
                    kind(object) == of && self::label(object, "mailchute.dev/gateway") == label
                };
                objects.iter().filter(own).collect::<Vec<_>>()
            };
            let bounces = gateway["spec"].get("bounces").is_some();
            let deployment = of("Deployment")[0];
            let port = json!({ "name": "bounces", "containerPort": 9480 });
            let ports = containers(pod(deployment).unwrap())[0]["ports"].as_array().unwrap();
            assert_eq!(ports.contains(&port), bounces, "{set}");
            let address = argument(deployment, "--bounces-address=");
            assert_eq!(address, bounces.then_some("[::]:9480"), "{set}");
            let services = of("Service");
            let service = services.iter().find(|service| name(service).ends_with("-bounces"));
            assert_eq!(service.is_some(), bounces, "{set}");
            let Some(service) = service else { continue };
            assert_eq!(service["spec"]["type"], "ClusterIP", "{set}");
            assert_eq!(
                service["spec"]["ports"],
                json!([{ "name": "http", "port": 80, "targetPort": "bounces" }])
            );
            for policy in of("NetworkPolicy") {
                let rules = policy["spec"]["ingress"].as_array().unwrap();
                let rule = rules.iter().find(|rule| rule["ports"] == json!([{ "port": 9480 }])).unwrap();
                let from = rule["from"].as_array().unwrap();
                assert!(from.iter().all(|peer| peer.get("ipBlock").is_none()), "{set}: {from:?}");
            }
            asked.set(asked.get() + 1);
        }
    });
    assert!(asked.get() > 0, "some render has notifications");
}

#[test]
fn an_autoscaler_has_the_replicas_for_itself() {
    each(|set, objects| {
        let scaled: Vec<&Value> =
            objects.iter().filter(|object| kind(object) == "HorizontalPodAutoscaler").collect();
        assert_eq!(scaled.is_empty(), set != "autoscaling");
        for deployment in objects.iter().filter(|object| kind(object) == "Deployment") {
            let by = scaled
                .iter()
                .any(|scaler| scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]);
            assert_eq!(deployment["spec"].get("replicas").is_none(), by, "{set}: {}", name(deployment));
        }
    });
}

#[test]
fn the_controller_is_called_as_front_ends_call_it() {
    each(|set, objects| {
        let service = objects.iter().find(|object| {
            kind(object) == "Service" && label(object, "app.kubernetes.io/component") == Some("controller")
        });
        let metadata = &service.unwrap()["metadata"];
        let (service, namespace) =
            (metadata["name"].as_str().unwrap(), metadata["namespace"].as_str().unwrap());
        for deployment in objects.iter().filter(|object| kind(object) == "Deployment") {
            if label(deployment, "app.kubernetes.io/component") == Some("controller") {
                assert_eq!(argument(deployment, "--service="), Some(service), "{set}");
            } else {
                let url = format!("https://{service}.{namespace}.svc:8443");
                assert_eq!(argument(deployment, "--controller="), Some(&*url), "{set}");
            }
        }
    });
}

#[test]
fn nobody_is_granted_everything() {
    each(|set, objects| {
        for role in objects.iter().filter(|object| matches!(kind(object), "ClusterRole" | "Role")) {
            let text = role["rules"].to_string();
            assert!(!text.contains('*'), "{set}: {}", name(role));
            let of_cluster = kind(role) == "ClusterRole";
            let watched = objects.iter().any(|object| argument(object, "--watch-namespaces=").is_some());
            assert!(!(of_cluster && watched && text.contains("secrets")), "{set}: {}", name(role));
        }
    });
}

#[test]
fn every_object_has_its_place() {
    each(|set, objects| {
        let mut names = BTreeSet::new();
        for object in objects {
            let what = format!("{set}: {}", name(object));
            let namespace = object["metadata"]["namespace"].as_str();
            assert_eq!(namespace.is_none(), kind(object).starts_with("Cluster"), "{what}");
            assert!(names.insert((name(object), namespace)), "{what} is there twice");
            assert!(label(object, "app.kubernetes.io/managed-by") == Some("Helm"), "{what}");
            assert!(object["metadata"]["name"].as_str().unwrap().len() <= 63, "{what}");
        }
    });
}

#[test]
fn pods_have_the_time_to_end_that_they_are_promised() {
    let seconds = |delay: &str, timeout: &str, delivery: &str| {
        let sets = [
            format!("gateways.public.drain.delay={delay}"),
            format!("gateways.public.drain.timeout={timeout}"),
            format!("gateways.public.longestDelivery={delivery}"),
        ];
        let render = Helm::V3.template(&["--set", &sets.join(",")]).unwrap();
        let objects = documents(&render);
        let deployment = objects.iter().find(|object| argument(object, "--gateway=").is_some()).unwrap();
        pod(deployment).unwrap()["terminationGracePeriodSeconds"].as_u64().unwrap()
    };
    assert_eq!(seconds("5s", "120s", "25s"), 150);
    assert_eq!(seconds("500ms", "2m", "1m30s"), 1 + 120 + 90);
    assert_eq!(seconds("0s", "1h1m1s1ms", "10m"), 3662 + 600);
}
