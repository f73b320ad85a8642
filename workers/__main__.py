"""`python -m workers job|rag|sla`: run one worker process."""

from __future__ import annotations

import argparse
import asyncio
import sys

from pydantic import ValidationError
from pydantic_settings import SettingsError

from helpdesk.errors import HelpdeskError
from helpdesk.observability.events import configure_logging
from helpdesk.observability.tracing import tracing
from helpdesk.queue.plugins import load_job_types
from helpdesk.settings import Settings
from workers.fleet import FLEET
from workers.lifecycle import StoppedEarly

_WRONG_USE = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the worker that the command line names; return its exit code, 2 when it cannot start as asked."""
    asked = _parser().parse_args(arguments)
    try:
        settings = _settings(asked)
        configure_logging(f"{asked.worker}-worker", level=settings.log_level, log_format=settings.log_format)
        # Both sides of the queue load them: the API to accept such jobs, a worker to run them. The job worker itself
        # loads the handlers besides.
        load_job_types()
        run = FLEET[asked.worker].load()
        with tracing(f"{asked.worker}-worker", endpoint=settings.traces_endpoint, share=settings.traces_share):
            return asyncio.run(run(settings))
    except StoppedEarly:
        return 0
    except SettingsError as error:
        return _refuse(f"the settings cannot be read: {error}")
    except ValidationError as error:
        return _refuse("; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors()))
    except HelpdeskError as error:
        return _refuse(error.detail)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m workers", description="Run one worker process.")
    kinds = parser.add_subparsers(dest="worker", required=True)
    for kind in FLEET.values():
        kinds.add_parser(kind.name, help=f"serves {kind.consumes}")
    job = kinds.choices["job"]
    job.add_argument("--types", metavar="NAMES", help="queues or job types to serve, separated by commas")
    job.add_argument("--concurrency", metavar="N", help="how many jobs to run at a time")
    return parser


def _settings(asked: argparse.Namespace) -> Settings:
    chosen = {
        "worker_queues": getattr(asked, "types", None),
        "max_concurrent_jobs": getattr(asked, "concurrency", None),
    }
    return Settings(**{name: value for name, value in chosen.items() if value is not None})


def _refuse(why: str) -> int:
    sys.stderr.write(f"The worker cannot start: {why}\n")
    return _WRONG_USE


if __name__ == "__main__":
    sys.exit(main())
