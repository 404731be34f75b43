//! A Chromium without a window, by WebDriver (W3C).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::manifests::free_port;
use crate::support::server::{Server, folder};
use crate::support::until::{PATIENCE, until, until_true};

/// Keys that write nothing, as WebDriver §17.4.2 numbers them.
pub(crate) const TAB: &str = "\u{e004}";
pub(crate) const ENTER: &str = "\u{e007}";
pub(crate) const ESCAPE: &str = "\u{e00c}";
pub(crate) const UP: &str = "\u{e013}";
pub(crate) const DOWN: &str = "\u{e015}";

/// One browser with one page. It ends when this is dropped.
pub(crate) struct Browser {
    driver: SocketAddr,
    session: String,
    downloads: PathBuf,
    server: Server,
}

impl Browser {
    /// Starts one that knows nothing yet.
    pub(crate) fn start() -> Self {
        let driver = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let port = format!("--port={}", driver.port());
        let server = Server::start(folder(), driver, "chromedriver", &[&port]);
        let [profile, downloads] = ["profile", "downloads"].map(|name| server.folder().join(name));
        std::fs::create_dir(&downloads).unwrap();
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--window-size=1200,800",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "unhandledPromptBehavior": "ignore",
            "goog:chromeOptions": {"args": arguments},
        }}});
        let answer = ask(driver, "POST", "/session", &wanted).unwrap_or_else(|error| panic!("{error}"));
        let session = answer["sessionId"].as_str().unwrap().to_owned();
        let browser = Self { driver, session, downloads, server };
        let allowed = json!({"behavior": "allow", "downloadPath": browser.downloads});
        browser.tell("Browser.setDownloadBehavior", &allowed);
        browser
    }

    /// Opens a page, and waits until it is loaded.
    pub(crate) fn open(&self, url: &str) {
        self.ask("POST", "url", &json!({ "url": url }));
    }

    /// What a function of this body gives in the page.
    pub(crate) fn value(&self, script: &str) -> Value {
        self.ask("POST", "execute/sync", &json!({"script": script, "args": []}))
    }

    /// What an expression is, as text.
    pub(crate) fn text(&self, expression: &str) -> String {
        match self.value(&format!("return {expression}")) {
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    /// Whether an expression holds in the page, which may be between two documents.
    pub(crate) fn is(&self, expression: &str) -> bool {
        let script = json!({"script": format!("return Boolean({expression})"), "args": []});
        self.try_ask("POST", "execute/sync", &script) == Ok(Value::Bool(true))
    }

    /// Waits until it holds.
    #[track_caller]
    pub(crate) fn wait(&self, expression: &str) {
        until_true(expression, || self.is(expression));
    }

    /// Clicks what a selector finds.
    pub(crate) fn click(&self, selector: &str) {
        let element = until(selector, || {
            let wanted = json!({"using": "css selector", "value": selector});
            let found = self.try_ask("POST", "element", &wanted).ok()?;
            found.as_object()?.values().next()?.as_str().map(str::to_owned)
        });
        self.ask("POST", &format!("element/{element}/click"), &json!({}));
    }

    /// Presses keys, one after the other, wherever the focus is.
    pub(crate) fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            let key = key.to_string();
            [json!({"type": "keyDown", "value": key}), json!({"type": "keyUp", "value": key})]
        });
        let actions = json!([{"type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>()}]);
        self.ask("POST", "actions", &json!({ "actions": actions }));
    }

    /// Whether a dialog of a script is open.
    pub(crate) fn has_dialog(&self) -> bool {
        self.try_ask("GET", "alert/text", &Value::Null).is_ok()
    }

    /// The page as it is seen, as PNG.
    pub(crate) fn picture(&self) -> Vec<u8> {
        STANDARD.decode(self.ask("GET", "screenshot", &Value::Null).as_str().unwrap()).unwrap()
    }

    /// What the reader prefers: `light` or `dark`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.tell("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// How much room there is.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Has scripts run, or not.
    pub(crate) fn disable_scripts(&self, disabled: bool) {
        self.tell("Emulation.setScriptExecutionDisabled", &json!({ "value": disabled }));
    }

    /// A command of the DevTools protocol.
    pub(crate) fn tell(&self, command: &str, parameters: &Value) -> Value {
        self.ask("POST", "goog/cdp/execute", &json!({"cmd": command, "params": parameters}))
    }

    /// Waits until this file is there, whole: its name is taken, by a file without octets, before it is.
    pub(crate) fn downloaded(&self, name: &str) -> Vec<u8> {
        let path = self.downloads.join(name);
        until(&format!("{name} is there"), || std::fs::read(&path).ok().filter(|octets| !octets.is_empty()))
    }

    #[track_caller]
    fn ask(&self, method: &str, command: &str, body: &Value) -> Value {
        self.try_ask(method, command, body).unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    fn try_ask(&self, method: &str, command: &str, body: &Value) -> Result<Value, String> {
        ask(self.driver, method, &format!("/session/{}/{command}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have crashed, which the test has then said already.
        let _ = ask(self.driver, "DELETE", &format!("/session/{}", self.session), &Value::Null);
        if std::thread::panicking() {
            eprintln!("chromedriver's log:\n{}", self.server.log());
        }
    }
}

/// The value of an answer, or its error.
fn ask(driver: SocketAddr, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(driver).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {driver}\r\ncontent-length: {length}\r\n\r\n");
    stream.write_all((head + &body).as_bytes()).map_err(|error| error.to_string())?;
    let answer = read(stream).map_err(|error| error.to_string())?;
    let value = answer["value"].clone();
    match value["error"].as_str() {
        Some(error) => Err(format!("{error}: {}", value["message"])),
        None => Ok(value),
    }
}

fn read(stream: TcpStream) -> std::io::Result<Value> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        reader.read_line(&mut line)?;
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(serde_json::from_slice(&body)?)
}
