//! TLS of listeners, on the real program.

mod broken;
mod certificates;
mod client_certificates;
mod implicit;
mod resumption;
mod starttls;

const MESSAGE: &[u8] = b"Message-ID: <1@client.example>\r\n\r\nOne.\r\n";
const SENDER: &str = "a@client.example";
const RECIPIENT: &str = "b@example.org";
