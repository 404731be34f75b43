//! Copies on a real disk, whole and spoilt.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::compile::Snapshot;
use crate::source::wire::encode;

fn public() -> ObjectName {
    ObjectName::new("mail", "public")
}

fn snapshot(gateway: &ObjectName) -> Vec<u8> {
    encode(&Snapshot::of_gateway(), gateway).gzip.to_vec()
}

fn copy_in(folder: &Path) -> Copy {
    Copy::new(&folder.join("snapshot"))
}

#[test]
fn a_copy_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let copy = copy_in(folder.path());
    assert!(copy.read(&public()).unwrap().is_none());
    copy.write(b"the one before").unwrap();
    copy.write(&snapshot(&public())).unwrap();
    let kept = copy.read(&public()).unwrap().unwrap();
    assert_eq!(kept.decoded.gateway, public());
    assert!(kept.written.elapsed().unwrap().as_secs() < 60);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn only_its_owner_may_read_it_whatever_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let copy = copy_in(folder.path());
    for left in [copy.file.clone(), copy.unfinished()] {
        fs::write(&left, "left by another").unwrap();
        fs::set_permissions(&left, fs::Permissions::from_mode(0o666)).unwrap();
    }
    copy.write(&snapshot(&public())).unwrap();
    assert_eq!(fs::metadata(&copy.file).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn what_is_spoilt_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let copy = copy_in(folder.path());
    let whole = snapshot(&public());
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    for octets in [&whole[..whole.len() - 1], &flipped, b"garbage", b""] {
        fs::write(&copy.file, octets).unwrap();
        let error = copy.read(&public()).unwrap_err();
        assert!(matches!(error, CopyError::Damaged(_)), "{error}");
    }
    fs::write(&copy.file, snapshot(&ObjectName::new("mail", "other"))).unwrap();
    let error = copy.read(&public()).unwrap_err();
    assert_eq!(error.to_string(), "it is of gateway mail/other");
    fs::remove_file(&copy.file).unwrap();
    fs::create_dir(&copy.file).unwrap();
    assert!(matches!(copy.read(&public()), Err(CopyError::Io(_))));
}

#[test]
fn what_can_not_be_written_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let copy = copy_in(folder.path());
    copy.write(&snapshot(&public())).unwrap();
    fs::create_dir(copy.unfinished()).unwrap();
    assert!(copy.write(b"x").is_err());
    assert!(copy.read(&public()).unwrap().is_some());
    assert!(copy_in(&folder.path().join("absent")).write(b"x").is_err());
}
