"""Read a `multipart/form-data` body with one file in it as it arrives, so that the file is never held whole."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator

from fastapi import Request
from fastapi.exceptions import HTTPException
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from helpdesk.errors import Invalid

_MOST_FIELD_BYTES = 10_000
_MOST_FIELDS = 20


class NotAForm(Invalid):
    """The body is not a form with one file in it."""


class FileForm:
    """A form with one file: its bytes while they come, its name and the other fields once it has been read.

    Attributes:
        file_name: as the sender gave it; None where no file has come yet.
        fields: the plain fields.
    """

    def __init__(self, request: Request) -> None:
        content_type, options = parse_options_header(request.headers.get("Content-Type"))
        boundary = options.get(b"boundary")
        if content_type != b"multipart/form-data" or not boundary:
            raise HTTPException(415, "Send the file as multipart/form-data.")
        self.file_name: str | None = None
        self.fields: dict[str, str] = {}
        self._request = request
        self._pieces: deque[bytes] = deque()
        self._header = [bytearray(), bytearray()]
        self._headers: dict[bytes, bytes] = {}
        self._field: str | None = None
        self._value = bytearray()
        self._ended = False
        self._parser = self._new_parser(boundary)

    def _new_parser(self, boundary: bytes) -> MultipartParser:
        try:
            return MultipartParser(
                boundary,
                {
                    "on_part_begin": self._headers.clear,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._header_ended,
                    "on_headers_finished": self._part_begun,
                    "on_part_data": self._part_data,
                    "on_part_end": self._part_ended,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise NotAForm(f"The boundary of the form cannot be used: {error}.") from error

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the file's bytes as they arrive.

        Raises:
            NotAForm: the body is damaged, cut off, or has not exactly one file; the pieces so far are worth nothing.
        """
        try:
            async for chunk in self._request.stream():
                self._parser.write(chunk)
                while self._pieces:
                    yield self._pieces.popleft()
        except ClientDisconnect as error:
            raise NotAForm("The sender hung up before the form was complete.") from error
        except FormParserError as error:
            raise NotAForm(f"The body cannot be read as a form: {error}.") from error
        if not self._ended:
            raise NotAForm("The body ends before the form does.")
        if self.file_name is None:
            raise NotAForm("The form has no file; send one as the field `file`.")

    def _header_ended(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._headers[name.lower()] = value
        self._header = [bytearray(), bytearray()]

    def _part_begun(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition"))
        name = _text(options.get(b"name", b""))
        if b"filename" not in options:
            if len(self.fields) >= _MOST_FIELDS:
                raise NotAForm(f"A form may have {_MOST_FIELDS} fields.")
            self._field, self._value = name, bytearray()
            return
        self._field = None
        if name != "file" or self.file_name is not None:
            raise NotAForm("A form takes one file, as the field `file`.")
        self.file_name = _text(options[b"filename"])

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        if self._field is None:
            self._pieces.append(data[start:end])
            return
        self._value += data[start:end]
        if len(self._value) > _MOST_FIELD_BYTES:
            raise NotAForm(f"A field may have {_MOST_FIELD_BYTES:,} bytes.")

    def _part_ended(self) -> None:
        if self._field is not None:
            self.fields[self._field] = _text(bytes(self._value))

    def _end(self) -> None:
        self._ended = True


def _text(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
