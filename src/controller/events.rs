//! Events: what a person should see who looks at an object with `kubectl describe`.
//!
//! The name of an Event is made of its object and of what it says, so whoever tells the same again, this
//! replica or the one that led before, finds it there: a settled cluster makes no Events. What disappears
//! and comes back within the hour that the API server keeps Events is not told twice either; status is
//! where it always stands. (kube's own Recorder names Events by the time and would tell all of it anew
//! with each new leader; it counts repetitions, which needs leave to patch Events.)

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use ring::digest::{SHA256, digest};
use tokio::time::timeout;

use super::FIELD_MANAGER;
use crate::status::CONTROLLER_NAME;

/// How many are written at a time.
const AT_A_TIME: usize = 4;
/// How long one may take.
const WITHIN: Duration = Duration::from_secs(10);
/// Events of one round; what is more waits for the next.
const ROUND: usize = 200;
/// Kubernetes: a name has at most 253 octets.
const NAME: usize = 253;
/// Kubernetes: the note of an Event has at most 1024 octets.
const NOTE: usize = 1024;
/// Octets of the digest that stand in a name.
const DIGEST: usize = 8;

/// What is told of an object. All of it is worth a look, so all are of type `Warning`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    /// The object.
    pub(super) regarding: ObjectReference,
    /// Why, in one word for machines.
    pub(super) reason: &'static str,
    /// Why, for people.
    pub(super) note: String,
}

impl Told {
    /// The name of its Event.
    fn name(&self) -> String {
        let uid = self.regarding.uid.as_deref().unwrap_or_default();
        let said = [uid, self.reason, &self.note].join("\n");
        let digest = digest(&SHA256, said.as_bytes());
        let digest: String = digest.as_ref()[..DIGEST].iter().map(|octet| format!("{octet:02x}")).collect();
        let object = self.regarding.name.as_deref().unwrap_or_default();
        let object = object.get(..NAME - digest.len() - 1).unwrap_or(object);
        format!("{}.{digest}", object.trim_end_matches(['-', '.']))
    }

    fn event(&self, reporter: &str) -> Event {
        Event {
            metadata: ObjectMeta {
                name: Some(self.name()),
                namespace: self.regarding.namespace.clone(),
                ..ObjectMeta::default()
            },
            action: Some("Compile".into()),
            event_time: Some(MicroTime(Timestamp::now())),
            note: Some(cut(&self.note, NOTE).to_owned()),
            reason: Some(self.reason.into()),
            regarding: Some(self.regarding.clone()),
            reporting_controller: Some(CONTROLLER_NAME.into()),
            reporting_instance: Some(reporter.to_owned()),
            type_: Some("Warning".into()),
            ..Event::default()
        }
    }
}

/// Tells each thing once.
pub(super) struct Teller {
    client: Client,
    /// The name of the pod.
    reporter: String,
    /// Names of Events that are there.
    told: HashSet<String>,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Round {
    /// All is told.
    Done,
    /// Something is left.
    Left,
}

impl Teller {
    pub(super) fn new(client: Client, reporter: &str) -> Self {
        // Kubernetes: at most 128 octets.
        Self { client, reporter: cut(reporter, 128).to_owned(), told: HashSet::new() }
    }

    /// Tells what is not told yet of all that there is to tell now.
    pub(super) async fn tell(&mut self, all: Vec<Told>) -> Round {
        let all: HashMap<String, Told> = all.into_iter().map(|told| (told.name(), told)).collect();
        self.told.retain(|name| all.contains_key(name));
        let new: Vec<_> = all.into_iter().filter(|(name, _)| !self.told.contains(name)).collect();
        let mut round = if new.len() > ROUND { Round::Left } else { Round::Done };
        let writes = new.into_iter().take(ROUND).map(|(name, told)| {
            let (client, event) = (self.client.clone(), told.event(&self.reporter));
            async move { write(client, event).await.map(|()| name) }
        });
        let mut writes = stream::iter(writes.collect::<Vec<_>>()).buffer_unordered(AT_A_TIME);
        while let Some(written) = writes.next().await {
            match written {
                Ok(name) => _ = self.told.insert(name),
                Err(error) => {
                    tracing::warn!(error, "an Event can't be written");
                    round = Round::Left;
                }
            }
        }
        round
    }
}

async fn write(client: Client, event: Event) -> Result<(), String> {
    let namespace = event.metadata.namespace.as_deref().unwrap_or("default");
    let events: Api<Event> = Api::namespaced(client, namespace);
    let params = PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match timeout(WITHIN, events.create(&params, &event)).await {
        Ok(Ok(_)) => Ok(()),
        // It is told already; or the namespace is gone, and with it what it was about.
        Ok(Err(kube::Error::Api(status))) if status.is_already_exists() || status.is_not_found() => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// At most so many octets, whole characters.
fn cut(text: &str, octets: usize) -> &str {
    let end = (0..=octets.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(object: &str, note: &str) -> Told {
        let regarding = ObjectReference {
            name: Some(object.to_owned()),
            uid: Some("1-2-3".into()),
            ..ObjectReference::default()
        };
        Told { regarding, reason: "Shadowed", note: note.to_owned() }
    }

    #[test]
    fn the_same_has_the_same_name_and_another_thing_another() {
        let name = told("support", "by a").name();
        assert!(name.starts_with("support."), "{name}");
        assert_eq!(name, told("support", "by a").name());
        assert_ne!(name, told("support", "by b").name());
    }

    #[test]
    fn long_names_and_notes_are_cut() {
        let name = told(&format!("{}.b", "a".repeat(251)), "").name();
        assert!(name.len() <= NAME && !name.contains(".."), "{name}");
        let note = told("a", &"é".repeat(1000)).event("pod").note.unwrap();
        assert_eq!(note.len(), NOTE);
        assert_eq!(cut(&format!("a{}", "é".repeat(1000)), NOTE).len(), NOTE - 1);
    }
}
