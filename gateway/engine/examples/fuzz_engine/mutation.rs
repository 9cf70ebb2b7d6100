//! Broken inputs without end, the same on every run of one seed.
//!
//! In: a corpus of good inputs, one a line. Out: inputs with a few things changed: bits, bytes, lengths, pieces
//! taken out, doubled or taken from another input. A target is a function that must not panic; where one
//! does, the input is printed in hex with the seed, and the run fails. It measures no coverage: the corpus
//! holds each shape there is, and changes are small.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Longest input made: two advertisements of the longest kind, and room for their file.
const INPUT_LEN_MAX: usize = 4_096;
/// Changes made to one input at most.
const CHANGES_MAX: u64 = 4;
/// Bytes that lengths and signs trip over.
const TELLING: [u8; 10] = [0x00, 0x01, 0x02, 0x1f, 0x20, 0x7f, 0x80, 0xfe, 0xff, b'"'];

/// What must not panic, whatever it is given.
pub type Run<'a> = Box<dyn FnMut(&[u8]) + 'a>;

/// What is tried: a name, its corpus, and what must not panic.
pub struct Target<'a> {
    /// Name on the command line.
    pub name: &'a str,
    /// Good inputs.
    pub corpus: Vec<Vec<u8>>,
    /// What takes them.
    pub run: Run<'a>,
}

/// Good inputs in hex, one a line.
pub fn of_hex(text: &str) -> Vec<Vec<u8>> {
    let byte = |line: &str, at: usize| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).expect("hex");
    text.lines().map(|line| (0..line.len() / 2).map(|at| byte(line, at)).collect()).collect()
}

/// Good inputs in text, one a line; `\n` stands for the end of a line within.
pub fn of_text(text: &str) -> Vec<Vec<u8>> {
    text.lines().map(|line| line.replace("\\n", "\n").into_bytes()).collect()
}

/// SplitMix64.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// Runs the targets asked for: `[NAME|all] [EXECUTIONS] [SEED]`. True where nothing panicked.
pub fn run(targets: Vec<Target<'_>>) -> bool {
    let mut arguments = std::env::args().skip(1);
    let asked = arguments.next().unwrap_or_else(|| "all".to_owned());
    let executions: u64 = arguments.next().map_or(100_000, |text| text.parse().expect("a number of executions"));
    let seed: u64 = arguments.next().map_or(1, |text| text.parse().expect("a seed"));
    println!("seed {seed}, {executions} executions a target");
    let mut chosen = targets.into_iter().filter(|target| asked == "all" || asked == target.name).peekable();
    assert!(chosen.peek().is_some(), "no target called {asked}");
    let broken: Vec<bool> = chosen.map(|target| !one(target, executions, seed)).collect();
    !broken.contains(&true)
}

#[allow(clippy::disallowed_methods, reason = "it tells how fast it was; only one of its two crates forbids that")]
fn one(mut target: Target<'_>, executions: u64, seed: u64) -> bool {
    let (mut draws, began) = (Draws(seed), std::time::Instant::now());
    let mut input = Vec::with_capacity(INPUT_LEN_MAX);
    for number in 0..executions {
        // The good ones first: they show that the corpus is taken.
        let place =
            if number < target.corpus.len() as u64 { number as usize } else { draws.below(target.corpus.len()) };
        input.clear();
        input.extend_from_slice(&target.corpus[place]);
        if number >= target.corpus.len() as u64 {
            (0..=draws.next() % CHANGES_MAX).for_each(|_| change(&mut input, &target.corpus, &mut draws));
        }
        input.truncate(INPUT_LEN_MAX);
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
            let hex: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
            println!("{}: execution {number} of seed {seed} panicked on {hex}", target.name);
            return false;
        }
    }
    let per_s = executions as f64 / began.elapsed().as_secs_f64();
    println!("{}: {executions} executions without a finding, {per_s:.0}/s", target.name);
    true
}

fn change(input: &mut Vec<u8>, corpus: &[Vec<u8>], draws: &mut Draws) {
    let (at, length) = (draws.below(input.len()), 1 + draws.below(16));
    let end = (at + length).min(input.len());
    match draws.below(9) {
        0 | 1 if !input.is_empty() => input[at] ^= 1 << draws.below(8),
        2 if !input.is_empty() => input[at] = TELLING[draws.below(TELLING.len())],
        3 if !input.is_empty() => input[at] = input[at].wrapping_add(1 + 254 * draws.below(2) as u8),
        4 => input.truncate(at),
        5 => drop(input.drain(at..end)),
        6 => input.insert(at, draws.next() as u8),
        7 => {
            let piece = input[at..end].to_vec();
            input.splice(at..at, piece);
        }
        _ => {
            let other = &corpus[draws.below(corpus.len())];
            let from = draws.below(other.len());
            input.truncate(at);
            input.extend_from_slice(&other[from.min(other.len())..]);
        }
    }
}
