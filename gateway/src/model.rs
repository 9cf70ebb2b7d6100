//! The offer model: ONNX bytes in, a `Scorer` for the engine out.
//!
//! In: an ONNX file and a table of examples with the scores it must give. Out: a model that has been
//! shown to load, to take the engine's features, to give those scores and to be fast enough. It refuses
//! every other file and says what is wrong and what to do; the caller then goes on without a model.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read as _;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tract_onnx::prelude::*;
use tract_onnx::tract_hir::infer::Factoid;
use venue_engine::offers::Scorer;
use venue_engine::offers::choice::ARMS_MAX;
use venue_engine::offers::features::{FEATURES, WIDTH};

/// Largest model file. The shipped one has 5 kB; 64 inputs and two layers of 64 would have 40 kB.
pub const MODEL_LEN_MAX: usize = 1 << 20;
/// Largest table of examples, likewise.
const EXAMPLES_LEN_MAX: usize = 1 << 20;
/// Fewest examples that say anything.
const EXAMPLES_MIN: usize = 50;
/// Two runtimes sum in different orders; single precision leaves this much.
const SCORE_ERROR_MAX: f32 = 1e-5;
/// Longest time for one call, which scores all offers of one decision. A tree ensemble of 50 trees takes
/// seven times as long for a single row (tract walks every leaf), a network as shipped a tenth.
const CALL_MAX: Duration = Duration::from_micros(200);
/// Calls timed at load; the fastest counts, since the others were interrupted.
const CALLS_TIMED: usize = 50;
/// Characters shown of the runtime's own reasons.
const REASON_LEN_MAX: usize = 240;

/// The model that ships, and its examples.
const SHIPPED: (&[u8], &str) = (include_bytes!("../../models/voucher.onnx"), include_str!("../../models/examples.csv"));

/// Why a model was refused.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelError {
    /// The file cannot be read.
    File(PathBuf, String),
    /// The file is larger than any model meant for a board.
    TooLarge(&'static str, usize),
    /// Not ONNX, or with operators the runtime lacks; the runtime's reason.
    Unusable(String),
    /// The examples are not a table of this model's features.
    Examples(usize, String),
    /// An example gives another score than stated.
    Score {
        /// Line in the table.
        line: usize,
        /// Score stated.
        expected: f32,
        /// Score given.
        found: f32,
    },
    /// One call takes too long.
    Slow(Duration),
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, why) => write!(f, "{}: {why}; give the path of a model file", path.display()),
            Self::TooLarge(what, len_max) => write!(f, "the {what} has over {len_max} bytes; give a smaller one"),
            Self::Unusable(why) => write!(
                f,
                "the model cannot be run: {why}; export it to opset 17 with input [batch, {WIDTH}] and output \
                 [batch, 1] and only Gemm, Relu and Sigmoid, with the scaling in the first layer"
            ),
            Self::Examples(line, why) => write!(f, "examples line {line}: {why}; write them anew with train.py"),
            Self::Score { line, expected, found } => write!(
                f,
                "examples line {line}: the model gives {found}, stated is {expected}; it is not the model these \
                 examples were made with"
            ),
            Self::Slow(call) => write!(
                f,
                "one call takes {} us, {} us are allowed; use a smaller network instead of trees",
                call.as_micros(),
                CALL_MAX.as_micros()
            ),
        }
    }
}

impl std::error::Error for ModelError {}

/// A checked model.
pub struct Model {
    single: Plan,
    batch: Plan,
    call: Duration,
    /// 16 hex digits of a hash of the file.
    name: String,
}

impl Model {
    /// The model that ships.
    ///
    /// # Errors
    /// Only where the machine is too slow for it; a test loads it.
    pub fn shipped() -> Result<Self, ModelError> {
        Self::from_bytes(SHIPPED.0, SHIPPED.1)
    }

    /// The model of a file, with `examples.csv` beside it.
    ///
    /// # Errors
    /// What is wrong with the files or with the model, and what to do.
    pub fn from_file(path: &Path) -> Result<Self, ModelError> {
        let onnx = read_limited(path, MODEL_LEN_MAX)?;
        let beside = path.with_file_name("examples.csv");
        let examples = String::from_utf8(read_limited(&beside, EXAMPLES_LEN_MAX)?);
        let examples = examples.map_err(|_| ModelError::File(beside, "not text".into()))?;
        Self::from_bytes(&onnx, &examples)
    }

    /// A model from the bytes of its file and its examples: a line of names (the engine's features, then
    /// `score`), then one line of numbers for each.
    ///
    /// # Errors
    /// What is wrong with the model, and what to do.
    pub fn from_bytes(onnx: &[u8], examples: &str) -> Result<Self, ModelError> {
        if onnx.len() > MODEL_LEN_MAX {
            return Err(ModelError::TooLarge("model", MODEL_LEN_MAX));
        }
        let examples = read_examples(examples)?;
        let (single, batch) = (Plan::new(onnx, 1)?, Plan::new(onnx, ARMS_MAX)?);
        let mut hasher = DefaultHasher::new();
        onnx.hash(&mut hasher);
        let name = format!("{:016x}", hasher.finish());
        let mut model = Self { single, batch, call: Duration::ZERO, name };
        model.check_scores(&examples)?;
        model.call = model.time_call(&examples)?;
        Ok(model)
    }

    /// Time of one call with a full batch, measured at load.
    pub fn call(&self) -> Duration {
        self.call
    }

    /// Scores each example alone and together with others: a decision may have one offer or many.
    fn check_scores(&mut self, examples: &[Example]) -> Result<(), ModelError> {
        for rows_at_once in [1, ARMS_MAX] {
            for chunk in examples.chunks(rows_at_once) {
                let rows: Vec<f32> = chunk.iter().flat_map(|example| example.row).collect();
                for (example, found) in chunk.iter().zip(self.try_scores(&rows).map_err(unusable)?) {
                    let Example { line, score: expected, .. } = *example;
                    let agree = (found - expected).abs() <= SCORE_ERROR_MAX;
                    if !agree {
                        return Err(ModelError::Score { line, expected, found });
                    }
                }
            }
        }
        Ok(())
    }

    fn time_call(&mut self, examples: &[Example]) -> Result<Duration, ModelError> {
        let rows: Vec<f32> = examples.iter().cycle().take(ARMS_MAX).flat_map(|example| example.row).collect();
        let mut fastest = Duration::MAX;
        for _ in 0..CALLS_TIMED {
            let started = Instant::now();
            self.try_scores(&rows).map_err(unusable)?;
            fastest = fastest.min(started.elapsed());
        }
        within_limit(fastest)
    }

    fn try_scores(&mut self, rows: &[f32]) -> TractResult<Vec<f32>> {
        let count = rows.len() / WIDTH;
        // Measured: one row takes 4 us, a full batch 8 us.
        let plan = if count == 1 { &mut self.single } else { &mut self.batch };
        let mut scores = Vec::with_capacity(count);
        for rows in rows.chunks(plan.rows * WIDTH) {
            plan.run(rows, &mut scores)?;
        }
        Ok(scores)
    }
}

fn within_limit(call: Duration) -> Result<Duration, ModelError> {
    if call > CALL_MAX { Err(ModelError::Slow(call)) } else { Ok(call) }
}

impl Scorer for Model {
    /// A failure appends nothing, which the engine takes as one.
    fn scores(&mut self, features: &[f32], scores: &mut Vec<f32>) {
        if let Ok(found) = self.try_scores(features) {
            scores.extend(found);
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

/// The model compiled for a fixed number of rows.
struct Plan {
    state: TypedSimpleState,
    rows: usize,
}

impl Plan {
    /// Bytes from outside may hit a case the runtime did not think of; its panic is a refusal too.
    fn new(onnx: &[u8], rows: usize) -> Result<Self, ModelError> {
        let state = panic::catch_unwind(AssertUnwindSafe(|| compile(onnx, rows)));
        let state = state.map_err(|_| ModelError::Unusable("the runtime gave up on it".into()))?;
        Ok(Self { state: state.map_err(unusable)?, rows })
    }

    /// Scores at most `self.rows` rows; the rest of the batch is filled with zeros and left out.
    fn run(&mut self, rows: &[f32], scores: &mut Vec<f32>) -> TractResult<()> {
        let count = rows.len() / WIDTH;
        let mut input = Tensor::zero::<f32>(&[self.rows, WIDTH])?;
        input.try_as_plain_ram_mut()?.as_slice_mut::<f32>()?[..rows.len()].copy_from_slice(rows);
        let output = self.state.run(tvec!(input.into()))?;
        scores.extend(output[0].try_as_plain_ram()?.as_slice::<f32>()?.iter().take(count));
        Ok(())
    }
}

fn compile(onnx: &[u8], rows: usize) -> TractResult<TypedSimpleState> {
    let model = tract_onnx::onnx().model_for_read(&mut &*onnx)?;
    if model.inputs.len() != 1 || model.outputs.len() != 1 {
        anyhow::bail!("it has {} inputs and {} outputs, not one and one", model.inputs.len(), model.outputs.len());
    }
    let width = model.input_fact(0)?.shape.dim(1).and_then(|dim| dim.concretize()).and_then(|dim| dim.to_i64().ok());
    match width {
        Some(width) if width == WIDTH as i64 => {}
        Some(width) => anyhow::bail!("it takes {width} features, the engine gives {WIDTH}"),
        None => anyhow::bail!("it does not say how many features it takes, the engine gives {WIDTH}"),
    }
    let model = model.with_input_fact(0, f32::fact([rows, WIDTH]).into())?.into_optimized()?;
    let output = model.output_fact(0)?;
    if output.datum_type != f32::datum_type() || output.shape.as_concrete() != Some(&[rows, 1]) {
        anyhow::bail!("its output is {output:?}, not one score a row");
    }
    model.into_runnable()?.spawn()
}

/// One stated score.
#[derive(Debug, PartialEq)]
struct Example {
    line: usize,
    row: [f32; WIDTH],
    score: f32,
}

fn read_examples(text: &str) -> Result<Vec<Example>, ModelError> {
    if text.len() > EXAMPLES_LEN_MAX {
        return Err(ModelError::TooLarge("table of examples", EXAMPLES_LEN_MAX));
    }
    let mut lines = text.lines().enumerate();
    let names = FEATURES.iter().map(|feature| feature.name).chain(["score"]);
    if !lines.next().is_some_and(|(_, header)| header.split(',').eq(names)) {
        return Err(ModelError::Examples(1, "the names are not this version's features and `score`".into()));
    }
    let examples: Vec<Example> = lines.map(|(place, line)| read_example(place + 1, line)).collect::<Result<_, _>>()?;
    if examples.len() < EXAMPLES_MIN {
        return Err(ModelError::Examples(examples.len(), format!("the table ends; it needs {EXAMPLES_MIN} examples")));
    }
    Ok(examples)
}

fn read_example(line: usize, text: &str) -> Result<Example, ModelError> {
    let numbers: Option<Vec<f32>> = text.split(',').map(|number| number.parse().ok()).collect();
    let parts = numbers.as_deref().and_then(|numbers| numbers.split_last());
    let example = parts.and_then(|(score, row)| Some(Example { line, row: row.try_into().ok()?, score: *score }));
    example.ok_or_else(|| ModelError::Examples(line, format!("not {} numbers", WIDTH + 1)))
}

fn read_limited(path: &Path, len_max: usize) -> Result<Vec<u8>, ModelError> {
    let failed = |error: std::io::Error| ModelError::File(path.to_owned(), error.to_string());
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(len_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > len_max { Err(ModelError::TooLarge("file", len_max)) } else { Ok(bytes) }
}

/// The runtime's reasons on one line, short enough to read.
fn unusable(error: TractError) -> ModelError {
    let why = format!("{error:#}").replace('\n', " ");
    ModelError::Unusable(why.chars().take(REASON_LEN_MAX).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../models");

    #[test]
    fn the_files_of_the_tree_load_score_as_stated_and_are_what_ships() {
        let path = Path::new(MODELS).join("voucher.onnx");
        let mut model = Model::from_file(&path).expect("good");
        let text = std::fs::read_to_string(Path::new(MODELS).join("examples.csv")).expect("there");
        let examples = read_examples(&text).expect("good");
        assert!(examples.len() >= EXAMPLES_MIN);
        for Example { line, row, score } in &examples {
            let mut scores = Vec::new();
            model.scores(row, &mut scores);
            assert!((scores[0] - score).abs() <= SCORE_ERROR_MAX, "line {line}: {scores:?}, stated {score}");
        }
        assert_eq!((std::fs::read(path).expect("there").as_slice(), text.as_str()), SHIPPED);
        assert!(SHIPPED.0.len() < 50_000, "meant for a board");
    }

    #[test]
    fn any_number_of_rows_gets_as_many_scores_each_as_alone() {
        let mut model = Model::shipped().expect("good");
        let examples = read_examples(SHIPPED.1).expect("good");
        for count in [0, 1, 2, ARMS_MAX - 1, ARMS_MAX, 2 * ARMS_MAX + 1] {
            let chosen: Vec<&Example> = examples.iter().cycle().take(count).collect();
            let rows: Vec<f32> = chosen.iter().flat_map(|example| example.row).collect();
            let mut scores = Vec::new();
            model.scores(&rows, &mut scores);
            assert_eq!(scores.len(), count);
            assert!(chosen.iter().zip(scores).all(|(example, score)| (example.score - score).abs() <= SCORE_ERROR_MAX));
        }
    }

    #[test]
    fn time_of_a_call_is_told() {
        let model = Model::shipped().expect("good");
        println!("{} rows in {:?}", ARMS_MAX, model.call());
        assert!(Duration::ZERO < model.call() && model.call() <= CALL_MAX);
    }

    #[test]
    fn what_is_wrong_with_a_model_is_told() {
        let check = |onnx: &[u8], examples: &str, expected: &str| {
            let told = Model::from_bytes(onnx, examples).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(told.contains(expected) && !told.contains('\n'), "{expected:?} is not in {told:?}");
        };
        let (onnx, examples) = SHIPPED;
        check(b"", examples, "the model cannot be run");
        check(b"garbage", examples, "the model cannot be run");
        check(&onnx[..onnx.len() / 2], examples, "the model cannot be run");
        check(&vec![0; MODEL_LEN_MAX + 1], examples, "the model has over 1048576 bytes; give a smaller one");
        check(onnx, "", "examples line 1: the names are not this version's features and `score`; write them anew");
        check(onnx, &examples.replacen("walk_m", "walk", 1), "examples line 1: the names");
        let few: Vec<&str> = examples.lines().take(10).collect();
        check(onnx, &few.join("\n"), "examples line 9: the table ends; it needs 50 examples");
        check(onnx, &format!("{examples}1,2,3\n"), "examples line 66: not 17 numbers");
        let last = examples.lines().nth(1).and_then(|line| line.rsplit(',').next()).expect("a score");
        check(onnx, &examples.replacen(last, "0.999", 1), "examples line 2: the model gives");
        check(&tiny_onnx("Relu", 17), examples, "it takes 17 features, the engine gives 16");
        check(&tiny_onnx("Relu", 16), examples, "not one score a row");
        check(&tiny_onnx("ZipMap", 16), examples, "ZipMap");
    }

    #[test]
    fn a_slow_model_is_refused_with_its_time() {
        assert_eq!(within_limit(CALL_MAX), Ok(CALL_MAX));
        let told = within_limit(Duration::from_micros(1_412)).expect_err("refused").to_string();
        assert_eq!(told, "one call takes 1412 us, 200 us are allowed; use a smaller network instead of trees");
    }

    /// A model of one operator over `[batch, width]`, written field by field as onnx.proto3 numbers them.
    fn tiny_onnx(operator: &str, width: u8) -> Vec<u8> {
        let bytes = |number: u8, value: &[u8]| [&[number << 3 | 2, value.len() as u8], value].concat();
        let number = |number: u8, value: u8| vec![number << 3, value];
        let dimensions = [bytes(1, &bytes(2, b"batch")), bytes(1, &number(1, width))].concat();
        let tensor = bytes(2, &bytes(1, &[number(1, 1), bytes(2, &dimensions)].concat()));
        let named = |name: &[u8]| [bytes(1, name), tensor.clone()].concat();
        let node = [bytes(1, b"in"), bytes(2, b"out"), bytes(4, operator.as_bytes())].concat();
        let graph = [bytes(1, &node), bytes(2, b"g"), bytes(11, &named(b"in")), bytes(12, &named(b"out"))].concat();
        [number(1, 8), bytes(7, &graph), bytes(8, &number(2, 17))].concat()
    }

    #[test]
    fn a_missing_file_is_told_with_its_path() {
        let error = Model::from_file(Path::new("nowhere/voucher.onnx")).err().expect("refused");
        assert!(error.to_string().starts_with("nowhere/voucher.onnx: No such file"), "{error}");
    }

    /// A model broken in any one byte is refused or still gives its scores; nothing panics through.
    #[test]
    fn no_broken_byte_gets_past_the_examples() {
        for place in (0..SHIPPED.0.len()).step_by(97) {
            let mut onnx = SHIPPED.0.to_vec();
            onnx[place] ^= 0x80;
            if let Ok(mut model) = Model::from_bytes(&onnx, SHIPPED.1) {
                assert!(model.check_scores(&read_examples(SHIPPED.1).expect("good")).is_ok(), "byte {place}");
            }
        }
    }
}
