//! Exchanges by the examples of the RFCs, and by what clients get wrong.

use std::num::NonZeroU32;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use ring::pbkdf2;

use super::exchange::Failed;
use super::hash::{DIGEST, Hash, HashError, mac, sha256};
use super::{Credentials, Exchange, Flaw, FlawKind, NONCE_OCTETS, Turn, scram};

/// `pencil`, with the salt of RFC 7677 §3.
const PENCIL: &str = "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$\
                      WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
/// `pencil` too, as cheap as may be.
const BCRYPT: &str = "$2b$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2";
/// `password`, of the reference implementation's tests.
const ARGON2: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

fn read(entries: &[(&str, &str)]) -> (Option<Credentials>, Vec<Flaw>) {
    Credentials::read(entries.iter().map(|(key, value)| (*key, value.as_bytes())))
}

fn credentials(entries: &[(&str, &str)]) -> Credentials {
    let (credentials, flaws) = read(entries);
    assert_eq!(flaws, []);
    credentials.unwrap()
}

/// Says all of this; gives who has signed in.
fn play(exchange: Exchange, said: &[&[u8]], credentials: &Credentials) -> Option<String> {
    let mut turn = exchange.begin(None, credentials);
    for each in said {
        let Turn::Challenge(_, exchange) = turn else { return None };
        turn = exchange.respond(Bytes::copy_from_slice(each), credentials);
    }
    match turn {
        Turn::Password(attempt) => credentials.check(&attempt).map(|user| user.to_string()),
        Turn::SignedIn(user) => Some(user.to_string()),
        Turn::Challenge(..) | Turn::Failed => None,
    }
}

#[test]
fn known_hashes_verify() {
    for (password, text) in [
        (&b"password"[..], ARGON2),
        (b"password", "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$T/XOJ2mh1/TIpJHfCdQan76Q5esCFVoT5MAeIM1Oq2E"),
        (b"password", "$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY"),
        (b"U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
        (b"\xa3", "$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq"),
        (b"pencil", BCRYPT),
        (b"pencil", PENCIL),
    ] {
        let hash = Hash::parse(text).unwrap();
        assert!(hash.verify(password), "{text}");
        assert!(!hash.verify(b"other") && !hash.verify(b""), "{text}");
        assert_eq!(format!("{hash:?}"), "Hash(…)");
    }
}

#[test]
fn hashes_that_cost_too_much_are_not_taken() {
    let argon2 = |parameters: &str| format!("$argon2id$v=19${parameters}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEg");
    let scram = |iterations: &str| PENCIL.replace("4096", iterations);
    for (text, error) in [
        (argon2("m=131073,t=1,p=1"), HashError::Argon2Cost),
        (argon2("m=4294967295,t=1,p=1"), HashError::Argon2Cost),
        (argon2("m=131072,t=9,p=1"), HashError::Argon2Cost),
        (argon2("m=256,t=4294967295,p=1"), HashError::Argon2Cost),
        (argon2("m=256,t=1,p=17"), HashError::Argon2Cost),
        (argon2("m=1,t=1,p=1"), HashError::Malformed),
        (BCRYPT.replace("$04$", "$15$"), HashError::BcryptCost),
        (BCRYPT.replace("$04$", "$03$"), HashError::Malformed),
        (scram("4095"), HashError::Iterations),
        (scram("1000001"), HashError::Iterations),
        (scram("0"), HashError::Malformed),
        ("$2x$04$abcdefghijklmnopqrstuu/FyAyuZSl3DbPdvio4KrIBdz2k2yhV2".to_owned(), HashError::Unknown),
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0".to_owned(), HashError::Unknown),
        ("secret".to_owned(), HashError::Unknown),
        ("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d:wfPL".to_owned(), HashError::Malformed),
        ("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ".to_owned(), HashError::Malformed),
        ("$2b$04$".to_owned(), HashError::Malformed),
    ] {
        assert_eq!(Hash::parse(&text), Err(error), "{text}");
    }
    for text in [argon2("m=131072,t=8,p=4"), BCRYPT.replace("$04$", "$14$"), scram("1000000")] {
        assert!(Hash::parse(&text).is_ok(), "{text}");
    }
}

#[test]
fn users_are_keys_and_lines() {
    let lines = format!("# people\n\na@b:{PENCIL}\r\n  I\u{ad}X:{BCRYPT}\n");
    let both = credentials(&[("alice", BCRYPT), ("users", &lines)]);
    assert_eq!((both.len(), both.has_scram(), both.is_whole()), (3, false, true));
    for (name, user) in [("alice", Some("alice")), ("a@b", Some("a@b")), ("IX", Some("IX")), ("users", None)]
    {
        let said = format!("\0{name}\0pencil");
        assert_eq!(play(Exchange::plain(), &[said.as_bytes()], &both).as_deref(), user);
    }
    assert!(!format!("{both:?}").contains("alice"));
    assert!(credentials(&[("alice", PENCIL), ("users", &format!("a@b:{PENCIL}"))]).has_scram());
}

#[test]
fn an_entry_that_can_not_be_used_is_told_and_left_out() {
    for (value, line, kind) in [
        ("", None, FlawKind::NotText),
        ("secret", Some(1), FlawKind::NoName),
        (":x", Some(1), FlawKind::NoName),
        ("\nbob:secret", Some(2), FlawKind::Hash(HashError::Unknown)),
        ("$2b$99$", None, FlawKind::Hash(HashError::Malformed)),
        ("b\u{7}b:$2b$04$", Some(1), FlawKind::BadName),
    ] {
        let (credentials, flaws) = read(&[("key", value), ("good", BCRYPT)]);
        assert_eq!(flaws, [Flaw { key: "key".to_owned(), line, kind }], "{value:?}");
        let credentials = credentials.unwrap();
        assert_eq!((credentials.len(), credentials.is_whole()), (1, false));
        assert!(!kind.to_string().contains("secret"));
    }
    let twice = format!("bob:{BCRYPT}\nbob:{PENCIL}");
    let (nobody, flaws) = read(&[("users", &twice)]);
    assert_eq!(flaws, [Flaw { key: "users".to_owned(), line: Some(2), kind: FlawKind::Twice }]);
    assert_eq!(nobody, None);
    assert_eq!(read(&[]), (None, vec![]));
}

/// RFC 4616 §2.
#[test]
fn plain_takes_one_name_and_one_password() {
    let users = credentials(&[("alice", BCRYPT), ("bob", PENCIL)]);
    for (said, user) in [
        (&b"\0alice\0pencil"[..], Some("alice")),
        (b"alice\0alice\0pencil", Some("alice")),
        (b"\0bob\0pencil", Some("bob")),
        (b"bob\0alice\0pencil", None),
        (b"\0alice\0wrong", None),
        (b"\0carol\0pencil", None),
        (b"\0alice\0pencil\0", None),
        (b"\0alice\0", None),
        (b"\0\0pencil", None),
        (b"alice\0pencil", None),
        (b"", None),
        (b"\0\xff\0pencil", None),
        (b"\0ALICE\0pencil", None),
    ] {
        assert_eq!(play(Exchange::plain(), &[said], &users).as_deref(), user, "{said:?}");
        let turn = Exchange::plain().begin(Some(Bytes::copy_from_slice(said)), &users);
        let at_once = match turn {
            Turn::Password(attempt) => users.check(&attempt).map(|user| user.to_string()),
            _ => None,
        };
        assert_eq!(at_once.as_deref(), user, "{said:?}");
    }
}

#[test]
fn login_asks_twice_or_once() {
    let users = credentials(&[("alice", BCRYPT)]);
    let Turn::Challenge(asked, exchange) = Exchange::login().begin(None, &users) else { panic!() };
    assert_eq!(asked, "Username:");
    let Turn::Challenge(asked, _) = exchange.respond(Bytes::from_static(b"alice"), &users) else { panic!() };
    assert_eq!(asked, "Password:");
    let Turn::Challenge(asked, exchange) =
        Exchange::login().begin(Some(Bytes::from_static(b"alice")), &users)
    else {
        panic!()
    };
    assert_eq!(asked, "Password:");
    assert!(matches!(exchange.respond(Bytes::from_static(b"pencil"), &users), Turn::Password(_)));
    let user = |said: &[&[u8]]| play(Exchange::login(), said, &users);
    assert_eq!(user(&[b"alice", b"pencil"]).as_deref(), Some("alice"));
    assert_eq!(user(&[b"alice", b"wrong"]), None);
    assert_eq!(user(&[b"alice", b""]), None);
    assert_eq!(user(&[b"", b"pencil"]), None);
}

/// RFC 7677 §3.
#[test]
fn scram_as_in_the_rfc() {
    let users = credentials(&[("user", PENCIL)]);
    let nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let (challenge, challenged) =
        scram::first(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO", nonce, &users).ok().unwrap();
    assert_eq!(
        challenge,
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    );
    let (signature, user) = challenged
        .finish(
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
              p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        )
        .ok()
        .unwrap();
    assert_eq!(signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    assert_eq!(&*user, "user");
}

/// A client that follows RFC 5802: what it says last, and the signature it then expects.
fn proof(gs2_header: &str, bare: &str, challenge: &str, password: &[u8]) -> (String, String) {
    let attribute = |name: &str| challenge.split(',').find_map(|each| each.strip_prefix(name)).unwrap();
    let salt = STANDARD.decode(attribute("s=")).unwrap();
    let iterations: NonZeroU32 = attribute("i=").parse().unwrap();
    let mut salted = [0; DIGEST];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, password, &mut salted);
    let without = format!("c={},r={}", STANDARD.encode(gs2_header), attribute("r="));
    let said = format!("{bare},{challenge},{without}");
    let key = mac(&salted, b"Client Key");
    let signature = mac(&sha256(&key), said.as_bytes());
    let proof: Vec<u8> = key.iter().zip(signature).map(|(a, b)| a ^ b).collect();
    let verifier = mac(&mac(&salted, b"Server Key"), said.as_bytes());
    (format!("{without},p={}", STANDARD.encode(proof)), format!("v={}", STANDARD.encode(verifier)))
}

/// Plays SCRAM to its end; gives who has signed in, and how many challenges there were.
fn scram_with(
    users: &Credentials,
    first: (&str, &str),
    password: &[u8],
    change: fn(String) -> String,
) -> (Option<String>, u32) {
    let said = Bytes::from(format!("{}{}", first.0, first.1));
    let Turn::Challenge(challenge, exchange) = Exchange::scram([7; NONCE_OCTETS]).begin(Some(said), users)
    else {
        return (None, 0);
    };
    let challenge = String::from_utf8(challenge.to_vec()).unwrap();
    let (last, verifier) = proof(first.0, first.1, &challenge, password);
    let Turn::Challenge(signature, exchange) = exchange.respond(change(last).into(), users) else {
        return (None, 1);
    };
    assert_eq!(signature, verifier);
    match exchange.respond(Bytes::new(), users) {
        Turn::SignedIn(user) => (Some(user.to_string()), 2),
        _ => (None, 2),
    }
}

#[test]
fn scram_proves_a_password() {
    let users = credentials(&[("user", PENCIL), ("users", &format!("a,b=c:{PENCIL}"))]);
    let same = |last: String| last;
    for (first, password, user) in [
        (("n,,", "n=user,r=abc"), "pencil", (Some("user"), 2)),
        (("y,,", "n=user,r=abc"), "pencil", (Some("user"), 2)),
        (("n,a=user,", "n=user,r=abc"), "pencil", (Some("user"), 2)),
        (("n,,", "n=a=2Cb=3Dc,r=abc"), "pencil", (Some("a,b=c"), 2)),
        (("n,,", "n=user,r=abc,x=later"), "pencil", (Some("user"), 2)),
        (("n,a=other,", "n=user,r=abc"), "pencil", (None, 0)),
        (("p=tls-unique,,", "n=user,r=abc"), "pencil", (None, 0)),
        (("n,,", "m=new,n=user,r=abc"), "pencil", (None, 0)),
        (("n,,", "n=us=er,r=abc"), "pencil", (None, 0)),
        (("n,,", "n=user,r="), "pencil", (None, 0)),
        (("n,,", "n=user,r=\u{e9}"), "pencil", (None, 0)),
        (("n,,", "n=,r=abc"), "pencil", (None, 0)),
        (("n,,", "n=user,r=abc"), "wrong", (None, 1)),
        (("n,,", "n=nobody,r=abc"), "pencil", (None, 1)),
    ] {
        let (found, challenges) = scram_with(&users, first, password.as_bytes(), same);
        assert_eq!((found.as_deref(), challenges), user, "{first:?}");
    }
}

#[test]
fn scram_takes_no_last_message_that_is_not_the_one_proved() {
    let users = credentials(&[("user", PENCIL)]);
    let changes: [fn(String) -> String; 8] = [
        |last| last.replace("c=biws", "c=eSws"),
        |last| last.replace("r=abc", "r=abd"),
        |last| last.replace(",p=", ",x=1,p="),
        |last| last.replace(",p=", ",P="),
        |last| format!("{last},x=1"),
        |last| last[..last.len() - 4].to_owned(),
        |last| last.trim_start_matches("c=biws,").to_owned(),
        |_| String::new(),
    ];
    for change in changes {
        assert_eq!(scram_with(&users, ("n,,", "n=user,r=abc"), b"pencil", change), (None, 1));
    }
}

#[test]
fn an_unknown_name_has_a_salt_of_its_own_that_stays() {
    let users = credentials(&[("user", PENCIL)]);
    let challenge = |users: &Credentials, name: &str| {
        scram::first(format!("n,,n={name},r=abc").as_bytes(), "def", users).map_err(|Failed| ()).unwrap().0
    };
    let (known, nobody) = (challenge(&users, "user"), challenge(&users, "nobody"));
    assert!(nobody.starts_with("r=abcdef,s=") && nobody.ends_with(",i=4096"), "{nobody}");
    assert_eq!(known.len(), nobody.len());
    assert_ne!(known, nobody);
    assert_eq!(nobody, challenge(&users, "nobody"));
    assert_ne!(nobody, challenge(&users, "noone"));
    // Whoever knows the code but not the credentials can't make it up.
    let others = credentials(&[("user", PENCIL), ("users", &format!("other:{PENCIL}"))]);
    assert_ne!(nobody, challenge(&others, "nobody"));
}

#[test]
fn who_stands_in_differs_from_name_to_name() {
    let users = credentials(&[("a", BCRYPT), ("b", ARGON2), ("c", PENCIL)]);
    let stand_ins: std::collections::BTreeSet<usize> =
        (0..64).map(|n| users.stand_in(&format!("nobody{n}"))).collect();
    assert_eq!(stand_ins.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

/// No octets make a panic, and none sign anybody in.
#[test]
fn any_octets_fail() {
    let users = credentials(&[("user", PENCIL)]);
    let words: &[&[u8]] = &[
        b"n,,",
        b"y,a=",
        b"n=",
        b"user",
        b",r=",
        b"p=",
        b"c=biws",
        b"=",
        b"=2C",
        b"\0",
        b"\xff",
        b",",
        b"a",
        "\u{627}1".as_bytes(),
        b"SCRAM-SHA-256$",
        b":",
        b"$2b$",
        b"$argon2id$v=19$m=8,t=1,p=1$",
        b"\n",
        b"4096",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    for _ in 0..20_000 {
        let said: Vec<Vec<u8>> =
            (0..3).map(|_| (0..next(7)).flat_map(|_| words[next(words.len())].to_vec()).collect()).collect();
        let said: Vec<&[u8]> = said.iter().map(Vec::as_slice).collect();
        let exchange = match next(3) {
            0 => Exchange::plain(),
            1 => Exchange::login(),
            _ => Exchange::scram([1; NONCE_OCTETS]),
        };
        let mut turn = exchange.begin(None, &users);
        for each in &said {
            let Turn::Challenge(_, exchange) = turn else { break };
            turn = exchange.respond(Bytes::copy_from_slice(each), &users);
        }
        assert!(!matches!(turn, Turn::SignedIn(_)), "{said:?}");
        Credentials::read([("key", said[0])].into_iter());
    }
}
