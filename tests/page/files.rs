//! Attachments through the browser: every octet as it was sent.

use super::browser::Browser;
use super::dev::Dev;

/// A file in a message: fields, encoded body, the name it is to have, its octets.
struct File {
    part: String,
    name: &'static str,
    octets: Vec<u8>,
}

fn all_octets() -> Vec<u8> {
    (0..=255).cycle().take(3 * 256 + 1).collect()
}

fn base64(disposition: &str, name: &'static str) -> File {
    let octets = all_octets();
    let body = data_encoding::BASE64_MIME.encode(&octets);
    let part = format!(
        "Content-Type: application/x-anything\r\nContent-Disposition: attachment; {disposition}\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n{body}"
    );
    File { part, name, octets }
}

fn encoded(content_type: &str, encoding: &str, body: &str, name: &'static str, octets: &[u8]) -> File {
    let part = format!(
        "Content-Type: {content_type}\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\r\n{body}"
    );
    File { part, name, octets: octets.to_vec() }
}

fn printable(octets: &[u8]) -> String {
    octets.chunks(20).fold(String::new(), |text, line| {
        line.iter().fold(text, |text, octet| text + &format!("={octet:02X}")) + "=\r\n"
    })
}

fn files() -> Vec<File> {
    let all = all_octets();
    let inner = b"Subject: inner\r\nX: 1\r\n\r\n.a dot\r\n\r\n";
    let as_text = String::from_utf8_lossy(inner);
    vec![
        base64("filename=plain.bin", "plain.bin"),
        base64("filename*=UTF-8''Gr%C3%BC%C3%9Fe%20%E6%97%A5%E6%9C%AC.bin", "Grüße 日本.bin"),
        base64("filename=\"=?utf-8?b?R3LDvMOfZTIuYmlu?=\"", "Grüße2.bin"),
        base64("filename=\"../../../passwd.bin\"", "passwd.bin"),
        base64("filename=\"a;b=c 'd' (e).bin\"", "a;b=c 'd' (e).bin"),
        base64("filename=\"page.html.bin\"", "page.html.bin"),
        encoded(
            "application/x-qp",
            "quoted-printable",
            printable(&all).trim_end_matches("=\r\n"),
            "printable.bin",
            &all,
        ),
        encoded(
            "text/plain; charset=iso-8859-1",
            "quoted-printable",
            "Gr=FC=DFe=0D=0A",
            "latin.txt",
            b"Gr\xfc\xdfe\r\n",
        ),
        encoded("text/plain; charset=shift_jis", "base64", "k/qWew==", "japan.txt", b"\x93\xfa\x96\x7b"),
        encoded(
            "text/html",
            "7bit",
            "<script>document.title = 'x'</script>\r\n",
            "bad.html",
            b"<script>document.title = 'x'</script>\r\n",
        ),
        encoded("image/svg+xml", "8bit", "<svg>\u{fc}</svg>", "bad.svg", "<svg>\u{fc}</svg>".as_bytes()),
        encoded("message/rfc822", "7bit", &as_text, "inner.eml", inner),
    ]
}

#[test]
fn attachments_are_downloaded_byte_exact() {
    let (dev, browser, files) = (Dev::start(), Browser::start(), files());
    let mut message = "Subject: files\r\nMIME-Version: 1.0\r\n\
                       Content-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\n\r\nSee the files.\r\n"
        .to_owned();
    for file in &files {
        message.push_str(&format!("--=_b\r\n{}\r\n", file.part));
    }
    message.push_str("--=_b--\r\n");
    let id = dev.send(message.as_bytes());
    browser.open(&dev.url(&format!("/messages/{id}?view=attachments")));
    let links = browser.value("return document.querySelectorAll('.attachments a').length");
    assert_eq!(links, files.len());
    for (index, file) in files.iter().enumerate() {
        browser.click(&format!(".attachments li:nth-child({}) a", index + 1));
        assert_eq!(browser.downloaded(file.name), file.octets, "{}", file.name);
        // Opened by itself, it is a download as well.
        browser.value(&format!("location.assign(document.querySelectorAll('.attachments a')[{index}].href)"));
        assert!(browser.is("document.querySelector('.attachments')"), "{} was shown", file.name);
    }
    let raw = dev.get(&format!("/messages/{id}/raw"));
    browser.press("d");
    assert_eq!(browser.downloaded(&format!("{id}.eml")), raw);
    assert!(raw.ends_with(message.as_bytes()));
}
