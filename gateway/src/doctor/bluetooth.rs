//! The ways to the radios: bluetoothd over D-Bus, and each controller that speaks HCI itself.
//!
//! In: the configuration. Out: whether bluetoothd answers and its adapter is on, and whether each device can be
//! opened. It sends no controller anything: a gateway that runs keeps its scan.

use super::Finding;
use crate::config::Config;
use crate::radio::hci::transport::{Device, Transport};
use std::io::{Error, ErrorKind};
use std::time::Duration;
use tokio::time::timeout;

/// How long opening a device, or an answer of bluetoothd, may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

pub(super) async fn look(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    #[cfg(all(feature = "bluetooth", target_os = "linux"))]
    if config.bluetooth.enabled {
        findings.push(daemon::look().await);
    }
    for hci in &config.hci {
        findings.push(controller(&hci.device).await);
    }
    if !config.bluetooth.enabled && config.hci.is_empty() {
        let (found, mend) = match config.mqtt.hub {
            true => ("this board has no radio: it counts what other boards hear", "add [[hci]], or enable [bluetooth]"),
            false => (
                "this board has no radio and hears no other board",
                "enable [bluetooth], add [[hci]] or set hub = true",
            ),
        };
        findings.push(Finding::note("radio", found, mend));
    }
    findings
}

async fn controller(device: &Device) -> Finding {
    match timeout(ANSWER_WITHIN, Transport::open(device)).await {
        Ok(Ok(_)) => Finding::ok("hci", format!("{device} opens")),
        Ok(Err(error)) => Finding::fault("hci", format!("{device}: {error}"), mend(device, &error)),
        Err(_) => {
            let mend = "check the network between here and there: ping it";
            Finding::fault("hci", format!("{device} does not answer"), mend)
        }
    }
}

/// The command that makes a device open.
fn mend(device: &Device, error: &Error) -> String {
    let kind = error.kind();
    match device {
        Device::Tcp(place) => format!("switch the controller on; then: nc -vz {}", place.replacen(':', " ", 1)),
        Device::Unix(path) => format!("start the program that serves {}; then: ls -l {0}", path.display()),
        Device::Serial { path, .. } => match kind {
            ErrorKind::NotFound => "plug it in; `ls -l /dev/serial/by-id` shows what is there".to_owned(),
            ErrorKind::PermissionDenied => "usermod -aG dialout $(id -un), then sign in anew".to_owned(),
            _ => format!("check that {} is a serial line, and that the speed is one it has", path.display()),
        },
        Device::User(number) => match error.raw_os_error().map(rustix::io::Errno::from_raw_os_error) {
            Some(rustix::io::Errno::PERM) => {
                "setcap cap_net_admin+ep $(readlink -f $(which venue-gateway)), or AmbientCapabilities in the unit"
                    .to_owned()
            }
            Some(rustix::io::Errno::BUSY) => {
                format!("systemctl stop bluetooth; hciconfig hci{number} down (another program has it)")
            }
            Some(rustix::io::Errno::NODEV) => "plug it in; `ls /sys/class/bluetooth` shows what is there".to_owned(),
            _ => "modprobe bluetooth; if that fails, this kernel has none: use a controller over serial or TCP"
                .to_owned(),
        },
    }
}

#[cfg(all(feature = "bluetooth", target_os = "linux"))]
mod daemon {
    //! bluetoothd, asked the way the scan asks it.

    use super::{ANSWER_WITHIN, Finding};
    use bluez_async::{BluetoothError, BluetoothSession};
    use tokio::time::timeout;

    const ABOUT: &str = "bluetoothd";

    pub(super) async fn look() -> Finding {
        let session = match BluetoothSession::new().await {
            Ok((_lost, session)) => session,
            Err(error) => {
                let mend = "apt install dbus, then systemctl start dbus (in a container: share /run/dbus with it)";
                return Finding::fault(ABOUT, format!("no system bus to ask it on: {error}"), mend);
            }
        };
        match timeout(ANSWER_WITHIN, session.get_adapters()).await {
            Ok(Ok(adapters)) => match adapters.first() {
                None => Finding::fault(ABOUT, "it runs and has no adapter", "plug one in; then bluetoothctl list"),
                Some(adapter) if !adapter.powered => {
                    let found = format!("{} is switched off", adapter.id);
                    Finding::note(ABOUT, found, "the gateway switches it on; by hand: bluetoothctl power on")
                }
                Some(adapter) => Finding::ok(ABOUT, format!("it runs; {} is on", adapter.id)),
            },
            Ok(Err(error)) => refused(&error),
            Err(_) => Finding::fault(ABOUT, "it does not answer", "systemctl restart bluetooth"),
        }
    }

    /// Errors of the bus by their names (D-Bus specification, and the bus's own policy).
    fn refused(error: &BluetoothError) -> Finding {
        let name = match error {
            BluetoothError::DbusError(error) => error.name().unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        if name.ends_with(".ServiceUnknown") || name.contains(".Spawn.") || name.ends_with(".NameHasNoOwner") {
            let mend = "apt install bluez, then systemctl enable --now bluetooth";
            return Finding::fault(ABOUT, "it does not run", mend);
        }
        if name.ends_with(".AccessDenied") {
            let mend = "usermod -aG bluetooth $(id -un), then sign in anew (or run the gateway as root)";
            return Finding::fault(ABOUT, "this user may not talk to it", mend);
        }
        Finding::fault(ABOUT, format!("{error}"), "systemctl restart bluetooth; journalctl -u bluetooth says more")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Standing;
    use super::*;

    async fn check(device: &str, standing: Standing, mend: &str) {
        let device: Device = device.parse().expect("a device");
        let finding = controller(&device).await;
        assert_eq!(finding.standing, standing, "{finding}");
        assert!(finding.mend.contains(mend), "{finding}");
    }

    #[tokio::test]
    async fn controllers_are_opened_and_faults_have_their_mend() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = format!("tcp:{}", listener.local_addr().expect("bound"));
        check(&place, Standing::Ok, "").await;
        drop(listener);
        check(&place, Standing::Fault, "nc -vz 127.0.0.1").await;
        check("unix:/nowhere/hci.sock", Standing::Fault, "ls -l /nowhere/hci.sock").await;
        check("serial:/dev/nowhere:1000000", Standing::Fault, "plug it in").await;
    }

    #[test]
    fn an_adapter_that_is_taken_or_not_allowed_has_its_own_mend() {
        for (error, wanted) in [(1, "setcap"), (16, "systemctl stop bluetooth"), (19, "plug it in"), (97, "modprobe")] {
            let mend = mend(&Device::User(0), &Error::from_raw_os_error(error));
            assert!(mend.contains(wanted), "{error}: {mend}");
        }
    }
}
