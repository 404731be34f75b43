//! What is published of gateways that change, break, shrink and go.

use std::time::Duration;

use super::*;
use crate::controller::picture::Known;

/// The objects of gateways `a` and `b`, each with so many routes.
fn objects(a: Option<(&str, usize)>, b: usize) -> Arc<Snapshot> {
    let mut text = String::new();
    if let Some((hostname, routes)) = a {
        text.push_str(&gateway("a", hostname));
        (0..routes).for_each(|number| text.push_str(&route("a", number)));
    }
    text.push_str(&gateway("b", "b.example.net"));
    (0..b).for_each(|number| text.push_str(&route("b", number)));
    Arc::new(crate::source::parse("test", &text).unwrap().snapshot)
}

fn gateway(name: &str, hostname: &str) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\nmetadata: {{name: {name}, namespace: mail}}\nspec:\n  \
         hostname: \"{hostname}\"\n  frontEnds: {{serviceAccountName: \"{name}-{hostname}\"}}\n  listeners: [{{name: mx, port: \
         2525, profile: MX}}]\n  domains: [{{name: example.net, allowedRoutes: {{namespaces: {{from: Same}}}}}}]\n---\n"
    )
}

fn route(gateway: &str, number: usize) -> String {
    format!(
        "apiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: {gateway}-{number}, namespace: \
         mail}}\nspec:\n  parentRefs: [{{name: {gateway}}}]\n  rules: [{{name: all, matches: [{{recipient: {{domain: \
         example.net}}}}], delivery: {{backendRefs: [{{name: x}}]}}}}]\n---\n"
    )
}

fn name(gateway: &str) -> ObjectName {
    ObjectName::new("mail", gateway)
}

fn published<'a>(drawn: &'a Drawn, gateway: &str) -> Option<&'a Arc<Published>> {
    drawn.picture.as_ref().unwrap().gateways.get(&name(gateway))
}

fn routes(drawn: &Drawn, gateway: &str) -> Option<usize> {
    published(drawn, gateway).map(|published| published.routes)
}

/// What follows the first, `after` seconds later.
fn next(last: &Drawn, snapshot: Arc<Snapshot>, (began, after): (Instant, u64)) -> Drawn {
    draw(last, snapshot, began + Duration::from_secs(after))
}

#[test]
fn only_what_says_something_else_is_made_anew() {
    let now = Instant::now();
    let first = draw(&Drawn::default(), objects(Some(("a.example.net", 2)), 1), now);
    let second = next(&first, objects(Some(("a.example.net", 3)), 1), (now, 1));
    let same =
        |gateway| Arc::ptr_eq(published(&first, gateway).unwrap(), published(&second, gateway).unwrap());
    assert!(same("b") && !same("a"));
    assert_eq!(
        (routes(&first, "a"), routes(&second, "a"), routes(&second, "b")),
        (Some(2), Some(3), Some(1))
    );
}

#[test]
fn a_gateway_that_can_t_be_used_keeps_what_was_published() {
    let now = Instant::now();
    let broken = || objects(Some(("-", 2)), 1);
    let first = draw(&Drawn::default(), objects(Some(("a.example.net", 1)), 1), now);
    let second = next(&first, broken(), (now, 1));
    let (before, after) = (published(&first, "a").unwrap(), published(&second, "a").unwrap());
    assert_eq!((&before.encoded, before.routes), (&after.encoded, after.routes));
    assert_eq!(before.service_account.as_deref(), Some("a-a.example.net"));
    assert_eq!(after.service_account.as_deref(), Some("a--"), "who may have it is as the gateway says now");

    let never = draw(&Drawn::default(), broken(), now);
    assert!(published(&never, "a").is_none() && published(&never, "b").is_some());
    let picture = never.picture.unwrap();
    assert!(matches!(picture.gateway(&name("a")), Known::Unusable { service_account: Some("a--") }));
    assert!(matches!(picture.gateway(&name("c")), Known::Absent));
}

#[test]
fn a_gateway_that_can_t_be_read_keeps_what_was_published() {
    let now = Instant::now();
    let first = draw(&Drawn::default(), objects(Some(("a.example.net", 30)), 1), now);
    let mut unreadable = Snapshot::clone(&objects(None, 1));
    unreadable.insert_unreadable(ApiKind::Gateway, name("a"), "no".to_owned());
    let unreadable = Arc::new(unreadable);
    let second = next(&first, Arc::clone(&unreadable), (now, 1));
    assert!(Arc::ptr_eq(published(&first, "a").unwrap(), published(&second, "a").unwrap()));
    assert!(second.due().is_none(), "nothing waits");

    let never = draw(&Drawn::default(), unreadable, now).picture.unwrap();
    assert!(matches!(never.gateway(&name("a")), Known::Unusable { service_account: None }));
}

#[test]
fn most_routes_gone_wait_for_a_minute() {
    let now = Instant::now();
    let few = || objects(Some(("new.example.net", 5)), 2);
    let first = draw(&Drawn::default(), objects(Some(("a.example.net", 50)), 1), now);
    let held = next(&first, few(), (now, 1));
    assert_eq!((routes(&held, "a"), routes(&held, "b")), (Some(50), Some(2)), "others go on");
    assert_eq!(held.held[&name("a")].lost, 45);
    assert_eq!(held.due(), Some(now + Duration::from_secs(61)));
    let owner = published(&held, "a").unwrap().service_account.as_deref();
    assert_eq!(owner, Some("a-new.example.net"), "who may have it is as the gateway says now");

    let notices = |drawn: &Drawn| -> Vec<Notice> {
        let notices = drawn.picture.iter().flat_map(|picture| &picture.report().notices);
        notices.filter(|notice| notice.reason == "SnapshotHeld").cloned().collect()
    };
    assert!(notices(&first).is_empty());
    let [notice] = notices(&held).try_into().unwrap();
    assert_eq!(notice.name, name("a"));
    assert!(notice.message.contains("45 of 50 routes"), "{}", notice.message);

    let still = next(&held, few(), (now, 60));
    assert_eq!((routes(&still, "a"), still.due()), (Some(50), held.due()), "it counts from the first time");
    let over = next(&still, few(), (now, 61));
    assert_eq!((routes(&over, "a"), over.due()), (Some(5), None));

    let back = next(&held, objects(Some(("a.example.net", 49)), 2), (now, 2));
    assert_eq!((routes(&back, "a"), back.due()), (Some(49), None));
}

#[test]
fn a_gateway_that_is_deleted_takes_its_routes_with_it() {
    let now = Instant::now();
    for (count, held) in [(20, None), (21, Some(21))] {
        let first = draw(&Drawn::default(), objects(Some(("a.example.net", count)), 1), now);
        let second = next(&first, objects(None, 1), (now, 1));
        assert_eq!(routes(&second, "a"), held);
        let third = next(&second, objects(None, 1), (now, 61));
        assert_eq!(routes(&third, "a"), None);
    }
}

#[test]
fn an_offer_says_why_it_is_an_old_one() {
    let (first, now) = (objects(Some(("a.example.net", 50)), 1), Instant::now());
    let first = draw(&Drawn::default(), first, now);
    let version = published(&first, "a").unwrap().encoded.version.clone();
    let mut gate = Gate { last: &first, now, gateways: BTreeMap::new(), held: BTreeMap::new() };
    let new = Published { routes: 5, ..Published::clone(published(&first, "a").unwrap()) };
    let offers =
        [gate.offer(&name("a"), &Arc::new(new)), gate.keep(&name("a"), None), gate.keep(&name("c"), None)];
    let [
        Offer::Held { version: held, why },
        Offer::Held { version: kept, .. },
        Offer::Held { version: none, .. },
    ] = offers
    else {
        panic!("{offers:?}")
    };
    assert_eq!((held, kept, none), (Some(version.clone()), Some(version), None));
    assert!(why.contains("45 of 50 routes"), "{why}");
}

#[test]
fn what_is_published_shows_no_secret() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: users, namespace: mail}\nstringData: {ada: wk9pQz7Lm2}\n";
    let gateway = gateway("a", "a.example.net")
        .replace("listeners:", "auth: {credentialsSecretRef: {name: users}}\n  listeners:");
    let snapshot = crate::source::parse("test", &(gateway + secret)).unwrap().snapshot;
    let drawn = draw(&Drawn::default(), Arc::new(snapshot), Instant::now());
    let body = &published(&drawn, "a").unwrap().encoded.body;
    let (plain, in_base64) = ("wk9pQz7Lm2", "d2s5cFF6N0xtMg==");
    assert!(String::from_utf8_lossy(body).contains(in_base64), "front-ends need it");
    let shown = format!("{drawn:?} {:?}", Known::Published(published(&drawn, "a").unwrap()));
    assert!(shown.contains("users"), "{shown}");
    assert!(!shown.contains(plain) && !shown.contains(in_base64), "{shown}");
    assert!(!shown.contains(&format!("{:?}", plain.as_bytes())), "{shown}");
}
