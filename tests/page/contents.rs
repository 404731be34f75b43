//! What is in a message, as it is read: text of many charsets, images that it brings.

use super::browser::Browser;
use super::dev::Dev;

#[test]
fn text_is_read_in_its_charset() {
    let (dev, browser) = (Dev::start(), Browser::start());
    for (charset, encoded, text) in [
        ("iso-8859-1", "Gr=FC=DFe", "Grüße"),
        ("shift_jis", "=93=FA=96=7B", "日本"),
        ("utf-8", "=D7=A9", "ש"),
    ] {
        let message = format!(
            "Content-Type: text/plain; charset={charset}; format=flowed\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\n{encoded}\r\n"
        );
        let id = dev.send(message.as_bytes());
        browser.open(&dev.url(&format!("/messages/{id}")));
        assert_eq!(browser.text("document.querySelector('.prose').textContent.trim()"), text, "{charset}");
    }
}

#[test]
fn html_is_shown_with_the_images_that_it_brings() {
    let (dev, browser) = (Dev::start(), Browser::start());
    // One pixel.
    let gif = "R0lGODlhAQABAIAAAP8AAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==";
    let message = format!(
        "Subject: picture\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n\
         Content-Type: text/html; charset=iso-2022-jp\r\n\r\n\x1b$BF|K\\\x1b(B<img id=i src=\"cid:1@x\">\
         <p style=\"color: rgb(1, 2, 3)\">styled</p>\r\n--b\r\n\
         Content-Type: image/gif\r\nContent-ID: <1@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n{gif}\r\n--b--\r\n"
    );
    let id = dev.send(message.as_bytes());
    browser.open(&dev.url(&format!("/messages/{id}/html")));
    browser.wait("document.querySelector('#i').complete");
    assert_eq!(browser.text("document.querySelector('#i').naturalWidth"), "1");
    assert_eq!(browser.text("getComputedStyle(document.querySelector('p')).color"), "rgb(1, 2, 3)");
    assert!(
        browser
            .is("document.body.textContent.startsWith('日本') || document.body.innerText.includes('日本')")
    );
}
