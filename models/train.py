"""Trains the offer model on a simulated log and writes voucher.onnx, examples.csv and its hash.

In: simulate.py and the feature list of voucher.toml. Out: the three files, and on standard output the
measures that CARD.md quotes. Same seed and pinned requirements give the same model on one machine.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python train.py
"""

import hashlib
import re

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.neural_network import MLPClassifier

from simulate import HERE, Log, feature_list, names, simulate

SEED = 20_251
DECISIONS_TRAIN = 120_000
DECISIONS_HELD_OUT = 40_000
EXAMPLES = 64
CORNERS = 12
OPSET = 17
# The oldest file format with opset 17, so that older runtimes read it too.
IR_VERSION = 8


def train(log: Log) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights and biases of three layers; the scaling of the inputs is folded into the first."""
    x = log.shown_features().astype(np.float64)
    mean, spread = x.mean(axis=0), x.std(axis=0)
    model = MLPClassifier((32, 16), alpha=3e-3, batch_size=512, early_stopping=True, random_state=SEED)
    model.fit((x - mean) / spread, log.redeemed)
    weights, biases = [w.copy() for w in model.coefs_], [b.copy() for b in model.intercepts_]
    biases[0] -= (mean / spread) @ weights[0]
    weights[0] /= spread[:, None]
    return weights, biases


def to_onnx(weights: list[np.ndarray], biases: list[np.ndarray]) -> bytes:
    """Gemm, Relu, Gemm, Relu, Gemm, Sigmoid: what every small runtime runs."""
    nodes, constants, last = [], [], "features"
    for layer, (weight, bias) in enumerate(zip(weights, biases), start=1):
        for kind, values in (("weight", weight), ("bias", bias)):
            constants.append(numpy_helper.from_array(values.astype(np.float32), f"{kind}_{layer}"))
        nodes.append(helper.make_node("Gemm", [last, f"weight_{layer}", f"bias_{layer}"], [f"sum_{layer}"]))
        if layer < len(weights):
            nodes.append(helper.make_node("Relu", [f"sum_{layer}"], [f"layer_{layer}"]))
            last = f"layer_{layer}"
    nodes.append(helper.make_node("Sigmoid", [f"sum_{len(weights)}"], ["score"]))
    width = weights[0].shape[0]
    graph = helper.make_graph(
        nodes,
        "voucher",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", 1])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def score(model: bytes, rows: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["score"], {"features": rows.astype(np.float32)})[0][:, 0]


def rule_score(gain_s: np.ndarray) -> np.ndarray:
    """The engine's rule where it has no model."""
    gain_s = np.maximum(gain_s, 0)
    return gain_s / (gain_s + 600)


def predictions(model: bytes, log: Log) -> dict[str, np.ndarray]:
    """Scores of all possible offers by each scorer."""
    flat = log.features.reshape(-1, log.features.shape[-1])
    shape = log.features.shape[:2]
    return {
        "best attainable": log.attainable,
        "model": score(model, flat).reshape(shape).astype(float),
        "rule by gain in wait": rule_score(log.gain_s()),
        "constant": np.full(shape, log.redeemed.mean()),
    }


def report(model: bytes, log: Log) -> None:
    """The table of the card: fit on the offers shown, and what choosing by the score would bring."""
    rows = np.arange(len(log.shown))
    value = log.probability * log.gain_s() / 60
    print(f"held out: {len(rows)} offers, {log.redeemed.mean():.4f} redeemed")
    print("scorer                   AUC    log loss  redeemed  minutes saved per decision")
    for name, scores in predictions(model, log).items():
        seen = np.clip(scores[rows, log.shown], 1e-6, 1 - 1e-6)
        # As in the engine: the arm with most expected waiting saved.
        chosen = rows, np.argmax(scores * log.gain_s(), axis=1)
        auc, loss = roc_auc_score(log.redeemed, seen), log_loss(log.redeemed, seen)
        print(f"{name:24} {auc:.4f} {loss:.4f}    {log.probability[chosen].mean():.4f}    {value[chosen].mean():.4f}")
    print(f"{'any offer alike':24} {'':14}    {log.probability.mean():.4f}    {value.mean():.4f}")
    report_calibration(score(model, log.shown_features()), log.redeemed)


def report_calibration(scores: np.ndarray, redeemed: np.ndarray) -> None:
    print("tenth of scores: mean score, share redeemed")
    for tenth in np.array_split(np.argsort(scores), 10):
        print(f"  {scores[tenth].mean():.3f} {redeemed[tenth].mean():.3f}")


def write_examples(model: bytes, log: Log) -> None:
    """Rows of the log, and some corners of the ranges, where sums are largest and rounding shows first."""
    rng = np.random.default_rng(SEED)
    ends = np.array([[feature["low"], feature["high"]] for feature in feature_list()])
    corners = ends[np.arange(len(ends)), rng.integers(0, 2, (CORNERS, len(ends)))]
    rows = np.vstack([log.shown_features()[: EXAMPLES - CORNERS], corners]).astype(np.float32)
    lines = [",".join([*names(), "score"])]
    for row, expected in zip(rows, score(model, rows)):
        lines.append(",".join(f"{value:.9g}" for value in [*row, expected]))
    (HERE / "examples.csv").write_text("\n".join(lines) + "\n")


def write_hash(model: bytes) -> None:
    path, digest = HERE / "voucher.toml", hashlib.sha256(model).hexdigest()
    path.write_text(re.sub(r'^sha256 = ".*"$', f'sha256 = "{digest}"', path.read_text(), flags=re.MULTILINE))


def main() -> None:
    model = to_onnx(*train(simulate(SEED, DECISIONS_TRAIN)))
    held_out = simulate(SEED + 1, DECISIONS_HELD_OUT)
    (HERE / "voucher.onnx").write_bytes(model)
    write_examples(model, held_out)
    write_hash(model)
    print(f"voucher.onnx: {len(model)} bytes")
    report(model, held_out)


if __name__ == "__main__":
    main()
