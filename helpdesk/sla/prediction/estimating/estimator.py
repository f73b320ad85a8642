"""A fitted estimator: an encoder, trees and a calibrator, and how well they did."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from helpdesk.sla.prediction.estimating.calibration import Calibrator, read_calibrator, recalibrate, sigmoid
from helpdesk.sla.prediction.estimating.encoding import Encoder, read_encoder
from helpdesk.sla.prediction.estimating.table import Floats, Table
from helpdesk.sla.prediction.estimating.trees import Trees, read_trees

FORMAT = 1


@dataclass(frozen=True)
class Estimator:
    """What gives each row of a table its probability.

    Attributes:
        trained_on: how many rows it learnt from.
        figures: how well it did on rows that were newer than what it had learnt from, see `fit`.
    """

    encoder: Encoder
    trees: Trees
    calibrator: Calibrator
    trained_on: int
    figures: dict[str, Any] = field(default_factory=dict)

    def raw(self, table: Table) -> Floats:
        """Return the probabilities before calibration, float64 [rows]."""
        return sigmoid(self.trees.margins(self.encoder.apply(table)))

    def judge(self, table: Table) -> Floats:
        """Return the probability of each row, float64 [rows]."""
        return self.calibrator.apply(self.raw(table))

    def contributions(self, table: Table) -> dict[str, Floats]:
        """Return by how much each column moves the log odds of each row, before calibration."""
        moved = self.trees.contributions(self.encoder.apply(table))
        found: dict[str, Floats] = {}
        for place, name in enumerate(self.encoder.columns):
            found[name] = found.get(name, np.zeros(len(table))) + moved[:, place]
        return found

    def recalibrated(self, table: Table, outcomes: Floats) -> Estimator:
        """Return the same trees with a calibrator for rows that are newer than what they learnt from."""
        return replace(self, calibrator=recalibrate(self.calibrator.kind, self.raw(table), outcomes))


def write_estimator(estimator: Estimator) -> bytes:
    """Return an estimator as a compressed npz: arrays, and one JSON text as bytes."""
    about = {
        "format": FORMAT,
        "library": estimator.trees.library,
        "encoder": estimator.encoder.write(),
        "calibrator": estimator.calibrator.write(),
        "trained_on": estimator.trained_on,
        "figures": estimator.figures,
    }
    arrays = {f"trees/{name}": array for name, array in estimator.trees.write().items()}
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()


def read_estimator(data: bytes) -> Estimator | None:
    """Return the estimator that `write_estimator` wrote, None when another version of the product wrote it.

    Raises:
        TreesUnreadable: it was grown by a library that is not here.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        about = json.loads(arrays["about"].tobytes())
        if about["format"] != FORMAT:
            return None
        grown = {name.removeprefix("trees/"): arrays[name] for name in arrays.files if name.startswith("trees/")}
    return Estimator(
        read_encoder(about["encoder"]),
        read_trees(about["library"], grown),
        read_calibrator(about["calibrator"]),
        about["trained_on"],
        about["figures"],
    )
