//! Quoted-printable (RFC 2045 §6.7): any octets, on lines that every relay takes.

/// RFC 2045 §6.7 (5): characters of a line, a soft line break's `=` included.
const LINE: usize = 76;

/// Encodes octets. CRLF stays a line end; every other control character but the tab is encoded.
pub(super) fn encode(octets: &[u8], out: &mut Vec<u8>) {
    let mut column = 0;
    let mut at = 0;
    while at < octets.len() {
        let rest = &octets[at..];
        if rest.starts_with(b"\r\n") {
            out.extend_from_slice(b"\r\n");
            (column, at) = (0, at + 2);
            continue;
        }
        let ends_line = rest.len() == 1 || rest[1..].starts_with(b"\r\n");
        let plain = match rest[0] {
            b'=' => false,
            // RFC 2045 §6.7 (3): white space must not end an encoded line.
            b' ' | b'\t' => !ends_line,
            octet => octet.is_ascii_graphic(),
        };
        let width = if plain { 1 } else { 3 };
        if column + width > LINE - 1 {
            out.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if plain {
            out.push(rest[0]);
        } else {
            out.extend_from_slice(format!("={:02X}", rest[0]).as_bytes());
        }
        (column, at) = (column + width, at + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octets_are_encoded_on_short_lines() {
        for (octets, text) in [
            (&b"a = b\r\nc"[..], "a =3D b\r\nc"),
            (b"a \r\nb\t", "a=20\r\nb=09"),
            (b"a\rb\nc\0", "a=0Db=0Ac=00"),
            ("ü".as_bytes(), "=C3=BC"),
        ] {
            let mut out = Vec::new();
            encode(octets, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
        let mut out = Vec::new();
        encode(format!("{}{}", "x".repeat(200), "ü".repeat(100)).as_bytes(), &mut out);
        let lines =
            out.split(|octet| *octet == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).len());
        assert!(lines.max() <= Some(LINE));
    }
}
