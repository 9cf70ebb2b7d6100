//! The board's keys for vouchers: a file beside the database.
//!
//! In: the data folder. Out: the secret key that signs and all public keys that are accepted, the earlier
//! ones too. The file is made at the first start, readable by its owner alone (mode 600). It refuses a file
//! that others can read, and one that is not of this shape, telling the line.

use ed25519_dalek::{SigningKey, VerifyingKey};
use std::fmt;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Name of the file in the data folder.
pub const FILE: &str = "voucher.keys";
/// Earlier keys kept: vouchers live minutes, so one would do; eight leave room for a day of changes.
const RETIRED_MAX: usize = 8;
/// Longest file of keys that is read.
const FILE_LEN_MAX: u64 = 64 * 1024;

/// A key that signs, and all that are accepted.
#[derive(Clone)]
pub struct Keys {
    signing: SigningKey,
    /// Newest first; the signing key's own is the first.
    accepted: Vec<VerifyingKey>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keys({} accepted, secret hidden)", self.accepted.len())
    }
}

/// What is wrong with a file of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeysError {
    /// It cannot be read or written.
    File(PathBuf, String),
    /// Others can read the secret.
    Open(PathBuf, u32),
    /// A line is not of this shape.
    Line(PathBuf, usize, &'static str),
}

impl fmt::Display for KeysError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, why) => write!(f, "{}: {why}", path.display()),
            Self::Open(path, mode) => write!(
                f,
                "{}: others can read this secret (mode {mode:o}); run `chmod 600` on it, and `keys --rotate` if \
                 somebody may have",
                path.display()
            ),
            Self::Line(path, line, why) => write!(f, "{}:{line}: {why}", path.display()),
        }
    }
}

impl std::error::Error for KeysError {}

impl Keys {
    /// Keys of a secret, without earlier ones.
    pub fn of(secret: [u8; 32]) -> Self {
        let signing = SigningKey::from_bytes(&secret);
        Self { accepted: vec![signing.verifying_key()], signing }
    }

    /// The keys of a data folder; makes them with `secret` where there are none.
    ///
    /// # Errors
    /// The file cannot be read or made, is open to others, or broken.
    pub fn open(folder: &Path, secret: impl FnOnce() -> [u8; 32]) -> Result<Self, KeysError> {
        let path = folder.join(FILE);
        match std::fs::metadata(&path) {
            Ok(found) => {
                let mode = found.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(KeysError::Open(path, mode));
                }
                if found.len() > FILE_LEN_MAX {
                    return Err(KeysError::Line(path, 1, "the file is too long for a few keys"));
                }
                let text = std::fs::read_to_string(&path);
                let text = text.map_err(|error| KeysError::File(path.clone(), error.to_string()))?;
                Self::parse(&path, &text)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let keys = Self::of(secret());
                keys.write(&path)?;
                Ok(keys)
            }
            Err(error) => Err(KeysError::File(path, error.to_string())),
        }
    }

    /// Signs with a new secret from now on; the public keys of before stay accepted.
    ///
    /// # Errors
    /// The file cannot be written; then nothing has changed.
    pub fn rotate(&self, folder: &Path, secret: [u8; 32]) -> Result<Self, KeysError> {
        let mut next = Self::of(secret);
        next.accepted.extend(self.accepted.iter().take(RETIRED_MAX));
        next.write(&folder.join(FILE))?;
        Ok(next)
    }

    /// The key that signs.
    pub fn signing(&self) -> &SigningKey {
        &self.signing
    }

    /// Public keys that are accepted, the newest first.
    pub fn accepted(&self) -> &[VerifyingKey] {
        &self.accepted
    }

    /// What a till needs: one public key a line.
    pub fn public_text(&self) -> String {
        self.accepted.iter().map(|key| format!("public {}\n", hex(key.as_bytes()))).collect()
    }

    fn parse(path: &Path, text: &str) -> Result<Self, KeysError> {
        let wrong = |line: usize, why| KeysError::Line(path.to_owned(), line, why);
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.is_empty());
        let (at, first) = lines.next().ok_or_else(|| wrong(1, "no key in it; remove the file, a new one is made"))?;
        let secret = first.strip_prefix("secret ").and_then(bytes);
        let mut keys = Self::of(secret.ok_or_else(|| wrong(at + 1, "write `secret` and 64 hex digits"))?);
        for (at, line) in lines.take(RETIRED_MAX) {
            keys.accepted.push(public_key(line).ok_or_else(|| wrong(at + 1, "write `public` and 64 hex digits"))?);
        }
        Ok(keys)
    }

    /// Written beside and moved into place, so that a power cut leaves the old file or the new one.
    fn write(&self, path: &Path) -> Result<(), KeysError> {
        let failed = |error: std::io::Error| KeysError::File(path.to_owned(), error.to_string());
        let beside = path.with_extension("new");
        // What an earlier attempt left behind may have other permissions.
        let _ = std::fs::remove_file(&beside);
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside).map_err(failed)?;
        let retired = self.accepted[1..].iter().map(|key| format!("public {}\n", hex(key.as_bytes())));
        let text = format!(
            "# Keys of vouchers. Whoever reads `secret` can make vouchers; keep this file to its owner.\nsecret {}\n{}",
            hex(&self.signing.to_bytes()),
            retired.collect::<String>()
        );
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        std::fs::rename(&beside, path).map_err(failed)?;
        let folder = path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder).and_then(|it| it.sync_all()));
        folder.map_err(failed)
    }
}

/// Public keys from the text of `public_text`.
///
/// # Errors
/// The line that is none.
pub fn read_public(path: &Path, text: &str) -> Result<Vec<VerifyingKey>, KeysError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
    let keys = lines.take(RETIRED_MAX + 1).map(|(at, line)| {
        public_key(line).ok_or_else(|| KeysError::Line(path.to_owned(), at + 1, "write `public` and 64 hex digits"))
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() {
        return Err(KeysError::Line(path.to_owned(), 1, "no key in it; write what `venue-gateway keys` prints"));
    }
    Ok(keys)
}

fn public_key(line: &str) -> Option<VerifyingKey> {
    VerifyingKey::from_bytes(&line.trim().strip_prefix("public ").and_then(bytes)?).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes<const LEN: usize>(text: &str) -> Option<[u8; LEN]> {
    let digits = text.trim().as_bytes();
    if digits.len() != 2 * LEN {
        return None;
    }
    let mut bytes = [0; LEN];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let [high, low] = [pair[0], pair[1]].map(|digit| char::from(digit).to_digit(16));
        *byte = (high? << 4 | low?) as u8;
    }
    Some(bytes)
}

/// 16 bytes of a voucher's identity as the ledger writes it.
pub fn voucher_bytes(voucher: &str) -> Option<[u8; 16]> {
    bytes(voucher)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_once_for_their_owner_alone_and_rotate() {
        let folder = tempfile::tempdir().expect("folder");
        let first = Keys::open(folder.path(), || [1; 32]).expect("made");
        let mode = std::fs::metadata(folder.path().join(FILE)).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = Keys::open(folder.path(), || [2; 32]).expect("read");
        assert_eq!(again.accepted(), first.accepted());
        let rotated = again.rotate(folder.path(), [3; 32]).expect("rotated");
        assert_eq!(rotated.accepted()[1..], *first.accepted());
        let read = Keys::open(folder.path(), || [4; 32]).expect("read");
        assert_eq!((read.accepted(), read.signing()), (rotated.accepted(), rotated.signing()));
        let public = read_public(Path::new("keys"), &read.public_text()).expect("reads");
        assert_eq!(public, read.accepted());
        let many = (5..40).fold(read, |keys, seed| keys.rotate(folder.path(), [seed; 32]).expect("rotated"));
        assert_eq!(many.accepted().len(), RETIRED_MAX + 1);
    }

    #[test]
    fn an_open_or_broken_file_is_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join(FILE);
        let check = |text: &str, mode: u32, expected: &str| {
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("set");
            let told = Keys::open(folder.path(), || [1; 32]).expect_err("refused").to_string();
            assert!(told.contains(expected), "{told}");
        };
        let secret = format!("secret {}\n", "ab".repeat(32));
        check(&secret, 0o644, "others can read this secret (mode 644)");
        check("", 0o600, ":1: no key in it");
        check("secret 12", 0o600, ":1: write `secret` and 64 hex digits");
        check(&format!("{secret}public xyz\n"), 0o600, ":2: write `public` and 64 hex digits");
        assert!(read_public(Path::new("k"), "# nothing\n").is_err());
    }
}
