//! Numbers that the environment gives to tests.

/// What a variable says, if it is set.
pub(crate) fn number<N: std::str::FromStr>(variable: &str) -> Option<N> {
    let value = std::env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is no number: {value}")))
}
