//! Folders with certificates, good and bad.

use std::fs;

use rcgen::{CertificateParams, KeyPair};

use super::*;

fn write(folder: &Path, name: &str) -> CertificateDer<'static> {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    fs::write(folder.join(CHAIN), certificate.pem()).unwrap();
    fs::write(folder.join(KEY), key.serialize_pem()).unwrap();
    certificate.der().clone()
}

#[tokio::test]
async fn another_certificate_is_taken_and_a_bad_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(folder.path(), "a.example");
    let (mut follower, presented) = Follower::new(folder.path().to_owned()).await.unwrap();
    assert_eq!(presented.cert[0], first);
    assert!(follower.look().await.is_none(), "nothing has changed");
    let second = write(folder.path(), "b.example");
    assert_eq!(follower.look().await.unwrap().cert[0], second);

    fs::write(folder.path().join(KEY), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(follower.look().await.is_none(), "a key of another certificate is not taken");
    fs::remove_file(folder.path().join(KEY)).unwrap();
    assert!(follower.look().await.is_none());
    let third = write(folder.path(), "c.example");
    assert_eq!(follower.look().await.unwrap().cert[0], third);
}

#[tokio::test]
async fn who_looks_sees_the_first_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(folder.path(), "a.example");
    let certificate = follow(folder.path().to_owned()).await.unwrap();
    assert_eq!(certificate.borrow().as_ref().unwrap().cert[0], first);
}

#[tokio::test]
async fn what_is_wrong_at_the_start_is_told_and_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let error = async || follow(folder.path().to_owned()).await.unwrap_err().to_string();
    assert!(error().await.contains("tls.crt: can't be read"));
    write(folder.path(), "a.example");
    let key = fs::read_to_string(folder.path().join(KEY)).unwrap();
    for (name, text, what) in [
        (CHAIN, "", "holds no PEM"),
        (CHAIN, key.as_str(), "holds no PEM"),
        (KEY, "secret", "holds no PEM"),
        (KEY, "-----BEGIN PRIVATE KEY-----\nsecret", "is not PEM"),
    ] {
        write(folder.path(), "a.example");
        fs::write(folder.path().join(name), text).unwrap();
        let error = error().await;
        assert!(error.contains(name) && error.contains(what) && !error.contains("secret"), "{error}");
    }
}
