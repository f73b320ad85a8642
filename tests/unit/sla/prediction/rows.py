"""Rows with a rule in them: a busy place breaches, and one value of many does too; the rate falls half-way."""

from __future__ import annotations

import numpy as np

from helpdesk.sla.prediction.estimating.table import Lesson, Table, lesson_of


def rows(count: int = 1200, *, seed: int = 1, start: float = 0.0, falls: bool = True) -> Lesson:
    """Return rows, a day's worth of twenty each."""
    draw = np.random.default_rng(seed)
    times = start + np.sort(draw.uniform(0, count / 20, count))
    load = draw.normal(size=count)
    caller = draw.integers(0, 200, count)
    place = draw.choice(["north", "south", "west"], count)
    log_odds = 1.5 * load + 1.2 * (place == "north") + 2.0 * (caller % 5 == 0) - 1.5
    if falls:
        log_odds -= 1.5 * (times > start + count / 40)
    outcomes = (draw.uniform(size=count) < 1 / (1 + np.exp(-log_odds))).astype(float)
    load[draw.uniform(size=count) < 0.05] = np.nan
    table = Table(
        {"load": load, "nothing": np.zeros(count)}, {"place": place, "caller": np.char.add("c", caller.astype(str))}
    )
    return lesson_of(table, times, outcomes)
