"""An evaluation as JSON, and back: what another run is compared with."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from helpdesk.evaluation.evaluating import Evaluation
from helpdesk.evaluation.labelled_files import BadData
from helpdesk.evaluation.measure import MEASURES
from helpdesk.evaluation.sample import Sample

FORMAT = 1
_DIGITS = 6


class _Kept(BaseModel):
    model_config = ConfigDict(extra="ignore")


class _KeptSample(_Kept):
    part: str
    field: str
    measures: list[str]
    keys: list[str]
    columns: dict[str, list[float | str | None]]
    groups: list[str] = Field(default_factory=list)
    what: str = "cases"
    least: int = Field(default=1, ge=1)


class _KeptReport(_Kept):
    format: int
    samples: list[_KeptSample]


def as_json(evaluation: Evaluation, *, product: str, organization: str) -> dict[str, Any]:
    """Return an evaluation as JSON values; cases are named by hashes, and no text of a ticket is in it."""
    return {
        "format": FORMAT,
        "product": product,
        "organization": organization,
        "created_at": evaluation.created_at.isoformat(),
        "seed": evaluation.seed,
        "made_with": evaluation.made_with,
        "data": evaluation.data,
        "figures": [_rounded(asdict(one)) for one in evaluation.figures],
        "missing": [asdict(one) | {"sentence": one.sentence} for one in evaluation.missing],
        "notes": evaluation.notes,
        "seconds": evaluation.seconds,
        "samples": [_sample(one) for one in evaluation.samples],
    }


def read_samples(path: Path) -> list[Sample]:
    """Return the cases of an earlier evaluation; raise BadData where the file is none."""
    try:
        kept = _KeptReport.model_validate(json.loads(path.read_text("utf-8")))
        if kept.format != FORMAT:
            raise BadData(f"{path} was written by another version of the product.")
        return [_read(one) for one in kept.samples]
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        reason = f"{error.error_count()} values do not fit" if isinstance(error, ValidationError) else str(error)
        raise BadData(f"{path} is no evaluation: {reason}.") from error


def _read(kept: _KeptSample) -> Sample:
    needed = tuple(name for name in kept.measures if name in MEASURES)
    values = kept.model_dump(exclude={"measures"})
    return Sample(measures=needed, **values)


def _sample(sample: Sample) -> dict[str, Any]:
    return {
        "part": sample.part,
        "field": sample.field,
        "measures": sample.measures,
        "what": sample.what,
        "least": sample.least,
        "keys": list(sample.keys),
        "groups": list(sample.groups),
        # As they are: what is rounded would differ from itself.
        "columns": {name: list(column) for name, column in sample.columns.items()},
    }


def _rounded(figure: dict[str, Any]) -> dict[str, Any]:
    return {name: round(value, _DIGITS) if isinstance(value, float) else value for name, value in figure.items()}
