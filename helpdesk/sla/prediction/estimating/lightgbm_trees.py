"""Trees grown by LightGBM, kept in its own text format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.sla.prediction.estimating.table import Floats

_LEAST_IN_LEAF = 40
# Small trees, strongly drawn together: a desk's past is short and drifts. Fixed seeds and one order of sums, so that
# the same rows give the same trees. One thread: several wait for each other where other processes want the cores.
_PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "learning_rate": 0.03,
    "num_leaves": 15,
    "max_depth": 8,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "cat_smooth": 30.0,
    "cat_l2": 30.0,
    "max_cat_threshold": 16,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


class LightGbmTrees:
    """A booster."""

    library = "lightgbm"

    def __init__(self, booster: Any) -> None:
        self._booster = booster

    def margins(self, rows: Floats) -> Floats:
        """Return the log odds of each row."""
        return np.asarray(self._booster.predict(rows, raw_score=True, num_threads=1), dtype=np.float64)

    def contributions(self, rows: Floats) -> Floats:
        """Return the Shapley values of each row's columns (Lundberg et al. 2020), without that of the base."""
        found = self._booster.predict(rows, pred_contrib=True, num_threads=1)
        return np.asarray(found, dtype=np.float64)[:, :-1]

    def write(self) -> dict[str, NDArray[Any]]:
        """Return the text of the booster as bytes."""
        return {"booster": np.frombuffer(self._booster.model_to_string().encode(), dtype=np.uint8)}


def grow(rows: Floats, outcomes: Floats, weights: Floats, *, native: Sequence[int], rounds: int) -> LightGbmTrees:
    """Grow trees; columns of codes are split by sets of codes."""
    import lightgbm  # noqa: PLC0415 (slow to import, and not everywhere)

    parameters = _PARAMETERS | {"min_data_in_leaf": _least_in_leaf(len(rows))}
    data = lightgbm.Dataset(
        rows, outcomes, weight=weights, categorical_feature=list(native), params={"verbosity": -1}, free_raw_data=True
    )
    return LightGbmTrees(lightgbm.train(parameters, data, num_boost_round=rounds))


def read(arrays: Mapping[str, NDArray[Any]]) -> LightGbmTrees:
    """Return the trees that `write` wrote."""
    import lightgbm  # noqa: PLC0415 (slow to import, and not everywhere)

    return LightGbmTrees(lightgbm.Booster(model_str=arrays["booster"].tobytes().decode()))


def _least_in_leaf(rows: int) -> int:
    return max(5, min(_LEAST_IN_LEAF, rows // 50))
