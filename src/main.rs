//! Arguments → subcommand → exit code; nothing else.

fn main() {}
