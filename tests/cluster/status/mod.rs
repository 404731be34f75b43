//! What the real controller writes into status, on a real apiserver.

mod settle;
mod table;

use mailchute::api::{ApiKind, Object};
use mailchute::plan::ObjectName;

use crate::harness::ControlPlane;

/// All objects of ours of which the namespace fits, as they are now, in the order of kind and name. Those that can't
/// be read are left out.
fn objects(plane: &ControlPlane, fits: impl Fn(&str) -> bool) -> Vec<(ObjectName, Object)> {
    let kinds = "mailgateways,mailroutes,mailbackends,recipientpolicies";
    let list = plane.kubectl().get(&[kinds, "--all-namespaces"]);
    let mut objects: Vec<(ObjectName, Object)> = Vec::new();
    for item in list["items"].as_array().unwrap() {
        let text = |field: &str| item[field].as_str().unwrap();
        let kind = ApiKind::find(text("apiVersion"), text("kind")).unwrap();
        let Ok(object) = kind.deserialize(item.clone()) else { continue };
        let name = ObjectName::new(object.namespace(), object.name());
        objects.extend(fits(&name.namespace).then_some((name, object)));
    }
    objects.sort_by_key(|(name, object)| (object.kind(), name.clone()));
    objects
}
