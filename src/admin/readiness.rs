//! Whether the front-end may be sent traffic, and if not, why.

use std::borrow::Cow;

use tokio::sync::watch;

/// One front-end's readiness: not ready, "starting", until someone says otherwise. Clones share it.
#[derive(Debug, Clone)]
pub struct Readiness(watch::Sender<Option<Cow<'static, str>>>);

impl Default for Readiness {
    fn default() -> Self {
        Self::new()
    }
}

impl Readiness {
    /// Not ready yet.
    pub fn new() -> Self {
        Self(watch::Sender::new(Some(Cow::Borrowed("starting"))))
    }

    /// It may be sent traffic.
    pub fn set_ready(&self) {
        self.0.send_replace(None);
    }

    /// It may not, for this reason: one line that the prober will see.
    pub fn set_not_ready(&self, reason: impl Into<Cow<'static, str>>) {
        self.0.send_replace(Some(reason.into()));
    }

    /// Why it is not ready; `None` where it is.
    pub fn reason(&self) -> Option<Cow<'static, str>> {
        self.0.borrow().clone()
    }

    /// Returns once it is ready.
    pub async fn ready(&self) {
        let mut changes = self.0.subscribe();
        // The sender lives as long as `self`, so the wait ends by the value alone.
        let _ = changes.wait_for(Option::is_none).await;
    }
}
