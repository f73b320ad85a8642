"""What heads say of examples that they have not seen: the ground of every figure, weight and threshold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.fitting import Rows, fit_net, fit_words, near_among, vote_head
from helpdesk.triage.classifying.heads import Head, NearHead, NetHead, WordHead

FOLDS = 5
# With many examples one or two folds tell as much as all, and the others' time is spared.
_TWO_FOLDS_FROM = 2500
_ONE_FOLD_FROM = 10_000
# Left-out labels are tried with so many examples at most, in so many groups.
_TRIED = 3000
_GROUPS = 4
_LEAST_LABELS = 4
_FEW_A_LABEL = 30
_LEAST_EXAMPLES = 60

Scores = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Heads:
    """The heads that are trained together."""

    words: WordHead
    net: NetHead | None = None
    near: NearHead | None = None

    def by_kind(self) -> dict[str, Head]:
        """Return the heads there are, by the names of their scores."""
        return {kind: head for kind, head in vars(self).items() if head is not None}


@dataclass(frozen=True)
class Unseen:
    """Scores of examples by heads trained without them.

    Attributes:
        rows: which examples.
        scores: of each kind of head [examples, labels].
        similarity: of the nearest texts learnt from that have a label; zeros where there are no vectors.
    """

    rows: NDArray[np.int64]
    scores: Scores
    similarity: NDArray[np.float32]


def fit_heads(rows: Rows, chosen: NDArray[np.bool_], *, members: int | None = None) -> Heads:
    """Return the heads trained on the chosen examples; without vectors, of the words alone."""
    words = fit_words(rows, chosen)
    if rows.vectors is None or not (chosen & rows.has_vector).any():
        return Heads(words)
    return Heads(words, fit_net(rows, chosen, members=members or _members(rows)), vote_head(rows, chosen))


def _members(rows: Rows) -> int:
    """Return how many nets are worth their time: the fewer examples a label has, the more they differ."""
    if rows.binary:
        return 1
    return 8 if len(rows.targets) < _FEW_A_LABEL * len(rows.labels) else 3


def score_unseen(rows: Rows) -> Unseen:
    """Return scores of tickets by heads that had not seen them: of a fold where there are many, else of all."""
    found = [_scores(rows, train, np.flatnonzero(test & rows.is_ticket)) for train, test in _splits(rows)]
    return _joined([one for one in found if len(one.rows)])


def _splits(rows: Rows) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    folds = deal(rows.targets, FOLDS)
    tested = 1 if len(folds) > _ONE_FOLD_FROM else 2 if len(folds) > _TWO_FOLDS_FROM else FOLDS
    for fold in range(tested):
        test = folds == fold
        if test.any() and not test.all():
            # What is not tested on may always teach.
            yield ~test | ~rows.is_ticket, test


def deal(targets: NDArray[np.int64], folds: int) -> NDArray[np.int64]:
    """Return a fold for each example: those of each label in turn, so that each fold sees each label if it can."""
    found = np.zeros(len(targets), dtype=np.int64)
    random = np.random.default_rng(0)
    start = 0
    for target in np.unique(targets):
        members = random.permutation(np.flatnonzero(targets == target))
        found[members] = (start + np.arange(len(members))) % folds
        start += len(members)
    return found


def _scores(rows: Rows, chosen: NDArray[np.bool_], asked: NDArray[np.int64], *, members: int | None = None) -> Unseen:
    heads = fit_heads(rows, chosen, members=members)
    found = {"words": heads.words.scores_of(rows.words[asked])}
    similarity = np.zeros(len(asked), dtype=np.float32)
    if heads.net is not None and heads.near is not None and rows.vectors is not None:
        near = near_among(rows, asked, chosen)
        found["net"] = heads.net.scores_of(rows.vectors[asked])
        found["near"] = heads.near.scores_of(near)
        similarity = heads.near.familiarity_of(near, labels=len(rows.labels))
    return Unseen(asked, found, similarity)


def _joined(parts: list[Unseen]) -> Unseen:
    return Unseen(
        np.concatenate([part.rows for part in parts]),
        {kind: np.concatenate([part.scores[kind] for part in parts]) for kind in parts[0].scores},
        np.concatenate([part.similarity for part in parts]),
    )


def leave_labels_out(rows: Rows) -> Iterator[tuple[Unseen, NDArray[np.bool_], Rows]]:
    """Train without some labels in turn, and yield what that says of them and of unseen examples of the others.

    Yields:
        The scores, which of the examples are of a label left out, and the rows that were trained on.
    """
    kinds = len(rows.labels)
    tickets = np.flatnonzero(rows.is_ticket & rows.has_vector & (rows.targets < kinds))
    if kinds < _LEAST_LABELS or len(tickets) < _LEAST_EXAMPLES:
        return
    random = np.random.default_rng(0)
    sample = np.sort(random.permutation(tickets)[:_TRIED])
    group = np.empty(kinds, dtype=np.int64)
    group[random.permutation(kinds)] = np.arange(kinds) % _GROUPS
    folds = deal(rows.targets[sample], _GROUPS)
    for number in range(_GROUPS):
        left_out = group[rows.targets[sample]] == number
        chosen = np.zeros(len(rows.targets), dtype=bool)
        chosen[sample[~left_out & (folds != number)]] = True
        asked = sample[left_out | (folds == number)]
        kept, numbers = np.unique(rows.targets[chosen], return_inverse=True)
        if len(kept) < 2 or len(asked) < 2:
            continue
        targets = np.zeros(len(rows.targets), dtype=np.int64)
        targets[chosen] = numbers
        part = replace(rows, targets=targets, labels=tuple(rows.labels[one] for one in kept), scores=len(kept))
        yield _scores(part, chosen, asked, members=1), group[rows.targets[asked]] == number, part
