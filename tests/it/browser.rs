//! Headless Chromium, driven through chromedriver.

use std::process::Stdio;
use std::time::{Duration, Instant};

use fantoccini::wd::WindowHandle;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::running::{Folder, free_port};

/// A browser window and the driver behind it.
pub struct Browser {
    pub page: Client,
    driver: Child,
    _profile: Folder,
}

/// A window of `width` by `height` CSS pixels; `None`, said aloud, where Chromium is not installed and may be absent.
pub async fn open(width: u32, height: u32) -> Option<Browser> {
    let port = free_port();
    let spawned = Command::new("chromedriver")
        .arg(format!("--port={port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let driver = match spawned {
        Ok(driver) => driver,
        Err(error) if std::env::var_os("SEGUE_TESTS").is_none() => {
            eprintln!("skipped: chromedriver cannot be started ({error}); tests/run installs it");
            return None;
        }
        Err(error) => panic!("chromedriver cannot be started: {error}"),
    };
    let profile = Folder::new();
    let page = connect(port, &profile, width, height).await;
    Some(Browser { page, driver, _profile: profile })
}

async fn connect(port: u16, profile: &Folder, width: u32, height: u32) -> Client {
    let address = format!("http://127.0.0.1:{port}");
    let begin = Instant::now();
    loop {
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities(profile, width, height))
            .connect(&address)
            .await;
        match client {
            Ok(client) => return client,
            Err(error) if begin.elapsed() > Duration::from_secs(30) => panic!("no browser: {error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// A phone's width is emulated, since a headless window cannot be narrower than 500 pixels.
fn capabilities(profile: &Folder, width: u32, height: u32) -> serde_json::Map<String, Value> {
    let arguments = [
        "--headless".to_owned(),
        "--no-sandbox".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-quic".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-sync".to_owned(),
        "--hide-scrollbars".to_owned(),
        format!("--user-data-dir={}", profile.path().display()),
        format!("--window-size={width},{height}"),
    ];
    let mut options = json!({ "args": arguments });
    if width < 500 {
        options["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 1.0, "mobile": true } });
    }
    let capabilities = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": { "browser": "ALL" } });
    match capabilities {
        Value::Object(capabilities) => capabilities,
        _ => unreachable!("an object literal"),
    }
}

impl Browser {
    /// A window that was opened from another one, as soon as it is there.
    pub async fn other_window(&self, first: &WindowHandle) -> WindowHandle {
        let begin = Instant::now();
        loop {
            let windows = self.page.windows().await.expect("windows");
            if let Some(other) = windows.into_iter().find(|window| window != first) {
                return other;
            }
            assert!(begin.elapsed() < Duration::from_secs(10), "no other window opens");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn go(&self, url: &str) {
        self.page.goto(url).await.expect("the page opens");
    }

    /// The value of a script's expression.
    pub async fn eval(&self, expression: &str) -> Value {
        self.page.execute(&format!("return ({expression});"), Vec::new()).await.expect("the script runs")
    }

    pub async fn text(&self, selector: &str) -> String {
        let expression = format!("(document.querySelector({selector:?}) || {{textContent: ''}}).textContent.trim()");
        self.eval(&expression).await.as_str().expect("text").to_owned()
    }

    /// Waits until the expression is true.
    pub async fn wait_for(&self, expression: &str) {
        let begin = Instant::now();
        while self.eval(&format!("!!({expression})")).await != Value::Bool(true) {
            assert!(begin.elapsed() < Duration::from_secs(10), "never came true: {expression}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How far the page can be scrolled sideways, in pixels.
    pub async fn overflow(&self) -> i64 {
        let expression = "document.documentElement.scrollWidth - window.innerWidth";
        self.eval(expression).await.as_i64().expect("a number").max(0)
    }

    /// Keeps a picture of the window where `SEGUE_SCREENSHOTS` names a folder.
    pub async fn picture(&self, name: &str) {
        if let Some(folder) = std::env::var_os("SEGUE_SCREENSHOTS") {
            let png = self.page.screenshot().await.expect("a screenshot");
            std::fs::write(std::path::Path::new(&folder).join(format!("{name}.png")), png).expect("a writable folder");
        }
    }

    pub async fn close(mut self) {
        self.page.close().await.expect("the window closes");
        self.driver.kill().await.expect("the driver ends");
    }
}
