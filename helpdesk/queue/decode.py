"""From a job type's name and JSON to typed arguments, with an error a person can act on."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from helpdesk.errors import Forbidden, Invalid
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


class PluginFailed(Invalid):
    """A plug-in cannot be loaded."""


def job_class(job_type: str) -> type[JobArgs]:
    """Return the class of a job type's arguments; raise UnknownJobType."""
    try:
        return JOB_TYPES[job_type]
    except KeyError:
        known = ", ".join(sorted(JOB_TYPES))
        raise UnknownJobType(f"There is no job type {job_type!r}; known are {known}.", job_type=job_type) from None


def decode(job_type: str, payload: Mapping[str, Any] | str) -> JobArgs:
    """Return typed arguments; fields the class does not know are ignored.

    Raises:
        UnknownJobType: when nothing is registered under that name.
        InvalidPayload: with every field that does not fit and why; `context["errors"]` has them one by one.
    """
    args = job_class(job_type)
    try:
        text = payload if isinstance(payload, str) else json.dumps(dict(payload))
        return args.model_validate_json(text)
    except ValidationError as error:
        problems = [
            {"field": ".".join(map(str, problem["loc"])) or "payload", "problem": problem["msg"]}
            for problem in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        sentence = "; ".join(f"{problem['field']}: {problem['problem']}" for problem in problems)
        raise InvalidPayload(f"{job_type} does not take this: {sentence}.", errors=problems) from error
    except TypeError as error:
        raise InvalidPayload(f"{job_type} takes JSON: {error}.", errors=[]) from error


def decode_from_outside(job_type: str, payload: Mapping[str, Any]) -> JobArgs:
    """Return typed arguments of a job that outside code asks for; raise JobTypeNotOpen where it may not."""
    if not job_class(job_type).from_api:
        raise JobTypeNotOpen(f"Jobs of type {job_type} are enqueued by the product alone.", job_type=job_type)
    return decode(job_type, payload)


def register(args: type[JobArgs]) -> type[JobArgs]:
    """Add a job type of a plug-in to the catalogue, as a class decorator.

    Raises:
        JobTypeTwice: when another class has the name.
    """
    known = JOB_TYPES.setdefault(args.job_type, args)
    if known is not args:
        raise JobTypeTwice(f"{args.__qualname__} and {known.__qualname__} both claim {args.job_type}.")
    return args


def load_plugins(names: str) -> None:
    """Import the modules of `ATUM_PLUGINS`, a comma-separated list; each registers job types, and handlers for them.

    A plug-in is a module on the import path::

        @register
        class ResizeImage(JobArgs):
            job_type: ClassVar = "RESIZE_IMAGE"
            path: str

        @handlers.handles(ResizeImage)
        async def resize(args: ResizeImage, context: WorkerContext) -> Outcome: ...

    The API needs it to accept such jobs, a worker to run them.

    Raises:
        PluginFailed: naming the module and what went wrong.
    """
    for name in filter(None, (part.strip() for part in names.split(","))):
        try:
            importlib.import_module(name)
        except Exception as error:
            raise PluginFailed(f"The plug-in {name} cannot be loaded: {type(error).__name__}: {error}") from error


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
