//! Requests as they are sent, answers as they are taken.

use super::*;

const TOKEN: &str = "eyJhbGciOiJub25lIn0.planted-wk9pQz.";

fn options(token: &std::path::Path) -> Options {
    Options {
        controller: "https://controller:8443".parse().unwrap(),
        gateway: ObjectName::new("mail", "public"),
        ca: "ca.crt".into(),
        token: token.to_owned(),
        copy: None,
    }
}

fn answered(status: u16, headers: &[(HeaderName, &'static str)], body: &'static str) -> Answered {
    let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
    Answered {
        status: StatusCode::from_u16(status).unwrap(),
        headers: headers.collect(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn trouble(answered: Answered) -> String {
    meaning(answered).unwrap_err().to_string()
}

#[tokio::test]
async fn a_request_says_who_asks_for_what_and_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let options = options(&file);
    let first = request(&options, None, None).await.unwrap();
    assert_eq!(first.uri(), "/v1/gateways/mail/public/snapshot");
    let field = |request: &Request<_>, name: &str| {
        request.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(field(&first, "authorization"), Some(format!("Bearer {TOKEN}")));
    assert_eq!(field(&first, "mailchute-schemas").as_deref(), Some("1"));
    assert_eq!(field(&first, "accept-encoding").as_deref(), Some("gzip"));
    assert_eq!((field(&first, "if-none-match"), field(&first, "mailchute-refused")), (None, None));
    assert!(!format!("{first:?}").contains("planted"), "{first:?}");

    let refusal = Refusal { version: "b2".to_owned(), why: "grüße\r\nx: y".to_owned() };
    std::fs::write(&file, "another").unwrap();
    let next = request(&options, Some("a1"), Some(&refusal)).await.unwrap();
    assert_eq!(field(&next, "authorization").as_deref(), Some("Bearer another"), "read anew");
    assert_eq!(field(&next, "if-none-match").as_deref(), Some("\"a1\""));
    assert_eq!(field(&next, "prefer").as_deref(), Some("wait=30"));
    assert_eq!(field(&next, "mailchute-refused").as_deref(), Some("b2 gr??e??x: y"));
}

#[tokio::test]
async fn a_token_that_can_not_be_sent_is_told_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let told = async || request(&options(&file), None, None).await.unwrap_err().to_string();
    assert!(told().await.contains("No such file"), "{}", told().await);
    for (token, expected) in [(" \n", "it is empty"), ("planted\nplanted", "it is no token")] {
        std::fs::write(&file, token).unwrap();
        let told = told().await;
        assert!(told.ends_with(expected) && !told.contains("planted\n"), "{told}");
    }
}

#[test]
fn an_answer_is_taken_for_what_it_is() {
    assert!(matches!(meaning(answered(304, &[], "")), Ok(Meaning::Same)));
    let sent = [(ETAG, "\"a1\""), (CONTENT_ENCODING, "gzip")];
    let Ok(Meaning::Snapshot(received)) = meaning(answered(200, &sent, "planted")) else {
        panic!("no snapshot")
    };
    assert_eq!((received.version.as_str(), received.coding), ("a1", Coding::Gzip));
    assert!(!format!("{received:?}").contains("planted"), "{received:?}");
    assert!(matches!(received.read(&mut Decoder::default()), Err(WireError::Gzip(_))));
    let weak = [(ETAG, "W/\"a1\"")];
    let Ok(Meaning::Snapshot(received)) = meaning(answered(200, &weak, "{}")) else { panic!("no snapshot") };
    assert_eq!((received.version.as_str(), received.coding), ("a1", Coding::Plain));

    let strange = [(CONTENT_ENCODING, "br")];
    assert!(trouble(answered(200, &strange, "")).ends_with("its coding was not asked for"));
    let told = trouble(answered(403, &[], "who\u{1b}\nmore"));
    assert_eq!(told, "the controller answers 403: who\\u{1b}");
    assert_eq!(
        trouble(answered(404, &[], "there is none\n")),
        "the controller knows no such gateway: there is none"
    );
    assert_eq!(trouble(answered(302, &[], "")), "the controller answers 302: ");
}
