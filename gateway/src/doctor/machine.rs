//! The machine itself: clock, disk space, adapters the kernel knows, radio switches.
//!
//! In: the configuration, and where the kernel shows its devices. Out: whether the board could work with them.
//! It asks nobody: everything is read from files and the file system.

use super::Finding;
use crate::config::Config;
use crate::runtime::Clock;
use crate::session::DATABASE;
use std::path::{Path, PathBuf};
use venue_engine::time::Timestamp;

/// A clock before this is wrong: 2025-11-01, when this program did not exist yet.
const CLOCK_MIN: Timestamp = Timestamp::from_micros(1_761_955_200_000_000);
/// Files written later than now by more than this show that the clock has been set back.
const CLOCK_BACK_S_MAX: u64 = 60;
/// With less space the outbox of a week offline (up to a few hundred megabytes) may not fit.
const SPACE_MIN_MIB: u64 = 256;
/// With less, somebody should know.
const SPACE_LOW_MIB: u64 = 1_024;

/// Where the kernel and the clock's keeper show what they know.
pub(super) struct Places {
    /// Bluetooth adapters.
    pub adapters: PathBuf,
    /// Radio switches.
    pub switches: PathBuf,
    /// Files that are there while the clock is kept (systemd-timesyncd, chrony).
    pub clock_kept: Vec<PathBuf>,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            adapters: "/sys/class/bluetooth".into(),
            switches: "/sys/class/rfkill".into(),
            clock_kept: ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/ntpd.pid"]
                .map(PathBuf::from)
                .to_vec(),
        }
    }
}

pub(super) fn look(config: &Config, places: &Places) -> Vec<Finding> {
    let mut findings = vec![clock(Clock::Wall.now(), &config.data.join(DATABASE), places), disk(&config.data)];
    if config.bluetooth.enabled {
        findings.push(adapters(&places.adapters));
        findings.extend(switches(&places.switches));
    }
    findings
}

fn clock(now: Timestamp, database: &Path, places: &Places) -> Finding {
    let mend = "timedatectl set-ntp true, or set it by hand: date --set=\"2026-01-31 12:00\"";
    if now < CLOCK_MIN {
        return Finding::fault("clock", "the clock is wrong: it is before this program was written", mend);
    }
    let written = std::fs::metadata(database).and_then(|file| file.modified()).ok();
    let written_s = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).map(|since| since.as_secs());
    let now_s = now.as_micros().unsigned_abs() / 1_000_000;
    if let Some(ahead_s) = written_s.map(|at_s| at_s.saturating_sub(now_s)).filter(|s| *s > CLOCK_BACK_S_MAX) {
        return Finding::fault(
            "clock",
            format!("the clock is {ahead_s} s behind the last entry of the database"),
            mend,
        );
    }
    if places.clock_kept.iter().any(|path| path.exists()) {
        return Finding::ok("clock", "kept by a time service");
    }
    let found = "plausible, but no time service keeps it (systemd-timesyncd, chrony, ntpd)";
    Finding::note("clock", found, "timedatectl set-ntp true; boards whose clocks differ misplace what they hear")
}

fn disk(data: &Path) -> Finding {
    // A folder that is yet to be created lies on the disk of the nearest one that is there.
    let there = data.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    match rustix::fs::statvfs(there) {
        Ok(space) if space.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) => {
            let found = format!("the disk of {} is mounted for reading only", data.display());
            Finding::fault("disk", found, "mount -o remount,rw its mount point; `dmesg | tail` says why it was")
        }
        Ok(space) => space_left((space.f_bavail * space.f_frsize) >> 20),
        Err(error) => Finding::fault("disk", format!("{}: {error}", there.display()), "check [gateway] data"),
    }
}

fn space_left(free_mib: u64) -> Finding {
    let found = format!("{:.1} GiB free", free_mib as f64 / 1_024.0);
    let mend = "delete what is not needed (`du -xh / | sort -h | tail`), or name a folder on another disk";
    match free_mib {
        0..SPACE_MIN_MIB => Finding::fault("disk", found, mend),
        SPACE_MIN_MIB..SPACE_LOW_MIB => Finding::note("disk", found, mend),
        _ => Finding::ok("disk", found),
    }
}

/// Adapters are `hci0`, `hci1`; connections look like `hci0:64`.
fn adapters(folder: &Path) -> Finding {
    let Some(names) = names(folder) else {
        let mend = "modprobe btusb (USB) or hci_uart (built in); if that fails, this kernel has no Bluetooth: \
            use a controller of its own with [[hci]] and set [bluetooth] enabled = false";
        return Finding::fault("adapter", "the kernel shows no Bluetooth at all", mend);
    };
    let adapters: Vec<String> = names.into_iter().filter(|name| !name.contains(':')).collect();
    if adapters.is_empty() {
        let mend = "plug one in; `dmesg | grep -i bluetooth` tells of missing firmware (apt install \
            firmware-misc-nonfree bluez-firmware); without one set [bluetooth] enabled = false";
        return Finding::fault("adapter", "no adapter", mend);
    }
    Finding::ok("adapter", adapters.join(", "))
}

/// The switches of Bluetooth radios (Documentation/ABI/stable/sysfs-class-rfkill of the kernel).
fn switches(folder: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    for name in names(folder).unwrap_or_default() {
        let read = |file: &str| std::fs::read_to_string(folder.join(&name).join(file)).unwrap_or_default();
        if read("type").trim() != "bluetooth" {
            continue;
        }
        let radio = read("name").trim().to_owned();
        findings.push(match (read("hard").trim(), read("soft").trim()) {
            ("1", _) => {
                let found = format!("{radio} is switched off by a switch or a key of the machine");
                Finding::fault("rfkill", found, "find the switch; or allow Bluetooth in the firmware set-up")
            }
            (_, "1") => Finding::fault("rfkill", format!("{radio} is blocked"), "rfkill unblock bluetooth"),
            _ => Finding::ok("rfkill", format!("{radio} is not blocked")),
        });
    }
    findings
}

fn names(folder: &Path) -> Option<Vec<String>> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::super::Standing;
    use super::*;

    fn check(finding: &Finding, standing: Standing, found: &str, mend: &str) {
        assert_eq!(finding.standing, standing, "{finding}");
        assert!(finding.found.contains(found) && finding.mend.contains(mend), "{finding}");
    }

    #[test]
    fn adapters_are_those_the_kernel_shows() {
        let folder = tempfile::tempdir().expect("a folder");
        let class = folder.path().join("bluetooth");
        check(&adapters(&class), Standing::Fault, "no Bluetooth at all", "modprobe");
        std::fs::create_dir_all(class.join("hci0:64")).expect("created");
        check(&adapters(&class), Standing::Fault, "no adapter", "plug one in");
        std::fs::create_dir_all(class.join("hci1")).expect("created");
        std::fs::create_dir_all(class.join("hci0")).expect("created");
        check(&adapters(&class), Standing::Ok, "hci0, hci1", "");
    }

    #[test]
    fn blocked_radios_are_told_with_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let switch = |name: &str, files: [&str; 4]| {
            let path = folder.path().join(name);
            std::fs::create_dir(&path).expect("created");
            for (file, text) in ["type", "name", "hard", "soft"].into_iter().zip(files) {
                std::fs::write(path.join(file), format!("{text}\n")).expect("written");
            }
        };
        assert!(switches(&folder.path().join("absent")).is_empty());
        switch("rfkill0", ["wlan", "phy0", "0", "1"]);
        switch("rfkill1", ["bluetooth", "hci0", "0", "1"]);
        switch("rfkill2", ["bluetooth", "hci1", "1", "0"]);
        switch("rfkill3", ["bluetooth", "hci2", "0", "0"]);
        let findings = switches(folder.path());
        assert_eq!(findings.len(), 3, "other radios are not our business");
        check(&findings[0], Standing::Fault, "hci0 is blocked", "rfkill unblock bluetooth");
        check(&findings[1], Standing::Fault, "hci1 is switched off", "switch");
        check(&findings[2], Standing::Ok, "hci2", "");
    }

    #[test]
    fn a_clock_in_the_past_is_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let database = folder.path().join(DATABASE);
        let kept = folder.path().join("kept");
        let places = Places { clock_kept: vec![kept.clone()], ..Places::default() };
        check(&clock(Timestamp::from_micros(0), &database, &places), Standing::Fault, "wrong", "timedatectl");
        let now = Clock::Wall.now();
        check(&clock(now, &database, &places), Standing::Note, "no time service", "timedatectl");
        std::fs::write(&kept, "").expect("written");
        check(&clock(now, &database, &places), Standing::Ok, "kept", "");
        std::fs::write(&database, "").expect("written");
        let yesterday = Timestamp::from_micros(now.as_micros() - 86_400_000_000);
        check(&clock(yesterday, &database, &places), Standing::Fault, "behind the last entry", "timedatectl");
    }

    #[test]
    fn little_space_is_told_before_it_is_too_little() {
        check(&space_left(100), Standing::Fault, "0.1 GiB", "du");
        check(&space_left(512), Standing::Note, "0.5 GiB", "du");
        check(&space_left(20_000), Standing::Ok, "19.5 GiB", "");
        let folder = tempfile::tempdir().expect("a folder");
        assert!(disk(&folder.path().join("a/b")).found.contains("free"));
    }
}
