"""Sign an event and post it to an address, as Standard Webhooks 1.0 has it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import httpcore
import httpx

from helpdesk.notifications.webhooks.guard import Guard, GuardedNetwork

_PREFIX = "whsec_"
_SECRET_BYTES = 32
_LONGEST_EXCERPT = 1024
_EXCERPT_WITHIN_S = 1.0
_KEPT_OPEN_S = 10.0
_MOST_CONNECTIONS = 20


@dataclass(frozen=True)
class Answer:
    """How one request ended.

    Attributes:
        status: None when there was no answer.
        error: why it does not count as delivered; None when it does.
        excerpt: the beginning of the answer's body.
        retry_after: the header of that name.
    """

    status: int | None = None
    error: str | None = None
    excerpt: str | None = None
    retry_after: str | None = None


def new_secret() -> str:
    """Return a fresh secret: `whsec_` and 32 random bytes in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return `v1,` and the HMAC-SHA256 over `id.timestamp.body` in base64."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def signed_headers(keys: Sequence[str], *, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a request, with a signature by each key that counts.

    Args:
        message_id: the same at each try, so that the receiver can tell a second copy.
    """
    timestamp = int(now.timestamp())
    return {
        "Content-Type": "application/json",
        "User-Agent": "Atum-Desk-Webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(sign(key, message_id=message_id, timestamp=timestamp, body=body) for key in keys),
    }


class WebhookCaller:
    """Posts to addresses outside: no redirect is followed, no proxy asked, and every connection is guarded."""

    def __init__(self, guard: Guard, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        context = httpx.create_ssl_context(trust_env=False)
        self._pools = {
            # What is not encrypted goes to the networks the operator has named, and nowhere else.
            scheme: httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=_MOST_CONNECTIONS,
                keepalive_expiry=_KEPT_OPEN_S,
                network_backend=GuardedNetwork(guard, named_only=scheme == "http"),
            )
            for scheme in ("https", "http")
        }

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Answer:
        """Post once and return how it ended; only a cancel gets out."""
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                return await self._post(url, headers=headers, body=body, limit=limit)
        except TimeoutError:
            return Answer(error=f"no answer within {self._timeout_s:g} s")
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            return Answer(error=f"{type(error).__name__}: {error}".rstrip(": "))
        except (httpcore.UnsupportedProtocol, ValueError) as error:
            return Answer(error=f"the address cannot be called: {error}")

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.aclose()

    async def _post(self, url: str, *, headers: Mapping[str, str], body: bytes, limit: asyncio.Timeout) -> Answer:
        parsed = httpx.URL(url)
        target = httpcore.URL(scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=parsed.raw_path)
        sent = {"Host": parsed.netloc.decode("ascii"), "Content-Length": str(len(body)), "Accept": "*/*"} | dict(
            headers
        )
        pool = self._pools[parsed.scheme]
        async with pool.stream(
            "POST",
            target,
            headers=[(name.encode(), value.encode()) for name, value in sent.items()],
            content=body,
            extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), self._timeout_s)},
        ) as response:
            # The status is there and decides; that the rest is slow in coming must not have the event sent again.
            limit.reschedule(None)
            return Answer(
                response.status,
                _complaint(response.status),
                await _excerpt(response),
                _header(response, b"retry-after"),
            )


def _header(response: httpcore.Response, name: bytes) -> str | None:
    given = (value for key, value in response.headers if key.lower() == name)
    return next((value.decode("ascii", "replace") for value in given), None)


def _complaint(status: int) -> str | None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return f"answered {status}, and redirects are not followed"
    return f"answered {status}"


async def _excerpt(response: httpcore.Response) -> str | None:
    """Read the first kilobyte, for a second at most, since an answer may have no end; the status alone decides."""
    read = b""
    with suppress(httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, TimeoutError):
        async with asyncio.timeout(_EXCERPT_WITHIN_S):
            async for piece in response.aiter_stream():
                read += piece
                if len(read) >= _LONGEST_EXCERPT:
                    break
    return read[:_LONGEST_EXCERPT].decode("utf-8", "replace").replace("\x00", "") or None
