//! `run` on a board of the small hall, and what it says of its radios.
//!
//! In: the radios as `gateway.toml` has them. Out: how each source is, as `/api/v1/state` and `/metrics` tell it.

use crate::http;
use serde_json::Value;
use std::time::Duration;
use venue_tests::demo::Running;
use venue_tests::simulation::small_venue;
use venue_tests::{programs, waiting};

/// A gateway whose receivers are the devices named, and its folder.
pub struct Board {
    gateway: Running,
    _folder: tempfile::TempDir,
}

impl Board {
    /// Starts one with controllers that speak HCI; they stand for the receivers of the floor plan in their order.
    pub fn start(devices: &[&str]) -> Self {
        let plan = std::fs::read_to_string(small_venue()).expect("reads");
        let receivers = plan.split("[[receiver]]").skip(1);
        let receivers = receivers.filter_map(|table| table.split("name = \"").nth(1)?.split('"').next());
        let hci: String = devices
            .iter()
            .zip(receivers)
            .map(|(device, receiver)| format!("[[hci]]\ndevice = \"{device}\"\nreceiver = \"{receiver}\"\n"))
            .collect();
        Self::start_with(&format!("[bluetooth]\nenabled = false\n{hci}"), &[])
    }

    /// Starts one with its radios as configured, in an environment.
    pub fn start_with(radios: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::copy(small_venue(), folder.path().join("venue.toml")).expect("copies");
        let head = "[gateway]\nname = \"board\"\n[engine]\nreport_every_s = 1\n[mqtt]\nport = 0\n[http]\nport = 0\n";
        let config = folder.path().join("gateway.toml");
        std::fs::write(&config, format!("{head}{radios}")).expect("writes");
        let mut command = programs::gateway_command(&["run".as_ref(), "--config".as_ref(), config.as_os_str()]);
        let gateway = Running::start_command(command.envs(environment.iter().copied())).expect("starts");
        Self { gateway, _folder: folder }
    }

    /// Where its pages are.
    pub fn http(&self) -> &str {
        &self.gateway.http
    }

    /// Everything shown now.
    pub fn state(&self) -> Value {
        http::get_json(&format!("{}/api/v1/state", self.gateway.http)).expect("a state")
    }

    /// How a source is, by its place in the configuration.
    pub fn radio(&self, index: usize) -> Value {
        self.state()["health"]["radios"][index].clone()
    }

    /// Devices alive.
    pub fn devices_alive(&self) -> u64 {
        self.state()["health"]["devices_alive"].as_u64().unwrap_or(0)
    }

    /// Adverts a source has heard.
    pub fn heard(&self, index: usize) -> u64 {
        self.radio(index)["adverts"].as_u64().unwrap_or(0)
    }

    /// How often a source tried a rung of the ladder.
    pub fn tried(&self, index: usize, rung: &str) -> u64 {
        self.radio(index)["recoveries"][rung].as_u64().unwrap_or(0)
    }

    /// Waits until a source has heard so many.
    pub fn wait(&self, index: usize, adverts: u64, within: Duration) {
        let enough = waiting::poll(within, || (self.heard(index) >= adverts).then_some(()));
        assert!(enough.is_some(), "not {adverts} adverts within {within:?}: {}", self.radio(index));
    }

    /// The text of `/metrics`.
    pub fn metrics(&self) -> String {
        http::get(&format!("{}/metrics", self.gateway.http)).expect("metrics").1
    }

    /// A sample whose name and labels hold all these words.
    pub fn metric(&self, words: &[&str]) -> Option<f64> {
        let metrics = self.metrics();
        let line = metrics.lines().find(|line| !line.starts_with('#') && words.iter().all(|word| line.contains(word)));
        line?.rsplit(' ').next()?.parse().ok()
    }
}
