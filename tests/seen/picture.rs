//! The dashboards as people see them: what their panels ask is drawn as Grafana would by `picture/draw.js`, in a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use super::board::{boards, chosen};
use super::prometheus::Prometheus;

const STYLE: &str = include_str!("picture/page.css");
const DRAW: &str = include_str!("picture/draw.js");
/// Where pictures are kept, for people to look at.
const KEPT: &str = "MAILCHUTE_PICTURES";
/// Pixels of a column and of a cell of Grafana's grid, as `draw.js` has them, and of what stands above.
const WIDTH: u64 = 24 * 60;
const CELL: u64 = 38;
const HEAD: u64 = 48;

/// Draws every dashboard, as of now, and gives what is wrong with them. `when` goes into the names of the files.
pub(crate) fn draw(prometheus: &Prometheus, when: &str) -> Vec<String> {
    let boards = boards();
    // Browsers take their time: all is asked before one is started.
    let answered: Vec<_> =
        boards.iter().map(|(name, board)| (name, height(board), asked(prometheus, board))).collect();
    let drawn = answered.iter().map(|(name, height, asked)| {
        let folder = tempfile::tempdir().unwrap();
        let page = folder.path().join("page.html");
        fs::write(&page, written(asked)).unwrap();
        let picture = folder.path().join(format!("{name}-{when}.png"));
        let page = browse(&page, &picture, *height, folder.path());
        keep(&picture);
        faults(&page).into_iter().map(|fault| format!("{name}: {fault}")).collect::<Vec<_>>()
    });
    drawn.flatten().collect()
}

/// What the panels ask, with the answers.
fn asked(prometheus: &Prometheus, board: &Value) -> Value {
    let (from, to) = prometheus.watched();
    let mut answers = Map::new();
    for panel in board["panels"].as_array().unwrap() {
        let targets = panel["targets"].as_array().into_iter().flatten();
        let answered = targets.map(|target| {
            let expression = chosen(target["expr"].as_str().unwrap());
            let answer = match target["instant"] == true {
                true => prometheus.query(&expression),
                false => prometheus.query_range(&expression, from, to),
            };
            let answer = answer.unwrap_or_else(|error| panic!("{expression}: {error}"));
            (target["refId"].as_str().unwrap().to_owned(), Value::from(answer))
        });
        answers.insert(panel["id"].to_string(), Value::Object(answered.collect()));
    }
    json!({"board": board, "from": from, "to": to, "step": 1, "answers": answers})
}

fn written(asked: &Value) -> String {
    // Nothing in it may end the script.
    let asked = asked.to_string().replace("</", "<\\/");
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title></title><style>{STYLE}</style><body>\
         <script>const asked = {asked};\n{DRAW}</script></body></html>"
    )
}

fn height(board: &Value) -> u64 {
    let ends = board["panels"].as_array().unwrap().iter().map(|panel| {
        let [y, h] = ["y", "h"].map(|field| panel["gridPos"][field].as_u64().unwrap());
        y + h
    });
    HEAD + CELL * ends.max().unwrap()
}

/// Has a browser draw the page, takes a picture of it, and gives what it has become.
fn browse(page: &Path, picture: &Path, height: u64, folder: &Path) -> String {
    let mut browser = Command::new("chromium");
    browser.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--dump-dom"]);
    browser.arg(format!("--user-data-dir={}", folder.join("profile").display()));
    browser.arg(format!("--screenshot={}", picture.display()));
    browser.arg(format!("--window-size={WIDTH},{height}"));
    browser.arg(format!("file://{}", page.display())).stdin(Stdio::null());
    let output =
        browser.output().unwrap_or_else(|error| panic!("chromium: {error}; `tests/run` installs it"));
    assert!(output.status.success() && picture.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn keep(picture: &Path) {
    if let Some(kept) = std::env::var_os(KEPT).map(PathBuf::from) {
        fs::create_dir_all(&kept).unwrap();
        fs::copy(picture, kept.join(picture.file_name().unwrap())).unwrap();
    }
}

/// What the page says in red, each behind the title of its panel.
fn faults(drawn: &str) -> Vec<String> {
    assert!(drawn.contains("<div id=\"grid\">"), "nothing is drawn: {drawn}");
    let (_, drawn) = drawn.split_once("<div id=\"grid\">").unwrap();
    let titles = drawn.split("<h2 ").skip(1).map(|rest| rest.split_once("</h2>").unwrap().0);
    let wrong = titles.filter(|title| title.contains("class=\"fault\""));
    wrong.map(|title| title.split_once('>').unwrap().1.to_owned()).collect()
}
