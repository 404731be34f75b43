//! Files as a source: what is read, what is refused and where, and what a watcher makes of edits.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailchute::api::Object;
use mailchute::source::{Event, Loaded, Unreadable, Watch, read, watch};
use tempfile::TempDir;

const BACKEND: &str = "apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\nmetadata: {name: a, namespace: app}\n\
                       spec: {http: {url: \"http://x.test/\"}}\n";

fn with(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load(folder: &TempDir) -> Result<Loaded, Unreadable> {
    read(&[folder.path().to_owned()])
}

fn names(loaded: &Loaded) -> Vec<String> {
    loaded.snapshot.objects().map(|(name, object)| format!("{} {name}", object.kind().name())).collect()
}

/// `line:column: problem` of each error.
fn problems(text: &str) -> Vec<String> {
    let folder = with(&[("file.yaml", text)]);
    let prefix = format!("{}:", folder.path().join("file.yaml").display());
    let error = load(&folder).expect_err("it should be refused");
    error.0.iter().map(|error| error.to_string().strip_prefix(&prefix).unwrap().trim().to_owned()).collect()
}

#[test]
fn reads_documents_lists_and_json_of_a_folder_but_not_below_it() {
    let list =
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: ns}\n";
    let json =
        r#"{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"k": "v"}}"#;
    let two = format!("---\n{BACKEND}---\n---\n{}", BACKEND.replace("name: a,", "name: b,"));
    let folder = with(&[
        ("a.yaml", &two),
        ("b.yml", list),
        ("c.json", json),
        ("d.txt", "not: read"),
        (".e.yaml", "not: read"),
    ]);
    fs::create_dir(folder.path().join("below")).unwrap();
    fs::write(folder.path().join("below/f.yaml"), "not: read").unwrap();
    let loaded = load(&folder).unwrap();
    assert_eq!(
        names(&loaded),
        ["MailBackend app/a", "MailBackend app/b", "Secret default/s", "Namespace /ns"]
    );
    let secret = loaded.snapshot.objects().find_map(|(_, object)| match object {
        Object::Secret(secret) => secret.data.as_ref()?.get("k").map(|octets| octets.0.clone()),
        _ => None,
    });
    assert_eq!(secret, Some(b"v".to_vec()));
}

#[test]
fn a_file_that_is_named_is_read_whatever_it_is_called() {
    let folder = with(&[("backend.txt", BACKEND)]);
    assert_eq!(names(&read(&[folder.path().join("backend.txt")]).unwrap()), ["MailBackend app/a"]);
}

#[test]
fn other_kinds_are_left_out_with_a_warning() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 1}\n";
    let knative = "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: web, namespace: ns}\n";
    let folder = with(&[("a.yaml", BACKEND), ("b.yaml", deployment), ("c.yaml", knative)]);
    let loaded = load(&folder).unwrap();
    assert_eq!(names(&loaded), ["MailBackend app/a"]);
    let told: Vec<String> = loaded.findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "warning: Deployment default/web: Unused: mailchute reads nothing of this kind (apps/v1)",
            "warning: Service ns/web: Unused: mailchute reads nothing of this kind (serving.knative.dev/v1)",
        ]
    );
}

#[test]
fn errors_name_line_and_column() {
    let spec = "spec:\n  maxInFlight: 3\n  http: {ulr: x, url: \"http://x.test/\"}\n";
    let field = BACKEND.replace("spec: {http: {url: \"http://x.test/\"}}\n", spec);
    let bad_type = BACKEND.replace("spec: {", "spec: {limits: {maxInFlight: many}, ");
    let bad_word = BACKEND.replace("spec: {http: {", "spec: {http: {format: 1.2, ");
    let bad_range = bad_type.replace("many", "-1");
    for (text, expected) in [
        (&*field, &["5:16: unknown field spec.maxInFlight", "6:15: unknown field spec.http.ulr"][..]),
        (&bad_type, &["4:30: spec.limits.maxInFlight: invalid type"]),
        (
            &bad_range,
            &["4:30: spec.limits.maxInFlight: invalid value: integer `-1`, expected a whole number"],
        ),
        (
            &bad_word,
            &["4:23: spec.http.format: invalid type: floating point `1.2`, expected text; numbers, true"],
        ),
        ("a: [1\nb: 2\n", &["2:"]),
        ("a: 1\na: 2\n", &["2:1: duplicate mapping key: a"]),
        ("kind: MailBackend\n", &["1:1: a Kubernetes object needs apiVersion"]),
        ("apiVersion: v1\nkind: 7\n", &["2:7: a Kubernetes object needs kind"]),
        (
            "apiVersion: mailchute.dev/v1\nkind: MailBackend\n",
            &["1:13: MailBackend is not of mailchute.dev/v1"],
        ),
        (
            "apiVersion: mailchute.dev/v1alpha1\nkind: MailBox\n",
            &["1:13: mailchute.dev/v1alpha1 has no kind MailBox"],
        ),
        ("apiVersion: v2\nkind: Secret\n", &["1:13: Secret is not of v2"]),
        ("apiVersion: v1\nkind: Secret\nmetadata: {namespace: ns}\n", &["3:11: Secret needs metadata.name"]),
        (
            "apiVersion: v1\nkind: Secret\nmetadata: {name: ns}\nsringData: {a: b}\n",
            &["4:12: unknown field sringData"],
        ),
        (&BACKEND.replace("name: a,", "name: A_b,"), &["3:18: metadata.name: lower-case letters"]),
        (
            &BACKEND.replace("namespace: app", "namespace: a.b"),
            &["3:32: metadata.namespace: lower-case letters"],
        ),
        (&format!("{BACKEND}---\n{BACKEND}"), &["6:1: MailBackend app/a is there twice"]),
    ] {
        let found = problems(text);
        assert_eq!(found.len(), expected.len(), "{text}\n{found:#?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{text}\n{found}\n{expected}");
            assert!(!found.contains(" at line "), "the place is told twice: {found}");
        }
    }
}

#[test]
fn what_is_quoted_of_a_file_stays_on_its_line() {
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n\"a\\nerror: \\e[2J\": b\n";
    let [problem] = &problems(text)[..] else { panic!("one problem") };
    assert!(problem.contains(r"unknown field a\nerror: \u{1b}[2J"), "{problem:?}");
    assert!(!problem.contains(char::is_control), "{problem:?}");
}

#[test]
fn what_a_secret_holds_is_never_told() {
    for data in
        ["data: {k: \"hunter2!\"}", "stringData: {k: 31337}", "stringData: hunter2", "data: {k: [hunter2]}"]
    {
        let text = format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: ns}}\n{data}\n");
        let told = problems(&text).join("\n");
        assert!(!told.contains("hunter2") && !told.contains("31337"), "{told}");
    }
}

#[test]
fn metadata_is_free_form_and_status_is_not_read() {
    let text = "apiVersion: mailchute.dev/v1alpha1\nkind: MailBackend\n\
                metadata: {name: a, labels: {x: z}, annotations: {w: \"1\"}, whatever: 1}\n\
                spec: {http: {url: \"http://x.test/\"}}\nstatus: {whatever: 1}\n";
    assert!(load(&with(&[("a.yaml", text)])).is_ok());
}

#[test]
fn a_folder_without_manifests_and_a_path_that_is_not_there_are_errors() {
    assert!(load(&with(&[("a.txt", BACKEND)])).is_err());
    assert!(read(&[PathBuf::from("/nowhere/at/all.yaml")]).is_err());
}

/// The next event, well before a test is given up.
async fn next(watch: &mut Watch) -> Event {
    tokio::time::timeout(Duration::from_secs(20), watch.next()).await.expect("nothing was noticed").unwrap()
}

async fn changed(watch: &mut Watch) -> Vec<String> {
    match next(watch).await {
        Event::Changed(loaded) => names(&loaded),
        Event::Broken(error) => panic!("{error}"),
    }
}

fn backend(name: &str) -> String {
    BACKEND.replace("name: a,", &format!("name: {name},"))
}

#[tokio::test]
async fn a_broken_edit_is_told_once_and_the_next_good_one_recovers() {
    let folder = with(&[("a.yaml", BACKEND)]);
    let file = folder.path().join("a.yaml");
    let (loaded, mut watch) = watch(vec![folder.path().to_owned()]).unwrap();
    assert_eq!(names(&loaded), ["MailBackend app/a"]);
    fs::write(&file, "spec: [").unwrap();
    let Event::Broken(error) = next(&mut watch).await else { panic!("it should be refused") };
    assert!(error.to_string().contains("a.yaml:1:"), "{error}");
    fs::write(&file, backend("b")).unwrap();
    assert_eq!(changed(&mut watch).await, ["MailBackend app/b"]);
}

#[tokio::test]
async fn an_editor_that_renames_is_noticed_for_a_file() {
    let folder = with(&[("a.yaml", BACKEND)]);
    let file = folder.path().join("a.yaml");
    let (_, mut watch) = watch(vec![file.clone()]).unwrap();
    for name in ["b", "c"] {
        let draft = folder.path().join(".a.yaml.swp");
        fs::write(&draft, backend(name)).unwrap();
        fs::rename(&draft, &file).unwrap();
        assert_eq!(changed(&mut watch).await, [format!("MailBackend app/{name}")]);
    }
}

/// As a kubelet does: files are links through `..data`, which is exchanged as a whole.
fn mount(folder: &Path, version: &str, text: &str) {
    let data = folder.join(format!("..{version}"));
    fs::create_dir(&data).unwrap();
    fs::write(data.join("a.yaml"), text).unwrap();
    std::os::unix::fs::symlink(format!("..{version}"), folder.join("..tmp")).unwrap();
    fs::rename(folder.join("..tmp"), folder.join("..data")).unwrap();
}

#[tokio::test]
async fn a_config_map_that_is_exchanged_is_noticed() {
    let folder = with(&[]);
    mount(folder.path(), "one", BACKEND);
    std::os::unix::fs::symlink("..data/a.yaml", folder.path().join("a.yaml")).unwrap();
    let (_, mut watch) = watch(vec![folder.path().to_owned()]).unwrap();
    for (before, version, name) in [("one", "two", "b"), ("two", "three", "c")] {
        mount(folder.path(), version, &backend(name));
        fs::remove_dir_all(folder.path().join(format!("..{before}"))).unwrap();
        assert_eq!(changed(&mut watch).await, [format!("MailBackend app/{name}")]);
    }
}

#[tokio::test]
async fn files_that_come_and_go_are_noticed() {
    let folder = with(&[("a.yaml", BACKEND)]);
    let (_, mut watch) = watch(vec![folder.path().to_owned()]).unwrap();
    fs::write(folder.path().join("b.yaml"), backend("b")).unwrap();
    assert_eq!(changed(&mut watch).await, ["MailBackend app/a", "MailBackend app/b"]);
    fs::remove_file(folder.path().join("a.yaml")).unwrap();
    assert_eq!(changed(&mut watch).await, ["MailBackend app/b"]);
}

#[test]
fn a_version_names_what_was_read() {
    let version = |text: &str| mailchute::source::parse("all.yaml", text).unwrap().version;
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {key: one}\n";
    assert_eq!(version(secret), version(secret));
    assert_ne!(version(secret), version(&secret.replace("one", "two")));
    assert_eq!(version(secret).len(), 16);
}
