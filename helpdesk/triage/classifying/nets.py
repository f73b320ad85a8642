"""Small nets on vectors, trained together: one hidden layer, the logarithmic loss, Adam (Kingma and Ba 2015).

Several of them that differ by their start alone are trained at once as stacked arrays, and used as one net with a wider
hidden layer: the mean of their scores is better, and better calibrated, than each (Lakshminarayanan et al. 2017).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.heads import NET_SCALE, NetHead

_HIDDEN = 128
# Hundreds of examples take hundreds of steps; many are seen ten times each.
_STEPS = 500
_ROUNDS = (10, 60)
_MANY = 4000
_DECAY = 1e-5
_BETAS = (0.9, 0.999)

Floats = NDArray[np.float32]


def train_nets(
    vectors: Floats, targets: NDArray[np.int64], weights: NDArray[np.float64], *, scores: int, members: int
) -> NetHead:
    """Return the mean of nets trained from different starts.

    Args:
        vectors: unit vectors [examples, dims].
        targets: which score should be highest.
        weights: how much each example counts, relative to the others.
        scores: how many there are.
    """
    many = len(targets) > _MANY
    batch = min(256 if many else 64, len(targets))
    rounds = int(np.clip(np.ceil(_STEPS * batch / len(targets)), *_ROUNDS))
    random = np.random.default_rng(0)
    nets = _Nets.start(vectors.shape[1], scores, members, random)
    steps = rounds * -(-len(targets) // batch)
    relative = (weights / weights.mean()).astype(np.float32)
    rate = 1e-3 if many else 2e-3
    done = 0
    for _ in range(rounds):
        order = random.permutation(len(targets))
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            # A rate that falls to nothing ends where a constant one keeps wandering about.
            nets.step(vectors[rows], targets[rows], relative[rows], rate=rate * min(1.0, 2 * (1 - done / steps)))
            done += 1
    return nets.as_one()


@dataclass
class _Nets:
    """Parameters [members, ...], and the running means that Adam keeps of their slopes."""

    parameters: list[Floats]
    means: list[Floats]
    squares: list[Floats]
    steps: int = 0

    @classmethod
    def start(cls, dims: int, scores: int, members: int, random: np.random.Generator) -> _Nets:
        def drawn(inputs: int, outputs: int) -> Floats:
            limit = np.sqrt(6 / (inputs + outputs))
            return random.uniform(-limit, limit, (members, inputs, outputs)).astype(np.float32)

        parameters = [
            drawn(dims, _HIDDEN),
            np.zeros((members, 1, _HIDDEN), np.float32),
            drawn(_HIDDEN, scores),
            np.zeros((members, 1, scores), np.float32),
        ]
        return cls(parameters, [np.zeros_like(one) for one in parameters], [np.zeros_like(one) for one in parameters])

    def step(self, vectors: Floats, targets: NDArray[np.int64], weights: Floats, *, rate: float) -> None:
        """Move all members a little down the slope of the loss of a batch."""
        inner, inner_bias, outer, bias = self.parameters
        inputs = vectors * np.float32(NET_SCALE)
        hidden = np.maximum(inputs @ inner + inner_bias, 0)
        scores = hidden @ outer + bias
        given = np.exp(scores - scores.max(axis=2, keepdims=True))
        given /= given.sum(axis=2, keepdims=True)
        given[:, np.arange(len(targets)), targets] -= 1
        slope = given * (weights / np.float32(len(targets)))[None, :, None]
        back = (slope @ outer.transpose(0, 2, 1)) * (hidden > 0)
        self._descend(
            [
                inputs.T @ back,
                back.sum(axis=1, keepdims=True),
                hidden.transpose(0, 2, 1) @ slope,
                slope.sum(axis=1, keepdims=True),
            ],
            rate,
        )

    def _descend(self, slopes: list[Floats], rate: float) -> None:
        self.steps += 1
        first, second = _BETAS
        pace = np.float32(rate * np.sqrt(1 - second**self.steps) / (1 - first**self.steps))
        for place, slope in enumerate(slopes):
            parameter, mean, square = self.parameters[place], self.means[place], self.squares[place]
            sloping = slope + np.float32(_DECAY) * parameter
            # In place: these are the largest arrays there are.
            mean += np.float32(1 - first) * (sloping - mean)
            square += np.float32(1 - second) * (sloping * sloping - square)
            parameter -= pace * mean / (np.sqrt(square) + np.float32(1e-8))

    def as_one(self) -> NetHead:
        """Return one net whose scores are the mean of the members'."""
        inner, inner_bias, outer, bias = self.parameters
        members = len(inner)
        return NetHead(
            np.concatenate(list(inner), axis=1),
            np.concatenate([one[0] for one in inner_bias]),
            (np.concatenate(list(outer)) / members).astype(np.float32),
            np.asarray(bias[:, 0].mean(axis=0), dtype=np.float32),
        )
