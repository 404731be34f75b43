//! What the controller writes back into the status of each kind.
//!
//! Conditions are those of Kubernetes (metav1). Positive ones are always there, negative ones only when true.

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    policy::TargetRef,
    route::ParentRef,
    schema::{LABEL, atomic, keyed_by, structural},
};

/// Status of a MailGateway: Accepted, Programmed, Ready.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(transform = structural)]
pub struct MailGatewayStatus {
    /// What is true of the whole gateway.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// What is true of each listener.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = keyed_by("name"))]
    pub listeners: Vec<ListenerStatus>,
    /// Version of the snapshot that front-ends are offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub snapshot_version: Option<String>,
}

/// Status of one listener: Accepted, ResolvedRefs, Programmed, Conflicted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// Name of the listener.
    #[schemars(length(min = 1, max = 63), regex(pattern = LABEL))]
    pub name: String,
    /// How many routes are attached to it.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub attached_routes: u32,
    /// What is true of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// Status of a MailRoute.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(transform = structural)]
pub struct MailRouteStatus {
    /// Ready: it is so with all parents.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// What is true towards each parent; other controllers may have entries of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), transform = atomic)]
    pub parents: Vec<RouteParentStatus>,
}

/// Status of a route towards one parent: Accepted, ResolvedRefs, Programmed, PartiallyInvalid, mailchute.dev/Shadowed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouteParentStatus {
    /// The parent, as the route names it.
    pub parent_ref: ParentRef,
    /// The controller that wrote this entry.
    #[schemars(length(min = 1, max = 253))]
    pub controller_name: String,
    /// What is true of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// Status of a MailBackend: Accepted, ResolvedRefs, Ready.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(transform = structural)]
pub struct MailBackendStatus {
    /// What is true of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// Status of a RecipientPolicy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, rename_all = "camelCase")]
#[schemars(transform = structural)]
pub struct RecipientPolicyStatus {
    /// Ready: it is so with all ancestors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
    /// What is true towards each target; other controllers may have entries of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), transform = atomic)]
    pub ancestors: Vec<PolicyAncestorStatus>,
}

/// Status of a policy towards one target: Accepted, Programmed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PolicyAncestorStatus {
    /// The target, as the policy names it.
    pub ancestor_ref: TargetRef,
    /// The controller that wrote this entry.
    #[schemars(length(min = 1, max = 253))]
    pub controller_name: String,
    /// What is true of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "conditions")]
    pub conditions: Vec<Condition>,
}

/// metav1.Condition with the bounds that Kubernetes documents for it, which the generated type lacks.
fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "description": "What it is about, in CamelCase or as example.com/CamelCase.",
                    "type": "string",
                    "maxLength": 316,
                    "pattern": r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                },
                "status": { "description": "Whether it is so.", "type": "string", "enum": ["True", "False", "Unknown"] },
                "observedGeneration": {
                    "description": "The generation of the object that this was said of.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
                "lastTransitionTime": {
                    "description": "When the status last changed.",
                    "type": "string",
                    "format": "date-time",
                    "maxLength": 64,
                },
                "reason": {
                    "description": "Why, in one word for machines.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": { "description": "Why, for people.", "type": "string", "maxLength": 32768 },
            },
        },
    })
}
