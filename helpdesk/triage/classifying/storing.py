"""A field's model as arrays and JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from helpdesk.triage.classifying.familiarity import Familiarity
from helpdesk.triage.classifying.field_model import FieldModel, Part
from helpdesk.triage.classifying.heads import AnchorHead, Head, Memory, NearHead, NetHead, WordHead

Arrays = dict[str, NDArray[Any]]
_KINDS: dict[str, type[Head]] = {"words": WordHead, "net": NetHead, "anchors": AnchorHead, "near": NearHead}
_INT8 = 127


def pack_field(name: str, model: FieldModel) -> tuple[Arrays, dict[str, Any]]:
    """Return the arrays of a field's model under names of their own, and the rest as JSON values."""
    arrays: Arrays = {f"{name}/cuts": model.cuts, f"{name}/thresholds": model.thresholds}
    parts = []
    for number, part in enumerate(model.parts):
        kind = next(kind for kind, made in _KINDS.items() if isinstance(part.head, made))
        values = {key: value for key, value in vars(part.head).items() if isinstance(value, np.ndarray)}
        # Half the precision is harmless where many numbers are added up.
        arrays |= {
            f"{name}/{number}/{key}": value.astype(np.float16) if value.ndim == 2 else value
            for key, value in values.items()
        }
        parts.append({"kind": kind, "share": part.share})
    about = {
        "labels": model.labels,
        "parts": parts,
        "temperature": model.temperature,
        "blind": model.blind,
        "examples": model.examples,
        "familiarity": asdict(model.familiarity) if model.familiarity else None,
        "figures": dict(model.figures),
    }
    return arrays, about


def unpack_field(name: str, arrays: Mapping[str, NDArray[Any]], about: Mapping[str, Any]) -> FieldModel:
    """Return what `pack_field` took apart; raise KeyError, TypeError or ValueError where something is missing."""
    labels = tuple(about["labels"])
    parts = tuple(
        Part(_unpack_head(part["kind"], f"{name}/{number}", arrays, len(labels)), part["share"])
        for number, part in enumerate(about["parts"])
    )
    cuts, thresholds = arrays[f"{name}/cuts"], arrays[f"{name}/thresholds"]
    if len(cuts) != len(labels) or len(thresholds) != len(labels):
        raise ValueError(f"{name} has another number of cuts than labels.")
    known = about["familiarity"]
    return FieldModel(
        labels=labels,
        parts=parts,
        temperature=about["temperature"],
        blind=about["blind"],
        examples=about["examples"],
        cuts=cuts,
        thresholds=thresholds,
        familiarity=None if known is None else Familiarity(**{key: _tuple(value) for key, value in known.items()}),
        figures=about["figures"],
    )


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _unpack_head(kind: str, place: str, arrays: Mapping[str, NDArray[Any]], labels: int) -> Head:
    def full(key: str) -> NDArray[np.float32]:
        return arrays[f"{place}/{key}"].astype(np.float32)

    match kind:
        case "words":
            return WordHead(arrays[f"{place}/weights"], full("bias"))
        case "net":
            return NetHead(full("inner"), full("inner_bias"), full("outer"), full("bias"))
        case "anchors":
            return AnchorHead(full("weights"))
        case "near":
            targets = arrays[f"{place}/targets"]
            return NearHead(targets, arrays[f"{place}/weights"], max(labels, int(targets.max(initial=0)) + 1))
        case _:
            raise ValueError(f"{kind} is no kind of head.")


def pack_memory(memory: Memory) -> Arrays:
    """Return a memory with its points as int8: a hundredth of the largest number is finer than texts differ."""
    largest = max(float(np.abs(memory.points).max(initial=0)), 1e-9)
    points = np.rint(memory.points * (_INT8 / largest)).astype(np.int8)
    return {"memory/basis": memory.basis, "memory/points": points, "memory/largest": np.array([largest])}


def unpack_memory(arrays: Mapping[str, NDArray[Any]]) -> Memory:
    """Return what `pack_memory` took apart; raise KeyError where something is missing."""
    step = np.float32(arrays["memory/largest"][0] / _INT8)
    return Memory(arrays["memory/basis"], arrays["memory/points"].astype(np.float32) * step)
