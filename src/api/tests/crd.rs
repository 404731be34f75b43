//! The CRDs: names, structure, bounds on everything, defaults, no traps of YAML, rules where the list says they are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::api::{MailGateway, crds, rules};

/// YAML 1.1, type bool: all spellings.
const BOOLEAN_WORDS: [&str; 8] = ["y", "yes", "n", "no", "true", "false", "on", "off"];

/// What YAML 1.1 takes for null.
const NULL_WORDS: [&str; 3] = ["null", "~", ""];

/// Calls back with each field's schema of each CRD, and its path beginning with the kind.
fn walk(visit: &mut impl FnMut(&str, &Map<String, Value>)) {
    for crd in crds() {
        let schema = crd.spec.versions[0].schema.as_ref().unwrap().open_api_v3_schema.as_ref().unwrap();
        let Value::Object(schema) = serde_json::to_value(schema).unwrap() else { panic!("not an object") };
        walk_one(&crd.spec.names.kind, &schema, visit);
    }
}

fn walk_one(path: &str, schema: &Map<String, Value>, visit: &mut impl FnMut(&str, &Map<String, Value>)) {
    visit(path, schema);
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, inner) in properties {
            walk_one(&format!("{path}.{name}"), inner.as_object().unwrap(), visit);
        }
    }
    for (key, suffix) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(inner) = schema.get(key) {
            walk_one(&format!("{path}{suffix}"), inner.as_object().unwrap(), visit);
        }
    }
}

#[test]
fn names_are_those_of_the_documentation() {
    let names: Vec<_> = crds()
        .into_iter()
        .map(|crd| {
            let names = crd.spec.names;
            assert_eq!(
                (crd.spec.scope.as_str(), names.categories.unwrap()),
                ("Namespaced", vec!["mailchute".into()])
            );
            assert!(crd.spec.versions[0].subresources.as_ref().unwrap().status.is_some());
            (crd.metadata.name.unwrap(), names.kind, names.short_names.unwrap().join(","))
        })
        .collect();
    let expected = [
        ("mailgateways.mailchute.dev", "MailGateway", "mgw"),
        ("mailroutes.mailchute.dev", "MailRoute", "mrt"),
        ("mailbackends.mailchute.dev", "MailBackend", "mbe"),
        ("recipientpolicies.mailchute.dev", "RecipientPolicy", "rcp"),
    ];
    assert_eq!(names, expected.map(|(name, kind, short)| (name.into(), kind.into(), short.into())));
}

#[test]
fn print_as_yaml_and_read_back() {
    for crd in crds() {
        let yaml = serde_saphyr::to_string(&crd).unwrap();
        assert!(
            yaml.starts_with("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n"),
            "{yaml}"
        );
        assert!(yaml.contains("x-kubernetes-validations:"), "{yaml}");
        let again = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(crd, again);
    }
    let through_kube = <MailGateway as kube::CustomResourceExt>::crd();
    assert_eq!(through_kube.spec, crds()[0].spec, "the revision is all that is added");
}

#[test]
fn no_value_and_no_field_is_a_word_that_yaml_takes_for_something_else() {
    let mut seen = 0;
    walk(&mut |path, schema| {
        let field = path.rsplit('.').next().unwrap().to_lowercase();
        assert!(!BOOLEAN_WORDS.contains(&field.as_str()) && !NULL_WORDS.contains(&field.as_str()), "{path}");
        // The status of a condition is Kubernetes' own, and people don't write it.
        if path.ends_with(".conditions[].status") {
            return;
        }
        for value in schema.get("enum").and_then(Value::as_array).into_iter().flatten() {
            let Some(text) = value.as_str() else { continue };
            let word = text.to_lowercase();
            assert!(
                !BOOLEAN_WORDS.contains(&word.as_str()) && !NULL_WORDS.contains(&word.as_str()),
                "{path}: {text}"
            );
            seen += 1;
        }
    });
    assert!(seen > 50, "only {seen} values");
}

#[test]
fn schemas_are_structural() {
    let known = [
        "type",
        "properties",
        "items",
        "additionalProperties",
        "required",
        "description",
        "default",
        "enum",
        "format",
        "minLength",
        "maxLength",
        "pattern",
        "minimum",
        "maximum",
        "minItems",
        "maxItems",
        "maxProperties",
        "nullable",
        "x-kubernetes-int-or-string",
        "x-kubernetes-list-type",
        "x-kubernetes-list-map-keys",
        "x-kubernetes-validations",
        "title",
    ];
    walk(&mut |path, schema| {
        for key in schema.keys() {
            assert!(known.contains(&key.as_str()), "{path}: {key}");
        }
        let int_or_string = schema.get("x-kubernetes-int-or-string") == Some(&json!(true));
        assert_ne!(schema.get("type").is_some_and(Value::is_string), int_or_string, "{path}");
        let root = !path.contains('.') || path.ends_with(".status");
        assert!(root || schema.get("nullable").is_none_or(|nullable| nullable == &json!(false)), "{path}");
        let format = schema.get("format").and_then(Value::as_str);
        assert!(matches!(format, None | Some("date-time")), "{path}: {format:?}");
        assert!(
            path.ends_with("[]")
                || path.ends_with("{}")
                || schema.contains_key("description")
                || path.ends_with(".spec"),
            "{path} says nothing"
        );
        if let Some(keys) = schema.get("x-kubernetes-list-map-keys").and_then(Value::as_array) {
            let required = schema["items"]["required"].as_array().unwrap();
            assert!(keys.iter().all(|key| required.contains(key)), "{path}");
        }
    });
}

#[test]
fn everything_that_can_grow_is_bounded() {
    walk(&mut |path, schema| {
        let has = |key: &str| schema.contains_key(key);
        match schema.get("type").and_then(Value::as_str) {
            Some("string") => assert!(has("maxLength") || has("enum"), "{path}"),
            Some("array") => assert!(has("maxItems") && has("x-kubernetes-list-type"), "{path}"),
            Some("object") if has("additionalProperties") => assert!(has("maxProperties"), "{path}"),
            Some("object") => assert!(has("properties"), "{path}"),
            Some("integer") if path.contains(".spec") => assert!(has("minimum") && has("maximum"), "{path}"),
            Some("integer" | "boolean") => {}
            None => assert!(has("minimum") && has("maximum") && has("maxLength"), "{path}"),
            other => panic!("{path}: {other:?}"),
        }
    });
}

#[test]
fn what_has_a_default_says_so() {
    walk(&mut |path, schema| {
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        match schema.get("default") {
            // An object's default may be silent: it is told at its fields.
            Some(Value::Object(_)) => {}
            Some(_) => {
                assert!(description.contains("Default") || description.contains("the defaults"), "{path}");
            }
            None => {}
        }
    });
}

/// The API server runs the rules on a default as it stands when it takes a CRD, before the defaults of its fields are
/// filled in: `{}` would do for objects, but not for a CRD.
#[test]
fn a_default_is_whole() {
    let mut seen = 0;
    walk(&mut |path, schema| {
        if let Some(default @ Value::Object(_)) = schema.get("default") {
            let mut filled = default.clone();
            fill_in(&Value::Object(schema.clone()), &mut filled);
            assert_eq!(&filled, default, "{path}");
            seen += 1;
        }
    });
    assert!(seen > 10, "only {seen} defaults");
}

#[test]
fn filling_in_the_schema_defaults_gives_what_the_types_give() {
    let small = [
        "metadata: {}\nspec: {hostname: a, listeners: [{name: a, port: 1}], domains: [{name: a}]}",
        "metadata: {}\nspec: {parentRefs: [{name: g}], rules: [{name: a, matches: [{recipient: {domain: a, localPart: \
         {value: a}}}], delivery: {backendRefs: [{name: b}]}}]}",
        "metadata: {}\nspec: {http: {service: {name: a, port: 1}, tls: {caSecretRef: {name: a}}}, redis: {url: a, \
         stream: b, dedupe: {}, wait: {}}, smtp: {host: a}, largeMessages: {objectStore: {url: a}}}",
        "metadata: {}\nspec: {targetRefs: [], recipients: {}, verification: {http: {}}, limits: {}, require: {}, \
         senderAuthentication: {}, greylisting: {}}",
    ];
    fn typed<T: serde::de::DeserializeOwned + serde::Serialize>(yaml: &str) -> Value {
        serde_json::to_value(serde_saphyr::from_str::<T>(yaml).unwrap()).unwrap()["spec"].clone()
    }
    use crate::api::{MailBackend, MailRoute, RecipientPolicy};
    let types = [typed::<MailGateway>, typed::<MailRoute>, typed::<MailBackend>, typed::<RecipientPolicy>];
    for ((crd, yaml), typed) in crds().iter().zip(small).zip(types) {
        let schema = serde_json::to_value(&crd.spec.versions[0].schema).unwrap();
        let mut value: Value = serde_saphyr::from_str(yaml).unwrap();
        fill_in(&schema["openAPIV3Schema"]["properties"]["spec"], &mut value["spec"]);
        // Empty lists and maps are left out when written: the same as not given.
        let mut expected = typed(yaml);
        drop_empty_lists(&mut value["spec"]);
        drop_empty_lists(&mut expected);
        assert_eq!(value["spec"], expected, "{}", crd.spec.names.kind);
    }
}

/// Kubernetes API conventions: a default is set where its field is absent and its parent is there, outside in.
fn fill_in(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
                if let Some(default) = inner.get("default") {
                    fields.entry(name).or_insert_with(|| default.clone());
                }
                if let Some(field) = fields.get_mut(name) {
                    fill_in(inner, field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| fill_in(&schema["items"], item)),
        _ => {}
    }
}

fn drop_empty_lists(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| field != &json!([]));
            fields.values_mut().for_each(drop_empty_lists);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty_lists),
        _ => {}
    }
}

#[test]
fn rules_stand_where_the_list_says_and_nowhere_else() {
    let mut standing: BTreeMap<String, Vec<String>> = BTreeMap::new();
    walk(&mut |path, schema| {
        let Some(rules) = schema.get("x-kubernetes-validations").and_then(Value::as_array) else { return };
        let cel = rules.iter().map(|rule| rule["rule"].as_str().unwrap().to_owned()).collect();
        standing.insert(path.replacen('.', " ", 1), cel);
    });
    let mut listed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (places, rules) in rules::ALL {
        for place in places.split(", ") {
            listed.insert(place.into(), rules.iter().map(|rule| rule.cel.into()).collect());
        }
    }
    assert_eq!(standing, listed);
}

#[test]
fn rules_have_unique_names_and_one_line_each() {
    let mut names = BTreeSet::new();
    for rule in rules::ALL.iter().flat_map(|(_, rules)| rules.iter()) {
        assert!(names.insert(rule.name), "{}", rule.name);
        assert!(!rule.cel.contains(['\n', '\t']) && !rule.cel.contains("  "), "{}", rule.cel);
        assert!(!rule.message.contains('\n') && !rule.message.contains("  "), "{}", rule.message);
        let open = rule.cel.chars().filter(|c| "([".contains(*c)).count();
        assert_eq!(open, rule.cel.chars().filter(|c| ")]".contains(*c)).count(), "{}", rule.cel);
    }
}

#[test]
fn rules_stand_only_under_lists_of_at_most_64() {
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    let mut ruled = Vec::new();
    walk(&mut |path, schema| {
        if let Some(max) = schema.get("maxItems").and_then(Value::as_u64) {
            sizes.insert(format!("{path}[]"), max);
        }
        if schema.contains_key("x-kubernetes-validations") {
            ruled.push(path.to_owned());
        }
    });
    assert!(ruled.len() > 20);
    for path in ruled {
        for (list, max) in sizes.iter().filter(|(list, _)| path.starts_with(list.as_str())) {
            assert!(*max <= 64, "{path} is under {list}");
        }
    }
}

#[test]
fn patterns_compile_and_are_whole() {
    let mut seen = 0;
    walk(&mut |path, schema| {
        let Some(pattern) = schema.get("pattern").and_then(Value::as_str) else { return };
        regex_automata::meta::Regex::new(pattern).unwrap();
        assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{path}: {pattern}");
        seen += 1;
    });
    assert!(seen > 50, "only {seen} patterns");
}
