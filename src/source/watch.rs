//! Files, watched: each change that matters is an event, however an editor or a kubelet makes it.
//!
//! Folders are watched, not files: editors write a new file and rename it, and a mounted ConfigMap is
//! a set of links through `..data`, which is exchanged as a whole. Which folders those are may change
//! with every change, so they are found anew before every reading. A change is waited out: the files
//! are read when nothing has moved for 100 ms, at the latest after 500 ms.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::error::{SourceError, Unreadable};
use super::files::{self, Loaded};

/// Nothing may have moved for so long before files are read.
const QUIET: Duration = Duration::from_millis(100);
/// After so long they are read even so.
const PATIENCE: Duration = Duration::from_millis(500);

/// Something has changed.
#[derive(Debug, Clone)]
pub enum Event {
    /// The files hold this now.
    Changed(Loaded),
    /// They can't be used as they are now: what they held before stands.
    Broken(Unreadable),
}

/// Changes of files, while it is held.
#[derive(Debug)]
pub struct Watch {
    events: mpsc::Receiver<Event>,
}

impl Watch {
    /// The next change. May be dropped while it waits; nothing is lost by it.
    ///
    /// `None` once the runtime shuts down.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}

/// Reads files and folders, and watches them from then on. Needs a tokio runtime.
///
/// # Errors
///
/// All that is wrong with them at the start, or that they can't be watched.
pub fn watch(paths: Vec<PathBuf>) -> Result<(Loaded, Watch), Unreadable> {
    let (poke, pokes) = mpsc::channel(1);
    let folders = watch_folders(&paths, &poke)?;
    let loaded = files::read(&paths)?;
    let (sender, events) = mpsc::channel(1);
    let follower = Follower { paths, poke, folders: Some(folders), last: Ok(loaded.clone()) };
    tokio::spawn(follower.run(pokes, sender));
    Ok((loaded, Watch { events }))
}

struct Follower {
    paths: Vec<PathBuf>,
    poke: mpsc::Sender<()>,
    /// Pokes for as long as it is held.
    folders: Option<RecommendedWatcher>,
    last: Result<Loaded, Unreadable>,
}

impl Follower {
    async fn run(mut self, mut pokes: mpsc::Receiver<()>, events: mpsc::Sender<Event>) {
        loop {
            tokio::select! {
                () = events.closed() => return,
                poke = pokes.recv() => if poke.is_none() { return },
            }
            settle(&mut pokes).await;
            let Some(event) = self.reload().await else { continue };
            if events.send(event).await.is_err() {
                return;
            }
        }
    }

    /// Watches anew, then reads: what changes in between pokes again.
    async fn reload(&mut self) -> Option<Event> {
        let (paths, poke) = (self.paths.clone(), self.poke.clone());
        let read = move || match watch_folders(&paths, &poke) {
            Ok(folders) => (Some(folders), files::read(&paths)),
            Err(error) => (None, Err(error)),
        };
        let (folders, now) = tokio::task::spawn_blocking(read).await.ok()?;
        self.folders = folders.or_else(|| self.folders.take());
        if now == self.last {
            return None;
        }
        self.last = now.clone();
        Some(match now {
            Ok(loaded) => Event::Changed(loaded),
            Err(error) => Event::Broken(error),
        })
    }
}

async fn settle(pokes: &mut mpsc::Receiver<()>) {
    let latest = Instant::now() + PATIENCE;
    while let Ok(Some(())) = timeout_at(latest.min(Instant::now() + QUIET), pokes.recv()).await {}
}

/// Pokes when something moves in one of the folders that matter to `paths`.
fn watch_folders(paths: &[PathBuf], poke: &mpsc::Sender<()>) -> Result<RecommendedWatcher, Unreadable> {
    let poke = poke.clone();
    let wrong = |file: &Path, error: &notify::Error| {
        // Its own text names the paths once more.
        let problem = match &error.kind {
            notify::ErrorKind::Io(error) => format!("can't be watched: {error}"),
            _ => format!("can't be watched: {error}"),
        };
        Unreadable(vec![SourceError { file: file.to_owned(), place: None, problem }])
    };
    let concern = Concern::of(paths);
    let on_event = move |event: notify::Result<notify::Event>| {
        // Our own reading must not make us read, nor what others do beside our files. An error of
        // the watcher may hide a change.
        if !event.is_ok_and(|event| !moves(event.kind) || !concern.has(&event.paths)) {
            // Full: a poke is on its way already.
            let _ = poke.try_send(());
        }
    };
    let first = paths.first().cloned().unwrap_or_default();
    let mut watcher = notify::recommended_watcher(on_event).map_err(|error| wrong(&first, &error))?;
    for folder in folders(paths) {
        let watched = watcher.watch(&folder, RecursiveMode::NonRecursive);
        watched.map_err(|error| wrong(&folder, &error))?;
    }
    Ok(watcher)
}

fn moves(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Which changes in the folders that are watched are about our files.
struct Concern {
    /// Folders of manifests: whatever is in them.
    folders: BTreeSet<PathBuf>,
    /// Files, folders and what links lead to: they, and all above them.
    paths: BTreeSet<PathBuf>,
}

impl Concern {
    fn of(paths: &[PathBuf]) -> Self {
        let mut concern = Self { folders: BTreeSet::new(), paths: BTreeSet::new() };
        for path in paths {
            let files = files::list(path).unwrap_or_default();
            for path in [path].into_iter().chain(&files) {
                concern.paths.extend(std::path::absolute(path));
                concern.paths.extend(path.canonicalize());
            }
            if path.is_dir() {
                concern.folders.extend(std::path::absolute(path));
                concern.folders.extend(path.canonicalize());
            }
        }
        concern
    }

    /// An event without paths may be about anything.
    fn has(&self, changed: &[PathBuf]) -> bool {
        changed.is_empty()
            || changed.iter().any(|changed| {
                changed.parent().is_some_and(|folder| self.folders.contains(folder))
                    || self.paths.iter().any(|path| path.starts_with(changed))
            })
    }
}

/// Where a path stands and where its links lead, each by the nearest folder that is there.
fn folders(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    for path in paths {
        folders.insert(nearest_folder(path.parent()));
        if path.is_dir() {
            folders.insert(path.clone());
        }
        for file in files::list(path).unwrap_or_default() {
            let target = file.canonicalize().unwrap_or(file);
            folders.insert(nearest_folder(target.parent()));
        }
        if let Ok(target) = path.canonicalize() {
            folders.insert(nearest_folder(target.parent()));
        }
    }
    folders
}

fn nearest_folder(folder: Option<&Path>) -> PathBuf {
    let ancestors = folder.into_iter().flat_map(Path::ancestors);
    let there = ancestors.filter(|folder| folder.is_dir()).map(Path::to_owned).next();
    there.unwrap_or_else(|| PathBuf::from("."))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_others_do_beside_our_files_is_no_concern() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let manifests = root.join("manifests");
        fs::create_dir(&manifests).unwrap();
        fs::write(root.join("target.yaml"), "").unwrap();
        std::os::unix::fs::symlink(root.join("target.yaml"), manifests.join("link.yaml")).unwrap();
        let concern = Concern::of(std::slice::from_ref(&manifests));
        let has = |path: &str| concern.has(&[root.join(path)]);
        for path in ["manifests", "manifests/new.yaml", "manifests/..data", "target.yaml", ""] {
            assert!(has(path), "{path}");
        }
        for path in ["a.log", "manifests-2", "manifests-2/a.yaml", "manifests/below/a.yaml"] {
            assert!(!has(path), "{path}");
        }
        assert!(concern.has(&[]));
    }
}
