"""The reference at /docs, made on the server from the OpenAPI description: no script, and nothing from elsewhere."""

from __future__ import annotations

import json
from html import escape
from itertools import groupby
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from api.openapi import operations

router = APIRouter(include_in_schema=False)

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:#f3f5f8;padding:.7rem;overflow:auto;border-radius:6px}
details{border:1px solid #d9dee6;border-radius:6px;margin:.4rem 0;padding:.4rem .8rem}summary{cursor:pointer}
summary b{display:inline-block;min-width:4rem;text-transform:uppercase;font-size:13px}
.get{color:#175cd3}.post{color:#067647}.patch,.put{color:#b54708}.delete{color:#b42318}
table{border-collapse:collapse}td,th{text-align:left;padding:.2rem .8rem .2rem 0;vertical-align:top}
h2{margin-top:2.2rem}.quiet{color:#5b6676}
"""


@router.get("/")
async def home() -> RedirectResponse:
    """Lead whoever opens the address in a browser to something readable."""
    return RedirectResponse("/docs")


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Show every operation with its parameters, bodies and a command to try it."""
    document = request.app.openapi()
    found = [(operation["tags"][0], path, method, operation) for path, method, operation in operations(document)]
    order = [tag["name"] for tag in document["tags"]]
    found.sort(key=lambda entry: order.index(entry[0]))
    sections = [
        _section(next(tag for tag in document["tags"] if tag["name"] == name), list(entries), document, request)
        for name, entries in groupby(found, key=lambda entry: entry[0])
    ]
    info = document["info"]
    page = (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} API</title>'
        f"<style>{_STYLE}</style><h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>"
        f"<p>{escape(info['summary'])} The same as a machine reads it: "
        f'<a href="{escape(request.app.openapi_url)}">openapi.json</a>.</p>{_prose(info["description"])}'
    )
    return HTMLResponse(page + "".join(sections))


def _prose(text: str) -> str:
    """Show the few marks the descriptions use: lists, bold and code."""
    html = escape(text)
    for mark, tag in (("**", "b"), ("`", "code")):
        parts = html.split(mark)
        html = "".join(f"<{tag}>{part}</{tag}>" if number % 2 else part for number, part in enumerate(parts))
    lines = [f"<li>{line[2:]}</li>" if line.startswith("* ") else line for line in html.splitlines()]
    return "<div>" + "\n".join(lines) + "</div>"


def _section(tag: dict[str, str], entries: list[Any], document: dict[str, Any], request: Request) -> str:
    shown = "".join(_operation(path, method, operation, document, request) for _, path, method, operation in entries)
    return f'<h2 id="{escape(tag["name"])}">{escape(tag["name"])}</h2><p>{escape(tag["description"])}</p>{shown}'


def _operation(path: str, method: str, operation: dict[str, Any], document: dict[str, Any], request: Request) -> str:
    body = _body_schema(operation, document)
    example = (body or {}).get("example") or (body or {}).get("examples", [None])[0]
    parts = [_prose(operation.get("description", "")), _parameters(operation.get("parameters", []))]
    if body is not None:
        parts.append(f"<p>Body</p><pre>{escape(json.dumps(body, indent=1, ensure_ascii=False))}</pre>")
    parts.append(f"<pre>{escape(_command(path, method, operation, example, str(request.base_url)))}</pre>")
    statuses = ", ".join(status for status in operation["responses"] if status != "default")
    parts.append(f'<p class="quiet">Answers: {escape(statuses)}</p>')
    return (
        f'<details><summary><b class="{method}">{method}</b> <code>{escape(path)}</code> '
        f"{escape(operation['summary'])}</summary>{''.join(parts)}</details>"
    )


def _parameters(parameters: list[dict[str, Any]]) -> str:
    if not parameters:
        return ""
    rows = "".join(
        f"<tr><td><code>{escape(entry['name'])}</code></td><td>{escape(entry['in'])}</td>"
        f"<td>{escape(_type(entry['schema']))}</td><td>{escape(entry.get('description', ''))}</td></tr>"
        for entry in parameters
    )
    return f"<table>{rows}</table>"


def _type(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(choice) for choice in schema["anyOf"] if choice.get("type") != "null")
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    return str(schema.get("format") or schema.get("type", "any"))


def _body_schema(operation: dict[str, Any], document: dict[str, Any]) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return None
    schema: dict[str, Any] = content["schema"]
    if "$ref" in schema:
        named: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return named
    return schema


def _command(path: str, method: str, operation: dict[str, Any], example: Any, base: str) -> str:
    lines = [f"curl -X {method.upper()} {base.rstrip('/')}{path}"]
    if "security" in operation:
        lines.append("-H 'Authorization: Bearer '$TOKEN")
    if example is not None:
        lines.append(f"-H 'Content-Type: application/json' -d '{json.dumps(example, ensure_ascii=False)}'")
    return " \\\n  ".join(lines)
