//! The page of the real `mailchute dev` in a real browser: Chromium without a window, driven by chromedriver.
//!
//! `MAILCHUTE_PICTURES=DIR` has what is seen written there, to be looked at.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says by a panic what is wrong")]

mod browser;
mod canary;
mod contents;
mod delivery;
mod dev;
mod files;
mod hostile;
mod keyboard;
mod live;
mod many;
mod pictures;
#[path = "../support/mod.rs"]
mod support;
