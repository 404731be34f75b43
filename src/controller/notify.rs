//! The leader tells people: what compile noticed, where the authority is not published, CRDs that are too
//! old; as [Events](super::events), each once.

use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::authority::Unpublished;
use super::events::{Round, Teller, Told};
use super::lease::Leadership;
use super::outdated::{self, Outdated};
use super::owner::{Owner, Ownership};
use super::picture::{Picture, Pictures};
use crate::api::ApiKind;
use crate::plan::ObjectName;
use crate::source::cluster::Cluster;

/// How long between rounds: what changes within is told together.
const ROUND: Duration = Duration::from_secs(1);
/// How long until what is left is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Tells people for as long as this replica leads.
pub(super) struct Notifier {
    pub(super) cluster: Cluster,
    pub(super) pictures: Pictures,
    pub(super) leadership: watch::Receiver<Leadership>,
    pub(super) unpublished: watch::Receiver<Unpublished>,
    pub(super) outdated: watch::Receiver<Outdated>,
    /// Whom to tell of what is nobody else's.
    pub(super) owner: Owner,
}

impl Notifier {
    /// Works for as long as what it follows lives.
    pub(super) async fn run(mut self, client: Client, reporter: &str) {
        let mut teller = Teller::new(client, reporter);
        loop {
            if self.leadership.wait_for(|now| *now == Leadership::Leader).await.is_err() {
                return;
            }
            let all = self.all().await;
            let round = teller.tell(all).await;
            let rest = match round {
                Round::Done => ROUND,
                Round::Left => AGAIN,
            };
            tokio::time::sleep(rest).await;
            if round == Round::Left {
                continue;
            }
            let followed = tokio::select! {
                changed = self.pictures.changed() => changed,
                changed = self.unpublished.changed() => changed,
                changed = self.outdated.changed() => changed,
                changed = self.leadership.changed() => changed,
            };
            if followed.is_err() {
                return;
            }
        }
    }

    /// All that there is to tell now.
    async fn all(&mut self) -> Vec<Told> {
        let picture = self.pictures.borrow_and_update().clone();
        let unpublished = self.unpublished.borrow_and_update().clone();
        let outdated = self.outdated.borrow_and_update().clone();
        let mut all = Vec::new();
        // It may be the first to ask, and is answered unless the runtime ends.
        let reported = spawn_blocking(move || {
            picture.inspect(|picture| {
                picture.report();
            })
        });
        if let Ok(Some(picture)) = reported.await {
            all.extend(picture.report().notices.iter().filter_map(|notice| {
                let regarding = self.reference(notice.kind, &notice.name)?;
                Some(Told { regarding, reason: notice.reason, note: notice.message.clone() })
            }));
            all.extend(self.unpublished(&picture, &unpublished));
        }
        if !outdated.is_empty()
            && let Ok(Ownership::Deployment(owner)) = self.owner.find().await
        {
            let regarding = self.owner.reference(owner);
            let names = outdated.into_iter().collect::<Vec<_>>().join(", ");
            let note = format!("{names}: older than the controller; {}", outdated::ADVICE);
            all.push(Told { regarding, reason: "OutdatedCRD", note });
        }
        all
    }

    fn unpublished(&self, picture: &Picture, unpublished: &Unpublished) -> Vec<Told> {
        let gateways = picture.snapshot.gateways();
        let problems = gateways.filter_map(|name| Some((name, unpublished.get(&name.namespace)?)));
        let told = problems.filter_map(|(name, problem)| {
            let regarding = self.reference(ApiKind::Gateway, name)?;
            Some(Told { regarding, reason: "AuthorityNotPublished", note: problem.clone() })
        });
        told.collect()
    }

    /// An object that is there, whether it can be read or not.
    fn reference(&self, kind: ApiKind, name: &ObjectName) -> Option<ObjectReference> {
        let uid = self.cluster.uid(kind, name)?;
        Some(ObjectReference {
            api_version: Some(kind.api_version()),
            kind: Some(kind.name().to_owned()),
            namespace: Some(name.namespace.clone()),
            name: Some(name.name.clone()),
            uid: Some(uid),
            ..ObjectReference::default()
        })
    }
}
