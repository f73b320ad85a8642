"""From a job type's name and JSON to typed arguments, with an error a person can act on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from helpdesk.errors import Forbidden, Invalid
from helpdesk.models.values import UserRole
from helpdesk.queue.args import JobArgs
from helpdesk.queue.catalog import JOB_TYPES


class UnknownJobType(Invalid):
    """There is no such job type."""


class InvalidPayload(Invalid):
    """The payload does not fit the job type."""


class JobTypeNotOpen(Forbidden):
    """Jobs of this type are enqueued by the product alone."""


class JobTypeTwice(Invalid):
    """Two classes claim the same job type."""


def job_class(job_type: str) -> type[JobArgs]:
    """Return the class of a job type's arguments; raise UnknownJobType."""
    try:
        return JOB_TYPES[job_type]
    except KeyError:
        known = ", ".join(sorted(JOB_TYPES))
        sentence = f"There is no job type {job_type!r}; known are {known}."
        problem = {"pointer": "/job_type", "problem": f"known are {known}"}
        raise UnknownJobType(sentence, job_type=job_type, errors=[problem]) from None


def decode(job_type: str, payload: Mapping[str, Any] | str) -> JobArgs:
    """Return typed arguments; fields the class does not know are ignored.

    Raises:
        UnknownJobType: when nothing is registered under that name.
        InvalidPayload: with every field that does not fit and why; `context["errors"]` has them one by one, each with
            its `pointer` (RFC 6901) into the request for the job.
    """
    args = job_class(job_type)
    try:
        text = payload if isinstance(payload, str) else json.dumps(dict(payload))
        return args.model_validate_json(text)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)
        sentence = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'payload'}: {each['msg']}" for each in wrong)
        problems = [{"pointer": _pointer("payload", *each["loc"]), "problem": each["msg"]} for each in wrong]
        raise InvalidPayload(f"{job_type} does not take this: {sentence}.", errors=problems) from error
    except TypeError as error:
        problem = {"pointer": "/payload", "problem": str(error)}
        raise InvalidPayload(f"{job_type} takes JSON: {error}.", errors=[problem]) from error


def _pointer(*steps: int | str) -> str:
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def role_to_enqueue(job_type: str) -> UserRole:
    """Return the least role that may enqueue a job type over the API.

    Raises:
        UnknownJobType: when nothing is registered under that name.
        JobTypeNotOpen: when nobody may.
    """
    least = job_class(job_type).enqueue_role
    if least is None:
        raise JobTypeNotOpen(f"Jobs of type {job_type} are enqueued by the product alone.", job_type=job_type)
    return least


def register(args: type[JobArgs]) -> type[JobArgs]:
    """Add a job type of a plug-in to the catalogue, as a class decorator.

    Raises:
        JobTypeTwice: when another class has the name.
    """
    known = JOB_TYPES.setdefault(args.job_type, args)
    if known is not args:
        raise JobTypeTwice(f"{args.__qualname__} and {known.__qualname__} both claim {args.job_type}.")
    return args


def types_served(names: str) -> list[str] | None:
    """Return the job types that a comma-separated list of queues and job types stands for; None when it is empty.

    Raises:
        UnknownJobType: for a name that is neither.
    """
    wanted = [part.strip() for part in names.split(",") if part.strip()]
    if not wanted:
        return None
    queues: dict[str, list[str]] = {}
    for job_type, args in JOB_TYPES.items():
        queues.setdefault(args.queue, []).append(job_type)
    served: set[str] = set()
    for name in wanted:
        served.update(queues.get(name) or [job_class(name).job_type])
    return sorted(served)
