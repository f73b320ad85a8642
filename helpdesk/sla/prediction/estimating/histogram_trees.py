"""Trees grown by scikit-learn's histogram boosting, kept as arrays and read by numpy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.sla.prediction.estimating.table import Floats

_LEAST_IN_LEAF = 40
# Leaves lead to themselves, so that all trees can be walked in step.
_MOST_DEPTH = 8


@dataclass(frozen=True)
class HistogramTrees:
    """All nodes of all trees in one row.

    Attributes:
        base: log odds before the first tree.
        roots: int32 [trees], where each tree begins.
        column: int32 [nodes], which column a node asks for.
        threshold: float64 [nodes]; values up to it go left.
        unknown_left: bool [nodes]; where unknown values go.
        left, right: int32 [nodes]; a leaf's are the leaf itself.
        value: float64 [nodes]; of an inner node the mean of its leaves, weighted by rows.
    """

    base: float
    roots: NDArray[np.int32]
    column: NDArray[np.int32]
    threshold: Floats
    unknown_left: NDArray[np.bool_]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: Floats

    library = "scikit-learn"

    def margins(self, rows: Floats) -> Floats:
        """Return the log odds of each row."""
        here = np.tile(self.roots, (len(rows), 1))
        for _ in range(_MOST_DEPTH):
            here = self._step(rows, here)
        return np.asarray(self.base + self.value[here].sum(axis=1), dtype=np.float64)

    def contributions(self, rows: Floats) -> Floats:
        """Return by how much the splits on each column moved the log odds along the row's paths (Saabas 2014)."""
        moved = np.zeros_like(rows)
        here = np.tile(self.roots, (len(rows), 1))
        lines = np.broadcast_to(np.arange(len(rows))[:, None], here.shape)
        for _ in range(_MOST_DEPTH):
            following = self._step(rows, here)
            np.add.at(moved, (lines, self.column[here]), self.value[following] - self.value[here])
            here = following
        return moved

    def write(self) -> dict[str, NDArray[Any]]:
        """Return the nodes as arrays."""
        return {
            "base": np.array([self.base]),
            "roots": self.roots,
            "column": self.column,
            "threshold": self.threshold,
            "unknown_left": self.unknown_left,
            "left": self.left,
            "right": self.right,
            "value": self.value,
        }

    def _step(self, rows: Floats, here: NDArray[np.int32]) -> NDArray[np.int32]:
        asked = np.take_along_axis(rows, self.column[here], axis=1)
        goes_left = np.where(np.isnan(asked), self.unknown_left[here], asked <= self.threshold[here])
        return np.where(goes_left, self.left[here], self.right[here])


def grow(rows: Floats, outcomes: Floats, weights: Floats, *, rounds: int) -> HistogramTrees:
    """Grow trees; codes are taken as numbers, which trees split often enough to tell few of them apart."""
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415 (slow to import)
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 (comes with it)

    model = HistGradientBoostingClassifier(
        learning_rate=0.03,
        max_iter=rounds,
        max_leaf_nodes=15,
        max_depth=_MOST_DEPTH,
        min_samples_leaf=max(5, min(_LEAST_IN_LEAF, len(rows) // 50)),
        l2_regularization=10.0,
        max_features=0.5,
        early_stopping=False,
        random_state=1,
    )
    # One thread: several wait for each other where other processes want the cores.
    with threadpool_limits(1, user_api="openmp"):
        model.fit(rows, outcomes.astype(np.int64), sample_weight=weights)
    # Nothing else tells them, and a pickle is no format to keep.
    base, trees = model._baseline_prediction, model._predictors  # noqa: SLF001
    return _flatten(float(base.ravel()[0]), [one[0].nodes for one in trees])


def read(arrays: Mapping[str, NDArray[Any]]) -> HistogramTrees:
    """Return the trees that `write` wrote."""
    rest = {name: arrays[name] for name in HistogramTrees.__dataclass_fields__ if name != "base"}
    return HistogramTrees(base=float(arrays["base"][0]), **rest)


def _flatten(base: float, trees: list[NDArray[Any]]) -> HistogramTrees:
    """Put the nodes of all trees one after the other."""
    sizes = [len(nodes) for nodes in trees]
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
    nodes = np.concatenate(trees)
    shift = np.repeat(roots, sizes)
    leaf = nodes["is_leaf"].astype(bool)
    own = np.arange(len(nodes), dtype=np.int32)
    left = np.where(leaf, own, nodes["left"] + shift).astype(np.int32)
    right = np.where(leaf, own, nodes["right"] + shift).astype(np.int32)
    return HistogramTrees(
        base=base,
        roots=roots,
        column=np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32),
        threshold=nodes["num_threshold"].astype(np.float64),
        unknown_left=nodes["missing_go_to_left"].astype(bool),
        left=left,
        right=right,
        value=_means(nodes["value"].astype(np.float64), nodes["count"].astype(np.float64), leaf, left, right),
    )


def _means(
    value: Floats, count: Floats, leaf: NDArray[np.bool_], left: NDArray[np.int32], right: NDArray[np.int32]
) -> Floats:
    """Give each inner node the mean of the leaves below it; a child always stands behind its parent."""
    found = np.where(leaf, value, 0.0)
    for node in range(len(found) - 1, -1, -1):
        if not leaf[node]:
            a, b = left[node], right[node]
            found[node] = (found[a] * count[a] + found[b] * count[b]) / max(count[a] + count[b], 1.0)
    return found
