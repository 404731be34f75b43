//! Images, built by buildah of what is on this machine: nothing is pulled.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::tools;

/// The image of the program.
pub(super) const NAME: &str = "mailchute.test/mailchute:1";
/// What it stands on.
const BASE: &str = "mailchute.test/base:1";
/// The authorities that Debian believes.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Names the program that is put into it. Without it that is the one that cargo has built for the tests.
const PROGRAM: &str = "MAILCHUTE_PROGRAM";

/// Where buildah keeps what it builds.
pub(crate) struct Store {
    folder: PathBuf,
}

impl Store {
    /// In a folder.
    pub(super) fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// buildah, to be given a command. It needs no container runtime: nothing is run while it builds.
    pub(crate) fn buildah(&self) -> Command {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.folder.join("buildah"));
        command.arg("--runroot").arg(self.folder.join("buildah-run"));
        // Plain folders, so that nothing is mounted.
        command.args(["--storage-driver", "vfs"]);
        command.env("BUILDAH_ISOLATION", "chroot").env("TMPDIR", &self.folder);
        command
    }

    /// Builds what the Dockerfile of a folder says.
    pub(super) fn build(&self, image: &str, context: &Path, options: &[&str]) {
        let mut command = self.buildah();
        command.args(["build", "--quiet", "--pull=never", "--tag", image]).args(options).arg(context);
        tools::output(&mut command);
    }

    /// Packs an image into an archive, and gives where.
    pub(super) fn pack(&self, image: &str) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let archive = self.folder.join(format!("image{}.tar", NEXT.fetch_add(1, Ordering::Relaxed)));
        let target = format!("oci-archive:{}:{image}", archive.display());
        tools::output(self.buildah().args(["push", "--quiet", image, &target]));
        archive
    }
}

/// Builds the base, and puts the program where the last stage of the Dockerfile takes it from. Gives the
/// folder of the Dockerfile, and the options with which that stage is built.
pub(super) fn prepare(store: &Store, folder: &Path) -> (PathBuf, Vec<String>) {
    let base = folder.join("base");
    tools::output(
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/harness/base")).arg(&base),
    );
    store.build(BASE, &base, &["--file", &file(folder, "base.dockerfile", "FROM scratch\nCOPY . /\n")]);
    let build = folder.join("build");
    std::fs::create_dir(&build).unwrap();
    std::fs::copy(CERTIFICATES, build.join("ca-certificates.crt")).unwrap();
    let program = std::env::var(PROGRAM).unwrap_or_else(|_| env!("CARGO_BIN_EXE_mailchute").to_owned());
    println!("image: of {program}");
    tools::output(
        Command::new("strip").arg("--strip-debug").arg("-o").arg(build.join("mailchute")).arg(program),
    );
    let options = [
        "--target=image".to_owned(),
        format!("--build-context=build={}", build.display()),
        format!("--build-arg=BASE={BASE}"),
    ];
    (env!("CARGO_MANIFEST_DIR").into(), options.into())
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.into_os_string().into_string().unwrap()
}
