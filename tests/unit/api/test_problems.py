"""What the system itself refuses: a connection is an outage, a folder or a full disk is a failure that is logged."""

from __future__ import annotations

import errno

import pytest
from starlette.requests import Request

from api.problems import _database_error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), 503),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), 503),  # a socket that is not there
        (TimeoutError(), 503),
        (PermissionError(errno.EACCES, "Permission denied", "/var/lib/atum-desk/files/attachments"), 500),
        (OSError(errno.ENOSPC, "No space left on device"), 500),
    ],
)
async def test_only_a_connection_is_told_as_the_database(error: OSError, status: int) -> None:
    request = Request({"type": "http", "method": "POST", "path": "/api/v1/tickets/1/attachments", "headers": []})

    response = await _database_error(request, error)

    assert response.status_code == status
    assert ("Retry-After" in response.headers) is (status == 503)
