//! Who may connect, by the address of the client behind the proxy.

use super::proxy::{line, listening, through};

const PROXY: &str = "proxyProtocol: {mode: Required, trustedCIDRs: [127.0.0.0/8]}";

/// Whether each client is greeted; the others are told why, and wait for QUIT.
fn greeted(lists: &str, clients: &[(&str, bool)]) {
    let (front_end, _backend) = listening(&format!("{PROXY}, connection: {{{lists}}}"));
    for (client, welcome) in clients {
        let mut client = through(&front_end, &line(client));
        let reply = client.reply();
        if *welcome {
            assert_eq!(reply.code, 220, "{clients:?}");
        } else {
            assert_eq!((reply.code, reply.lines[0].get(..5)), (554, Some("5.7.1")));
            client.expect("EHLO client.example", 503);
        }
        client.expect("QUIT", 221);
    }
    let refused = clients.iter().filter(|(_, welcome)| !welcome).count() as f64;
    let welcome = clients.len() as f64 - refused;
    front_end.wait_for_metric(&["smtp_sessions_total", r#"outcome="refused""#], refused);
    front_end.wait_for_metric(&["smtp_sessions_total", r#"outcome="quit""#], welcome);
    front_end.wait_for_metric(&["smtp_commands_total", "CONNECT", r#"code="554""#], refused);
    let checks = ["policy_checks_total", r#"check="access""#];
    front_end.wait_for_metric(&[checks[0], checks[1], r#"outcome="refuse""#], refused);
    front_end.wait_for_metric(&[checks[0], checks[1], r#"outcome="pass""#], welcome);
    front_end.wait_for_metric(&["policy_check_duration_seconds_count"], clients.len() as f64);
}

#[test]
fn only_those_on_the_allow_list_are_greeted() {
    greeted(
        r#"allowCIDRs: [192.0.2.0/24, "2001:db8::/32"]"#,
        &[("192.0.2.7", true), ("2001:db8::7", true), ("192.0.3.7", false), ("2001:db9::7", false)],
    );
}

#[test]
fn those_on_the_deny_list_are_not_even_where_they_are_allowed() {
    greeted(
        r#"allowCIDRs: [192.0.2.0/24], denyCIDRs: [192.0.2.7, "::/0"]"#,
        &[("192.0.2.6", true), ("192.0.2.7", false), ("::ffff:192.0.2.7", false), ("2001:db8::7", false)],
    );
}

#[test]
fn without_an_allow_list_all_others_are_greeted() {
    greeted(
        "denyCIDRs: [192.0.2.0/24]",
        &[("198.51.100.1", true), ("2001:db8::7", true), ("192.0.2.1", false)],
    );
}

#[test]
fn an_address_that_is_denied_is_told_without_a_proxy_too() {
    let (front_end, _backend) = listening("connection: {denyCIDRs: [127.0.0.1]}");
    let reply = through(&front_end, b"").reply();
    assert_eq!((reply.code, reply.lines[0].get(..5)), (554, Some("5.7.1")));
}
