//! What is read of messages as they come.

use super::*;
use crate::inbox::part::File;

/// A multipart message of these parts: header fields and body of each.
fn mixed(parts: &[&str]) -> Vec<u8> {
    let mut message = "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n".to_owned();
    for part in parts {
        message.push_str(&format!("--b\r\n{part}\r\n"));
    }
    message.push_str("--b--\r\n");
    message.into_bytes()
}

#[test]
fn text_is_decoded_from_its_charset() {
    for (charset, encoded, text) in [
        ("iso-8859-1", "Gr=FC=DFe", "Grüße"),
        ("windows-1252", "=80", "€"),
        ("shift_jis", "=93=FA=96=7B", "日本"),
        ("iso-2022-jp", "=1B$BF|K\\=1B(B", "日本"),
        ("gb18030", "=C4=E3=BA=C3", "你好"),
        ("koi8-r", "=F0=D2=C9=D7=C5=D4", "Привет"),
        ("utf-8", "=E2=82=AC", "€"),
        ("x-unknown", "a", "a"),
    ] {
        let message = format!(
            "Content-Type: text/plain; charset={charset}\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
             {encoded}\r\n"
        );
        let content = Content::of(message.as_bytes());
        assert_eq!(content.text.trim_end(), text, "{charset}");
        assert!(content.has_plain && !content.has_html, "{charset}");
    }
}

#[test]
fn all_parts_of_the_text_are_shown() {
    let html = "Content-Type: text/html\r\n\r\n<p>Two <b>there</b></p>";
    let content = Content::of(&mixed(&["Content-Type: text/plain\r\n\r\nOne", html]));
    assert!(content.text.starts_with("One\r\nTwo there"), "{:?}", content.text);
    assert!(content.has_plain && content.has_html);
    assert!(content.attachments.is_empty(), "{:?}", content.attachments);
}

#[test]
fn long_text_is_cut_between_characters() {
    let message = format!("Subject: x\r\n\r\n{}", "ü".repeat(MAX_TEXT + 1));
    let content = Content::of(message.as_bytes());
    assert_eq!((content.text.chars().count(), content.text_truncated), (MAX_TEXT, true));
}

#[test]
fn header_fields_are_shown_as_they_came_and_decoded() {
    let content =
        Content::of(b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n =?utf-8?q?_x?=\r\nX-Odd: a\xff\r\n\r\n");
    let [subject, odd] = content.fields.as_slice() else { panic!("{:?}", content.fields) };
    assert_eq!(subject.value, "=?utf-8?q?Gr=C3=BC=C3=9Fe?= =?utf-8?q?_x?=");
    assert_eq!(subject.decoded.as_deref(), Some("Grüße x"));
    assert_eq!((odd.name.as_str(), odd.value.as_str(), &odd.decoded), ("X-Odd", "a\u{fffd}", &None));
}

#[test]
fn what_is_no_message_has_nothing() {
    for octets in [&b""[..], b"\r\n", b"\0\xff", b"no field\r\n"] {
        let content = Content::of(octets);
        assert!(content.attachments.is_empty() && !content.has_html, "{octets:?}");
    }
}

/// Octets and name of each attachment.
fn files(message: &[u8]) -> Vec<(Vec<u8>, String)> {
    let content = Content::of(message);
    let files = content.attachments.iter().map(|attachment| {
        let File { octets, disposition } = File::of(message, attachment.part).unwrap();
        assert_eq!(octets.len(), attachment.size);
        (octets, disposition.to_str().unwrap().to_owned())
    });
    files.collect()
}

#[test]
fn files_are_what_they_were_before_they_were_encoded() {
    let all: Vec<u8> = (0..=255).collect();
    let base64 = data_encoding::BASE64_MIME.encode(&all);
    let printable: String = all.chunks(16).fold(String::new(), |mut text, line| {
        line.iter().for_each(|octet| text.push_str(&format!("={octet:02X}")));
        text + "=\r\n"
    });
    let fields = "Content-Type: application/x-all\r\nContent-Disposition: attachment; filename=all.bin\r\n";
    let message = mixed(&[
        &format!("{fields}Content-Transfer-Encoding: base64\r\n\r\n{}", base64.trim_end()),
        &format!(
            "{fields}Content-Transfer-Encoding: quoted-printable\r\n\r\n{}",
            printable.trim_end_matches("=\r\n")
        ),
        &format!("{fields}Content-Transfer-Encoding: 7bit\r\n\r\nplain\r\n\r\n"),
    ]);
    let files = files(&message);
    assert_eq!(files.len(), 3);
    assert_eq!(files[0].0, all);
    assert_eq!(files[1].0, all);
    assert_eq!(files[2].0, b"plain\r\n\r\n");
}

#[test]
fn text_that_is_a_file_keeps_its_charset() {
    let part =
        "Content-Type: text/plain; charset=iso-8859-1\r\nContent-Disposition: attachment; filename=a.txt\r\n";
    let message = mixed(&[
        &format!("{part}Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe=0D=0A"),
        &format!("{part}Content-Transfer-Encoding: base64\r\n\r\nR3L833g="),
    ]);
    let files = files(&message);
    assert_eq!(files[0].0, b"Gr\xfc\xdfe\r\n");
    assert_eq!(files[1].0, b"Gr\xfc\xdfx");
}

#[test]
fn a_message_in_a_message_is_a_file() {
    let inner = "Subject: inner\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nOne\r\n--c--";
    for fields in ["", "Content-Transfer-Encoding: 8bit\r\n"] {
        let message = mixed(&[&format!("Content-Type: message/rfc822\r\n{fields}\r\n{inner}"), "\r\ntext"]);
        let files = files(&message);
        assert_eq!(files.len(), 1, "{files:?}");
        assert_eq!(String::from_utf8_lossy(&files[0].0), inner);
        assert!(files[0].1.contains(".eml\""), "{}", files[0].1);
    }
}

#[test]
fn names_of_files_are_decoded() {
    let part = |disposition: &str| {
        format!("Content-Type: application/pdf\r\nContent-Disposition: attachment; {disposition}\r\n\r\nx")
    };
    let message = mixed(&[
        &part("filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf"),
        &part("filename=\"=?utf-8?q?Gr=C3=BC=C3=9Fe?=.pdf\""),
        &part("filename*0=\"Gr\"; filename*1=\".pdf\""),
    ]);
    let names = Content::of(&message).attachments.into_iter().map(|attachment| attachment.name.unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["Grüße.pdf", "Grüße.pdf", "Gr.pdf"]);
}
