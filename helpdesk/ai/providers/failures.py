"""What goes wrong at a model runtime, and whose fault it is."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx
import pydantic
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_exponential_jitter,
)

from helpdesk.ai.model import InputRefused, ModelBusy, ModelMissing, ModelSlow
from helpdesk.errors import HelpdeskError

Result = TypeVar("Result")

FOREIGN_ERRORS = (
    httpx.HTTPError,
    OSError,
    json.JSONDecodeError,
    UnicodeDecodeError,
    pydantic.ValidationError,
    AttributeError,
    TypeError,
)


async def call_with_patience(call: Callable[[], Awaitable[Result]]) -> Result:
    """Make a call, and twice again within about three seconds while nobody listens or the line is cut."""
    attempts = AsyncRetrying(
        retry=retry_if_exception_type((ConnectionError, httpx.RemoteProtocolError)),
        stop=stop_after_attempt(3) | stop_after_delay(2.5),
        wait=wait_exponential_jitter(multiplier=0.2, max=1.0, jitter=0.3),
        reraise=True,
    )

    # A plain function that returns an awaitable would be taken for done as soon as it returns.
    async def made() -> Result:
        return await call()

    return await attempts(made)


def failure_of_status(status: int, message: str, *, model: str) -> HelpdeskError:
    """Return what an HTTP error of the runtime means: the text's, the configuration's or the runtime's fault.

    What a runtime says of a text that it refuses may repeat it, and is not passed on.
    """
    is_page = message.lstrip().startswith("<")
    if status == 404 and not is_page:
        return ModelMissing(f"The model runtime does not have {model}.")
    if status == 400 and "does not support" in message:
        return ModelMissing(f"The model {model} cannot do this.")
    # Older runtimes answer 500 when a vector came out as NaN; the text is at fault, not the runtime.
    if (status == 400 and not is_page) or (status == 500 and "NaN" in message):
        why = "it exceeds the context length" if "context length" in message[:300] else f"it answers {status}"
        return InputRefused(f"The model runtime refuses the text: {why}.")
    if 300 <= status < 400:
        return ModelBusy("The model runtime sends its callers elsewhere, which is not followed.", retry_after=60)
    return ModelBusy(f"The model runtime answers {status}" + (f": {message[:100]}" if status >= 500 else "."))


def failure_of_error(error: Exception) -> HelpdeskError:
    """Return what an error below HTTP, or an answer that is not the API's, means."""
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return ModelSlow("The model runtime does not answer in time.", retry_after=30)
    if isinstance(error, OSError | httpx.TransportError):
        return ModelBusy("The model runtime cannot be reached.")
    if isinstance(error, pydantic.ValidationError) and any(len(item["loc"]) > 1 for item in error.errors()):
        # The answer has the right fields, and a hole inside one of them: a vector with nulls.
        return InputRefused("The model runtime answered with gaps.")
    return ModelBusy("What answers at the model runtime's address does not speak its API.", retry_after=30)
