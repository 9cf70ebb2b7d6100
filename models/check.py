"""Checks the shipped model as it lies here: its hash, its input, and its examples in onnxruntime.

In: voucher.onnx, voucher.toml, examples.csv. Out: one line and exit code 0, or what is wrong and 1.
The gateway's own tests check the same examples in the runtime that ships.
"""

import csv
import hashlib
import sys
import tomllib

import numpy as np
import onnxruntime

from simulate import HERE, names

# Two runtimes sum in different orders; single precision leaves this much.
SCORE_ERROR_MAX = 1e-5


def faults() -> list[str]:
    model = (HERE / "voucher.onnx").read_bytes()
    stated = tomllib.loads((HERE / "voucher.toml").read_text())
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    header, *rows = list(csv.reader((HERE / "examples.csv").open()))
    table = np.array(rows, dtype=np.float64)
    scores = session.run(["score"], {"features": table[:, :-1].astype(np.float32)})[0][:, 0]
    error = np.abs(scores - table[:, -1]).max()
    checks = {
        "voucher.toml states another sha256; run train.py": hashlib.sha256(model).hexdigest() == stated["sha256"],
        "examples.csv has other columns than voucher.toml": header == [*names(), "score"],
        "the model takes another number of features": session.get_inputs()[0].shape[1] == len(names()),
        f"an example is off by {error:.1e}; run train.py": error <= SCORE_ERROR_MAX,
        "fewer than 50 examples": len(rows) >= 50,
    }
    return [what for what, holds in checks.items() if not holds]


if __name__ == "__main__":
    found = faults()
    print("\n".join(found) or "models/voucher: hash, features and examples agree")
    sys.exit(bool(found))
