//! The way to a controller: TCP, unix socket, serial line or pty, or an adapter of this machine taken over
//! from the kernel (the Linux HCI user channel).
//!
//! In: where the controller is, as the configuration says it. Out: an open stream of bytes. A serial line is
//! set raw before the first byte, since a fresh one echoes and edits; speeds need not be standard ones. It
//! refuses texts that name no transport.

use rustix::termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// Speeds of serial lines: the slowest that carries a few adverts a second, and the fastest that UART
/// bridges offer (12 Mbaud, FT232H).
const BAUDS: std::ops::RangeInclusive<u32> = 9_600..=12_000_000;

/// Where a controller is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// `tcp:HOST:PORT`
    Tcp(String),
    /// `unix:PATH`
    Unix(PathBuf),
    /// `serial:PATH:BAUD`, or `serial:PATH:BAUD:none` for a line without RTS and CTS.
    Serial {
        /// The line, or a pty.
        path: PathBuf,
        /// Bits per second.
        baud: u32,
        /// Whether RTS and CTS are wired: Zephyr's firmware needs them.
        flow_control: bool,
    },
    /// `user:N`: the adapter hciN, which must be down; the kernel and bluetoothd let go of it meanwhile.
    User(u16),
}

impl FromStr for Device {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(':').filter(|(_, place)| !place.is_empty());
        match parts.ok_or("write tcp:HOST:PORT, unix:PATH, serial:PATH:BAUD or user:N")? {
            ("tcp", place) => tcp(place),
            ("unix", path) => Ok(Self::Unix(path.into())),
            ("serial", place) => serial(place),
            ("user", number) => number.parse().map(Self::User).map_err(|_| "write user:N for the adapter hciN"),
            _ => Err("it begins with tcp:, unix:, serial: or user:"),
        }
    }
}

fn tcp(place: &str) -> Result<Device, &'static str> {
    let (host, port) = place.rsplit_once(':').ok_or("write tcp:HOST:PORT")?;
    match port.parse::<u16>() {
        Ok(1..) if !host.is_empty() => Ok(Device::Tcp(place.to_owned())),
        _ => Err("write tcp:HOST:PORT with a port from 1 to 65535"),
    }
}

fn serial(place: &str) -> Result<Device, &'static str> {
    let (place, flow_control) = match place.strip_suffix(":none") {
        Some(place) => (place, false),
        None => (place, true),
    };
    let (path, baud) = place.rsplit_once(':').ok_or("write serial:PATH:BAUD, as serial:/dev/ttyUSB0:1000000")?;
    match baud.parse() {
        Ok(baud) if BAUDS.contains(&baud) && !path.is_empty() => {
            Ok(Device::Serial { path: path.into(), baud, flow_control })
        }
        _ => Err("write serial:PATH:BAUD with a baud rate from 9600 to 12000000"),
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(place) => write!(f, "tcp:{place}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::User(number) => write!(f, "user:{number}"),
            Self::Serial { path, baud, flow_control } => {
                write!(f, "serial:{}:{baud}{}", path.display(), if *flow_control { "" } else { ":none" })
            }
        }
    }
}

/// An open way to a controller.
#[derive(Debug)]
pub enum Transport {
    /// Over TCP.
    Tcp(TcpStream),
    /// Over a unix socket.
    Unix(UnixStream),
    /// Over a serial line or pty.
    Serial(AsyncFd<File>),
    /// An adapter of this machine. One read gives one packet, type byte first, and a write takes one.
    #[cfg(target_os = "linux")]
    User(UserChannel),
}

/// The kernel's user channel of an adapter.
#[cfg(target_os = "linux")]
pub struct UserChannel(bt_hci_linux::Socket);

#[cfg(target_os = "linux")]
impl fmt::Debug for UserChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserChannel")
    }
}

impl Transport {
    /// Opens the way.
    ///
    /// # Errors
    /// As the system says: nobody there, no permission, no such line.
    pub async fn open(device: &Device) -> io::Result<Self> {
        match device {
            Device::Tcp(place) => {
                let stream = TcpStream::connect(place.as_str()).await?;
                // Commands are few and small; waiting to fill a segment only delays the bring-up.
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(stream))
            }
            Device::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
            Device::Serial { path, baud, flow_control } => watch(open_serial(path, *baud, *flow_control)?),
            #[cfg(target_os = "linux")]
            Device::User(number) => Ok(Self::User(UserChannel(bt_hci_linux::Socket::new(*number)?))),
            #[cfg(not(target_os = "linux"))]
            Device::User(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Reads what is there, waiting for at least a byte; 0 when the other side has closed. Dropping the
    /// future loses nothing.
    ///
    /// # Errors
    /// As the system says: unplugged, reset.
    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer).await,
            Self::Unix(stream) => stream.read(buffer).await,
            #[cfg(target_os = "linux")]
            Self::User(UserChannel(socket)) => socket.read(buffer).await,
            Self::Serial(line) => loop {
                let mut ready = line.readable_mut().await?;
                if let Ok(read) = ready.try_io(|line| line.get_mut().read(buffer)) {
                    return read;
                }
            },
        }
    }

    /// Writes a whole packet.
    ///
    /// # Errors
    /// As the system says: unplugged, reset.
    pub async fn write_all(&mut self, mut packet: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(packet).await,
            Self::Unix(stream) => stream.write_all(packet).await,
            #[cfg(target_os = "linux")]
            Self::User(UserChannel(socket)) => socket.write_all(packet).await,
            Self::Serial(line) => {
                while !packet.is_empty() {
                    let mut ready = line.writable_mut().await?;
                    if let Ok(written) = ready.try_io(|line| line.get_mut().write(packet)) {
                        packet = packet.get(written?..).unwrap_or_default();
                    }
                }
                Ok(())
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor needs unsafe code; what it guards against, a descriptor that changes, a File does not do"
)]
fn watch(line: File) -> io::Result<Transport> {
    Ok(Transport::Serial(AsyncFd::new(line)?))
}

fn open_serial(path: &Path, baud: u32, flow_control: bool) -> io::Result<File> {
    // Never this process's controlling terminal: a hang-up of the line must not end the gateway.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let line = File::options().read(true).write(true).custom_flags(flags.bits() as i32).open(path)?;
    let mut settings = tcgetattr(&line)?;
    settings.make_raw();
    settings.set_speed(baud)?;
    settings.control_modes |= ControlModes::CREAD | ControlModes::CLOCAL;
    settings.control_modes.set(ControlModes::CRTSCTS, flow_control);
    settings.control_modes.remove(ControlModes::CSTOPB);
    // What waits in the line from before is dropped: it belongs to another session.
    tcsetattr(&line, OptionalActions::Flush, &settings)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_written_as_they_are_read() {
        for text in [
            "tcp:127.0.0.1:6402",
            "tcp:[::1]:6402",
            "unix:/run/hci.sock",
            "serial:/dev/ttyUSB0:1000000",
            "serial:/dev/ttyUSB0:115200:none",
            "user:0",
        ] {
            assert_eq!(text.parse::<Device>().map(|device| device.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_names_no_transport_is_refused() {
        for text in
            ["", "tcp", "tcp:", "tcp:6402", "tcp::6402", "tcp:a:0", "tcp:a:b", "unix:", "usb:1", "serial:/dev/x"]
        {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
        for text in [
            "serial:/dev/x:fast",
            "serial::115200",
            "serial:/dev/x:300",
            "serial:/dev/x:1:none",
            "user:hci0",
            "user:70000",
        ] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
    }
}
