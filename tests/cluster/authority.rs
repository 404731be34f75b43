//! The authority of the controller's certificates: made once, published, rotated without a gap, and mended
//! when somebody spoils its Secret.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use mailchute::controller::authority::{Issuer, Keeper, Kept, Unpublished, follow};
use mailchute::controller::lease::Leadership;
use mailchute::controller::owner::Owner;
use mailchute::metrics::Metrics;
use mailchute::plan::ObjectName;
use rcgen::{CertificateParams, DnType, IsCa, KeyPair};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::harness::ControlPlane;
use crate::lease::deployment;
use crate::support::until::PATIENCE;

const NAME: &str = "mailchute-ca";

/// A replica that keeps the authority, and follows it as all do. It ends with the test's runtime.
struct Replica {
    issuer: watch::Receiver<Option<Arc<Issuer>>>,
    unpublished: watch::Receiver<Unpublished>,
    namespaces: watch::Sender<Option<Arc<std::collections::BTreeSet<String>>>>,
    _leadership: watch::Sender<Leadership>,
}

impl Replica {
    fn start(client: &Client, namespace: &str, front_ends: &[&str]) -> Self {
        let secret = ObjectName::new(namespace, NAME);
        let (issuer, held, following) = follow(client.clone(), secret.clone(), &Metrics::new());
        tokio::spawn(following);
        let front_ends = front_ends.iter().map(ToString::to_string).collect();
        let (namespaces, seen_namespaces) = watch::channel(Some(Arc::new(front_ends)));
        let (leadership, seen_leadership) = watch::channel(Leadership::Leader);
        let (told, unpublished) = watch::channel(Unpublished::new());
        let keeper = Keeper {
            kept: Kept::Own { secret, held },
            config_map: NAME.to_owned(),
            owner: Owner::new(client.clone(), namespace, Some("control".to_owned())),
            namespaces: seen_namespaces,
            leadership: seen_leadership,
        };
        tokio::spawn(keeper.run(client.clone(), told));
        Self { issuer, unpublished, namespaces, _leadership: leadership }
    }

    /// Waits until it signs by another authority than this.
    async fn signs_by_another(&mut self, than: Option<&Issuer>) -> Arc<Issuer> {
        let another = |now: &Option<Arc<Issuer>>| now.as_ref().is_some_and(|now| Some(&**now) != than);
        let waiting = timeout(PATIENCE, self.issuer.wait_for(another)).await;
        waiting.expect("another authority signs").unwrap().clone().unwrap()
    }
}

/// Waits until an object holds what `look` finds.
async fn eventually<K, T>(api: &Api<K>, name: &str, what: &str, look: impl Fn(K) -> Option<T>) -> T
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let looking = async {
        loop {
            if let Some(found) = api.get_opt(name).await.unwrap().and_then(&look) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// The certificates of a bundle, once it has so many.
async fn bundle(config_maps: &Api<ConfigMap>, certificates: usize) -> String {
    let what = format!("{certificates} certificates are published");
    eventually(config_maps, NAME, &what, |found: ConfigMap| {
        let bundle = found.data?.remove("ca.crt")?;
        (bundle.matches("BEGIN CERTIFICATE").count() == certificates).then_some(bundle)
    })
    .await
}

fn holds(bundle: &str, issuer: &Issuer) -> bool {
    let flat: String = bundle.split_whitespace().collect();
    flat.contains(&STANDARD.encode(issuer.certificate()))
}

fn empty_config_map(plane: &ControlPlane, namespace: &str) {
    plane.kubectl().run(&["create", "configmap", NAME, "--namespace", namespace]);
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_agree_on_one_and_publish_it() {
    let plane = ControlPlane::shared();
    let (namespace, other) = (plane.namespace("authority"), plane.namespace("authority-other"));
    let client = plane.client().await;
    plane.kubectl().apply(&deployment(&namespace));
    empty_config_map(plane, &namespace);
    let (mut one, mut two) = (
        Replica::start(&client, &namespace, &[&namespace]),
        Replica::start(&client, &namespace, &[&namespace]),
    );
    let issuer = one.signs_by_another(None).await;
    assert_eq!(issuer, two.signs_by_another(None).await);
    let config_maps = Api::namespaced(client.clone(), &namespace);
    assert!(holds(&bundle(&config_maps, 1).await, &issuer));
    let secret: Secret = Api::namespaced(client.clone(), &namespace).get(NAME).await.unwrap();
    assert_eq!(secret.metadata.owner_references.unwrap()[0].name, "control");

    let both = [&namespace, &other].map(ToString::to_string).into();
    one.namespaces.send_replace(Some(Arc::new(both)));
    let missing =
        one.unpublished.wait_for(|all| all.get(&other).is_some_and(|why| why.contains("no ConfigMap")));
    timeout(PATIENCE, missing).await.expect("the absent one is told").unwrap();
    empty_config_map(plane, &other);
    // Another change of the namespaces, so that it need not be waited for.
    one.namespaces.send_replace(Some(Arc::new([other.clone()].into())));
    assert!(holds(&bundle(&Api::namespaced(client.clone(), &other), 1).await, &issuer));
    let published = one.unpublished.wait_for(Unpublished::is_empty);
    timeout(PATIENCE, published).await.expect("nothing is missing").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_or_deleted_secret_is_made_good() {
    let plane = ControlPlane::shared();
    let (namespace, client) = (plane.namespace("authority-spoilt"), plane.client().await);
    plane.kubectl().apply(&deployment(&namespace));
    empty_config_map(plane, &namespace);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let config_maps = Api::namespaced(client.clone(), &namespace);
    let mut replica = Replica::start(&client, &namespace, &[&namespace]);
    let first = replica.signs_by_another(None).await;
    let spoilt =
        json!({ "data": { "tls.key": STANDARD.encode("spoilt") }, "metadata": { "labels": { "a": "b" } } });
    secrets.patch(NAME, &PatchParams::default(), &Patch::Merge(spoilt)).await.unwrap();
    let second = replica.signs_by_another(Some(&first)).await;
    assert_eq!(secrets.get(NAME).await.unwrap().metadata.labels.unwrap()["a"], "b", "what is not ours stays");

    secrets.delete(NAME, &Default::default()).await.unwrap();
    let third = replica.signs_by_another(Some(&second)).await;
    let published = async {
        while !holds(&bundle(&config_maps, 1).await, &third) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, published).await.expect("the third authority alone is believed");
}

/// Puts keys into the Secret in place of those it has.
async fn set(secrets: &Api<Secret>, key: &str, time: SystemTime) {
    let time = jiff::Timestamp::try_from(time).unwrap().to_string();
    let patch = json!({ "data": { key: STANDARD.encode(time) } });
    secrets.patch(NAME, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
}

/// An authority that ends in a month, as it stands in the Secret.
fn old_authority() -> BTreeMap<String, ByteString> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    let month = Duration::from_secs(30 * 24 * 3600);
    params.not_after = (SystemTime::now() + month).into();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "an old authority");
    let certificate = params.self_signed(&key).unwrap().pem();
    let data = [
        ("tls.crt", certificate),
        ("tls.key", key.serialize_pem()),
        ("since", "2024-01-01T00:00:00Z".into()),
    ];
    data.map(|(key, text)| (key.to_owned(), ByteString(text.into_bytes()))).into()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_authority_is_believed_before_it_signs_and_the_old_one_after() {
    let plane = ControlPlane::shared();
    let (namespace, client) = (plane.namespace("authority-rotation"), plane.client().await);
    empty_config_map(plane, &namespace);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let config_maps = Api::namespaced(client.clone(), &namespace);
    let mut secret = Secret { data: Some(old_authority()), ..Secret::default() };
    secret.metadata.name = Some(NAME.to_owned());
    secrets.create(&Default::default(), &secret).await.unwrap();
    let mut replica = Replica::start(&client, &namespace, &[&namespace]);
    let old = replica.signs_by_another(None).await;

    assert!(holds(&bundle(&config_maps, 2).await, &old));
    let announced = |secret: Secret| secret.data?.remove("published");
    eventually(&secrets, NAME, "the next one is announced", announced).await;
    assert_eq!(replica.issuer.borrow().as_deref(), Some(&*old), "it does not sign yet");

    let now = SystemTime::now();
    set(&secrets, "published", now - Duration::from_secs(601)).await;
    let new = replica.signs_by_another(Some(&old)).await;
    let both = bundle(&config_maps, 2).await;
    assert!(holds(&both, &new) && holds(&both, &old));

    set(&secrets, "since", now - Duration::from_secs(26 * 3600)).await;
    assert!(holds(&bundle(&config_maps, 1).await, &new));
    assert_eq!(replica.issuer.borrow().as_deref(), Some(&*new));
}
