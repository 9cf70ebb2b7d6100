"""A stated response model and a log of offers drawn from it.

In: a seed and a number of decisions. Out: features of every possible offer (in the order of
voucher.toml), the probability that it would be redeemed, and the logged outcome of one offer per
decision. Everything here is an assumption written down: no person ever answered these offers.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent

# Possible offers per decision: campaigns times stands in a hall of middling size.
ARMS = 5

# Standard deviation of a person's own inclination, on the logit scale; no feature tells it.
INCLINATION_SD = 0.7


@dataclass
class Log:
    """Decisions with all their possible offers; the last axis of `features` follows voucher.toml."""

    features: np.ndarray  # [decisions, ARMS, width], float32
    probability: np.ndarray  # [decisions, ARMS]: with the person's own inclination, as drawn
    attainable: np.ndarray  # [decisions, ARMS]: without it, the best any model can know
    shown: np.ndarray  # [decisions]: the arm that was offered, drawn evenly
    redeemed: np.ndarray  # [decisions]: what became of it, 0 or 1

    def shown_features(self) -> np.ndarray:
        return self.features[np.arange(len(self.shown)), self.shown]

    def gain_s(self) -> np.ndarray:
        return self.features[:, :, names().index("wait_gain_s")].astype(float)


def feature_list() -> list[dict]:
    return tomllib.loads((HERE / "voucher.toml").read_text())["feature"]


def names() -> list[str]:
    return [feature["name"] for feature in feature_list()]


def draw_facts(rng: np.random.Generator, decisions: int) -> dict[str, np.ndarray]:
    """What could be known at each decision. One row per decision, one column per possible offer."""
    shape = (decisions, ARMS)

    def per_person(values):
        return np.broadcast_to(values[:, None], shape)

    wait_here_s = 120 + rng.gamma(2.0, 200.0, decisions)
    wait_there_s = rng.gamma(1.2, 60.0, shape)
    service_s = rng.uniform(15, 60, shape)
    walk_m = 3 + rng.gamma(2.0, 20.0, shape)
    validity_min = rng.choice([3, 5, 5, 5, 10, 15, 30], shape)
    offers = rng.poisson(0.9, decisions)
    since_min = np.where(offers > 0, 10 + rng.exponential(60, decisions), 240)
    hour = rng.uniform(0, 24, decisions)
    return {
        "wait_here_s": per_person(wait_here_s),
        "wait_there_s": wait_there_s,
        "wait_gain_s": per_person(wait_here_s) - wait_there_s,
        "length_here_people": per_person(wait_here_s / rng.uniform(15, 60, decisions)),
        "length_there_people": wait_there_s / service_s,
        "under_way_people": rng.poisson(0.8, shape) * rng.uniform(0.1, 0.7, shape),
        "walk_m": walk_m,
        "slack_s": validity_min * 60.0 - walk_m / 1.0 - wait_there_s,
        "dwell_zone_s": per_person(rng.exponential(240, decisions)),
        "since_offer_min": per_person(since_min),
        "offers_so_far": per_person(offers),
        "redemptions_so_far": per_person(rng.binomial(offers, 0.3)),
        "hour_sin": per_person(np.sin(hour / 24 * 2 * np.pi)),
        "hour_cos": per_person(np.cos(hour / 24 * 2 * np.pi)),
        "percent": rng.choice([5, 10, 15, 20, 25, 30, 40, 50], shape),
        "validity_min": validity_min,
    }


def logit(facts: dict[str, np.ndarray]) -> np.ndarray:
    """The response model, without the person's own inclination. Its signs are common sense, its sizes
    are chosen so that about one offer in six is redeemed; the time of day has no effect on purpose."""
    gain_min = np.maximum(facts["wait_gain_s"], 0) / 60
    # Who has stood in line for most of the wait has little left to gain.
    sunk = np.minimum(facts["dwell_zone_s"] / np.maximum(facts["wait_here_s"], 60), 2)
    hurry = 1 / (1 + np.exp((facts["slack_s"] - 60) / 20))
    pestered = facts["offers_so_far"] * np.exp(-facts["since_offer_min"] / 60)
    return (
        -3.6
        + 0.75 * np.log1p(gain_min)
        + 1.3 * np.sqrt(facts["percent"] / 20)
        # A discount is worth the walk only if the walk is short.
        - (0.012 + 0.012 * (facts["percent"] < 15)) * facts["walk_m"]
        - 0.5 * sunk
        - 1.5 * hurry
        - 0.25 * facts["offers_so_far"]
        + 0.45 * facts["redemptions_so_far"]
        - 0.8 * pestered
    )


def over_inclinations(known: np.ndarray) -> np.ndarray:
    """Mean probability over all people who look alike (Gauss-Hermite, exact to 1e-6 at nine points)."""
    points, weights = np.polynomial.hermite_e.hermegauss(9)
    weights = weights / weights.sum()
    return sum(w / (1 + np.exp(-(known + INCLINATION_SD * p))) for p, w in zip(points, weights))


def simulate(seed: int, decisions: int) -> Log:
    """A log whose rows are independent decisions about different people."""
    rng = np.random.default_rng(seed)
    facts = draw_facts(rng, decisions)
    known = logit(facts)
    inclination = rng.normal(0, INCLINATION_SD, (decisions, 1))
    probability = 1 / (1 + np.exp(-(known + inclination)))
    shown = rng.integers(0, ARMS, decisions)
    redeemed = rng.random(decisions) < probability[np.arange(decisions), shown]
    columns = [np.clip(facts[f["name"]], f["low"], f["high"]) for f in feature_list()]
    features = np.stack(columns, axis=-1).astype(np.float32)
    return Log(features, probability, over_inclinations(known), shown, redeemed.astype(int))
