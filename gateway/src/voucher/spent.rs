//! The vouchers a till has taken: a file that only grows.
//!
//! In: vouchers accepted. Out: whether one was taken before. A line is on disk before the voucher counts as
//! taken; a line that a power cut broke off is cut away at the next start, for nobody was told of it. It
//! refuses to be used by two processes at once, and more vouchers than it can hold.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Vouchers kept: a till that takes one every second for a day. Merge and remove the file then.
pub const SPENT_MAX: usize = 100_000;
/// Bytes of a line at most: a time and a token.
const LINE_LEN_MAX: usize = 512;

/// Vouchers taken, with the text of each line.
#[derive(Debug)]
pub struct Spent {
    file: File,
    taken: BTreeMap<[u8; 16], i64>,
}

impl Spent {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// It cannot be opened, is in use, or holds something else.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        let told = |why: String| anyhow::anyhow!("{}: {why}", path.display());
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        file.try_lock().map_err(|_| told("in use by another till; give each till its own file".into()))?;
        let mut bytes = Vec::new();
        (&mut file).take((SPENT_MAX * LINE_LEN_MAX) as u64).read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|_| told("not a file of spent vouchers".into()))?;
        let mut taken = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let (voucher, at_us) = parse(line).ok_or_else(|| told(format!("line {}: not a voucher", number + 1)))?;
            taken.insert(voucher, at_us);
        }
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::Start(whole as u64))?;
        Ok(Self { file, taken })
    }

    /// When a voucher was taken.
    pub fn at_us(&self, voucher: &[u8; 16]) -> Option<i64> {
        self.taken.get(voucher).copied()
    }

    /// Notes a voucher; it is on disk when this returns.
    ///
    /// # Errors
    /// It could not be stored, so the voucher must not be taken.
    pub fn take(&mut self, voucher: [u8; 16], at_us: i64, token: &str) -> anyhow::Result<()> {
        anyhow::ensure!(self.taken.len() < SPENT_MAX, "{SPENT_MAX} vouchers taken; merge them and begin a new file");
        let hex: String = voucher.iter().map(|byte| format!("{byte:02x}")).collect();
        let end = self.file.stream_position()?;
        let written = self.file.write_all(format!("{hex} {at_us} {token}\n").as_bytes());
        if let Err(error) = written.and_then(|()| self.file.sync_data()) {
            // Half a line must not join the next one.
            let _ = self.file.set_len(end).and_then(|()| self.file.seek(SeekFrom::Start(end)));
            return Err(error.into());
        }
        self.taken.insert(voucher, at_us);
        Ok(())
    }
}

/// Voucher and time of a line; the token after them is for the board.
fn parse(line: &str) -> Option<([u8; 16], i64)> {
    let mut words = line.splitn(3, ' ');
    Some((super::keys::voucher_bytes(words.next()?)?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_known_after_a_restart_and_half_a_line_is_cut_away() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("spent");
        let mut spent = Spent::open(&path).expect("made");
        spent.take([1; 16], 5, "VG1A").expect("stored");
        assert!(Spent::open(&path).is_err(), "one till at a time");
        drop(spent);
        let mut text = std::fs::read(&path).expect("read");
        text.extend(b"0202020202020202");
        std::fs::write(&path, text).expect("a power cut");
        let mut spent = Spent::open(&path).expect("opens");
        assert_eq!((spent.at_us(&[1; 16]), spent.at_us(&[2; 16])), (Some(5), None));
        spent.take([2; 16], 6, "VG1B").expect("stored");
        drop(spent);
        assert_eq!(std::fs::read_to_string(&path).expect("read").lines().count(), 2);
        assert_eq!(Spent::open(&path).expect("opens").at_us(&[2; 16]), Some(6));
    }

    #[test]
    fn another_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("letter");
        std::fs::write(&path, "Dear till,\n").expect("written");
        assert!(Spent::open(&path).expect_err("refused").to_string().contains("line 1"));
        assert_eq!(std::fs::read_to_string(&path).expect("there"), "Dear till,\n");
    }
}
