"""The five estimates of the Open Bandit Pipeline for the policy and estimate that `main.rs` states.

In: the path of a log. Out: IPS, SNIPS, DR, Switch-DR and DR-OS on one line. It refuses to run without obp;
what obp only needs for other things (pictures, neural networks) may be missing.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from unittest.mock import MagicMock


class StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds an empty module for what is missing and not used here."""

    names = [
        name
        for name in ("torch", "matplotlib", "seaborn", "mypy_extensions")
        if importlib.util.find_spec(name) is None
    ]

    def find_spec(self, name, path=None, target=None):
        known = name.split(".")[0] in self.names
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if known else None

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        # Types that obp asks about with isinstance, or inherits from.
        plain = {name: type(name, (), {}) for name in ("Tensor", "Module", "Dataset")}
        module.Tensor, module.Module, module.Dataset = plain.values()
        module.nn.Module, module.utils.data.Dataset = plain["Module"], plain["Dataset"]
        return module

    def exec_module(self, module):
        pass


sys.meta_path.append(StandIns())

import numpy as np
import pandas
from obp.ope import estimators as ope

ITEMS, SWITCH_AT, SHRUNK_AT, PRIOR = 80, 5.0, 30.0, (100.0, 0.004)

log = pandas.read_csv(sys.argv[1])
action, reward = log["item_id"].to_numpy(), log["click"].to_numpy().astype(float)
rounds = len(log)
weights = 1.0 + np.arange(ITEMS) % 7
shown = np.bincount(action, minlength=ITEMS)
clicks = np.bincount(action, weights=reward, minlength=ITEMS)
estimate = (clicks + PRIOR[0] * PRIOR[1]) / (shown + PRIOR[0])


def everywhere(values):
    return np.broadcast_to(values[None, :, None], (rounds, ITEMS, 1)).copy()


given = {
    "reward": reward,
    "action": action,
    "pscore": log["propensity_score"].to_numpy(),
    "action_dist": everywhere(weights / weights.sum()),
    "position": np.zeros(rounds, dtype=int),
}
modelled = {**given, "estimated_rewards_by_reg_model": everywhere(estimate)}
switch = ope.SwitchDoublyRobust
try:
    switch = switch(tau=SWITCH_AT)
except TypeError:
    switch = switch(lambda_=SWITCH_AT)
print(
    ope.InverseProbabilityWeighting().estimate_policy_value(**given),
    ope.SelfNormalizedInverseProbabilityWeighting().estimate_policy_value(**given),
    ope.DoublyRobust().estimate_policy_value(**modelled),
    switch.estimate_policy_value(**modelled),
    ope.DoublyRobustWithShrinkage(lambda_=SHRUNK_AT).estimate_policy_value(**modelled),
)
