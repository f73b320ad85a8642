"""Whether something grew that should stay as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.stats import theilslopes

from tests.soak.load import Request
from tests.soak.samples import Sample

# What is grown into first: caches, pools and lazily imported modules.
WARM_UP = 1 / 3
MOST_MEMORY_GROWTH = 0.05
MOST_LATENCY_GROWTH = 0.3
# Autovacuum comes in waves; below so many rows none comes.
_ROWS_OF_A_WAVE = 2_000
_MOST_DEAD_GROWTH = 0.25
_MOST_MORE_WAITING = 50
_MOST_MORE_FILES = 5
# Of a few requests the worst one decides; milliseconds come and go with the machine.
_LATENCY_NOISE_S = 0.05


@dataclass(frozen=True)
class Verdict:
    """One promise: what was seen, what is allowed, and whether it was kept."""

    name: str
    seen: str
    allowed: str
    kept: bool


def judge(samples: Sequence[Sample], requests: Sequence[Request]) -> list[Verdict]:
    """Compare what came after the warm-up with itself; `samples` are in the order of time, at least six."""
    began, ended = samples[0].at, samples[-1].at
    settled = [sample for sample in samples if sample.at >= began + WARM_UP * (ended - began)]
    half = len(settled) // 2
    earlier, later = settled[:half], settled[half:]
    return [
        *(_memory(name, settled) for name in settled[0].memory_bytes),
        *(_files(name, earlier, later) for name in settled[0].files),
        _connections(earlier, later),
        _dead_rows(earlier, later),
        _waiting(earlier, later),
        _failures(requests, samples[-1]),
        *_latency(requests, earlier, later),
    ]


def growth(samples: Sequence[Sample], name: str) -> float:
    """Return by which share of its median a process's memory grew over the samples.

    The slope is Theil's and Sen's, the median over all pairs, which a few jumps of the allocator do not move.
    """
    times = np.array([sample.at for sample in samples])
    sizes = np.array([sample.memory_bytes[name] for sample in samples], dtype=float)
    slope = theilslopes(sizes, times)[0]
    return float(slope * (times[-1] - times[0]) / median(sizes))


def _memory(name: str, settled: Sequence[Sample]) -> Verdict:
    grown = growth(settled, name)
    last = settled[-1].memory_bytes[name] / 1e6
    return Verdict(
        f"memory of {name}", f"{grown:+.1%} to {last:.0f} MB", f"< {MOST_MEMORY_GROWTH:.0%}", grown < MOST_MEMORY_GROWTH
    )


def _files(name: str, earlier: Sequence[Sample], later: Sequence[Sample]) -> Verdict:
    before, after = (max(sample.files[name] for sample in some) for some in (earlier, later))
    allowed = before + _MOST_MORE_FILES
    return Verdict(f"open files of {name}", f"{before}, then {after}", f"<= {allowed}", after <= allowed)


def _connections(earlier: Sequence[Sample], later: Sequence[Sample]) -> Verdict:
    before, after = (max(sum(sample.connections.values()) for sample in some) for some in (earlier, later))
    return Verdict("connections", f"{before}, then {after}", f"<= {before}", after <= before)


def _dead_rows(earlier: Sequence[Sample], later: Sequence[Sample]) -> Verdict:
    before, after = (max(sample.dead_rows for sample in some) for some in (earlier, later))
    allowed = round(before * (1 + _MOST_DEAD_GROWTH)) + _ROWS_OF_A_WAVE
    return Verdict("dead rows", f"up to {before:,}, then {after:,}", f"<= {allowed:,}", after <= allowed)


def _waiting(earlier: Sequence[Sample], later: Sequence[Sample]) -> Verdict:
    before, after = (median(sample.waiting for sample in some) for some in (earlier, later))
    allowed = before + _MOST_MORE_WAITING
    return Verdict("work that waits", f"{before:.0f}, then {after:.0f}", f"<= {allowed:.0f}", after <= allowed)


def _failures(requests: Sequence[Request], last: Sample) -> Verdict:
    failed = sum(request.failed for request in requests)
    seen = f"{failed} of {len(requests):,} requests, {last.dead_letters} dead letters"
    return Verdict("failures", seen, "none", failed + last.dead_letters == 0)


def _latency(requests: Sequence[Request], earlier: Sequence[Sample], later: Sequence[Sample]) -> list[Verdict]:
    verdicts = []
    for kind in sorted({request.kind for request in requests}):
        before, after = (
            p99([r for r in requests if r.kind == kind and some[0].at <= r.at <= some[-1].at])
            for some in (earlier, later)
        )
        allowed = before * (1 + MOST_LATENCY_GROWTH) + _LATENCY_NOISE_S
        seen = f"{1000 * before:.0f} ms, then {1000 * after:.0f} ms"
        verdicts.append(Verdict(f"p99 of {kind}", seen, f"<= {1000 * allowed:.0f} ms", after <= allowed))
    return verdicts


def p99(requests: Sequence[Request]) -> float:
    """Return the time in seconds that one request in a hundred exceeds; 0 where there is none."""
    return float(np.quantile([request.seconds for request in requests], 0.99)) if requests else 0.0
