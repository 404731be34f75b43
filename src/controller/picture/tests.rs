//! The loop: when it draws, and what stays.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;

/// A gateway with so many routes.
fn objects(routes: usize) -> Option<Arc<Snapshot>> {
    let mut text = "apiVersion: mailchute.dev/v1alpha1\nkind: MailGateway\nmetadata: {name: a, namespace: mail}\nspec:\n  \
                    hostname: a.example.net\n  listeners: [{name: mx, port: 2525, profile: MX}]\n  domains: [{name: \
                    example.net, allowedRoutes: {namespaces: {from: Same}}}]\n"
        .to_owned();
    for number in 0..routes {
        text.push_str(&format!(
            "---\napiVersion: mailchute.dev/v1alpha1\nkind: MailRoute\nmetadata: {{name: r{number}, namespace: \
             mail}}\nspec:\n  parentRefs: [{{name: a}}]\n  rules: [{{name: all, matches: [{{recipient: {{domain: \
             example.net}}}}], delivery: {{backendRefs: [{{name: x}}]}}}}]\n"
        ));
    }
    Some(Arc::new(crate::source::parse("test", &text).unwrap().snapshot))
}

struct Scene {
    changes: watch::Sender<Option<Arc<Snapshot>>>,
    pictures: Pictures,
    metrics: Metrics,
}

fn scene<D>(draw: D) -> Scene
where
    D: Fn(&Drawn, Arc<Snapshot>, Instant) -> Drawn + Clone + Send + 'static,
{
    let (changes, seen) = watch::channel(None);
    let (sender, pictures) = watch::channel(None);
    let metrics = Metrics::new();
    let drawn = Drawn::default();
    let work = Work { changes: seen, pictures: sender, metrics: metrics.clone(), drawn, due: None };
    tokio::spawn(work.run(draw));
    Scene { changes, pictures, metrics }
}

impl Scene {
    /// Waits until so many routes are published.
    async fn routes(&mut self, count: usize) {
        let has = |picture: &Option<Arc<Picture>>| {
            let mut published = picture.iter().flat_map(|picture| picture.gateways.values());
            published.next().is_some_and(|published| published.routes == count)
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), self.pictures.wait_for(has)).await;
        assert!(waited.is_ok_and(|waited| waited.is_ok()), "{count} routes are never published");
    }

    async fn errors(&self, count: usize) {
        let line = format!("mailchute_compile_errors_total {count}\n");
        let told = async {
            while !self.metrics.render().contains(&line) {
                tokio::task::yield_now().await;
            }
        };
        assert!(tokio::time::timeout(Duration::from_secs(10), told).await.is_ok(), "{line}");
    }
}

#[tokio::test]
async fn nothing_is_drawn_before_all_has_been_listed_and_nothing_taken_while_a_list_is_gone() {
    let drawn = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&drawn);
    let mut scene = scene(move |last, snapshot, now| {
        count.fetch_add(1, Ordering::SeqCst);
        gate::draw(last, snapshot, now)
    });
    scene.changes.send_replace(None);
    scene.changes.send_replace(objects(1));
    scene.routes(1).await;
    scene.changes.send_replace(None);
    scene.changes.send_replace(objects(2));
    scene.routes(2).await;
    assert_eq!(drawn.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn an_internal_error_keeps_the_last_picture() {
    let mut scene = scene(|last, snapshot, now| {
        assert!(snapshot.objects().count() != 3, "on purpose");
        gate::draw(last, snapshot, now)
    });
    scene.changes.send_replace(objects(1));
    scene.routes(1).await;
    scene.changes.send_replace(objects(2));
    scene.errors(1).await;
    scene.routes(1).await;
    scene.changes.send_replace(objects(3));
    scene.routes(3).await;
}

#[tokio::test]
async fn what_is_held_is_published_in_time_though_nothing_changes() {
    let draws = Arc::new(AtomicUsize::new(0));
    let mut scene = scene(move |last, snapshot, now| {
        // The second look, which holds, was nearly a minute ago.
        let ago = if draws.fetch_add(1, Ordering::SeqCst) == 1 { 59_800 } else { 0 };
        gate::draw(last, snapshot, now.checked_sub(Duration::from_millis(ago)).unwrap())
    });
    scene.changes.send_replace(objects(50));
    scene.routes(50).await;
    scene.changes.send_replace(objects(2));
    scene.routes(2).await;
    let text = scene.metrics.render();
    assert!(text.contains("mailchute_snapshot_routes{gateway=\"mail/a\"} 2\n"), "{text}");
    assert!(text.contains("mailchute_compile_seconds_count 3\n"), "{text}");
}
