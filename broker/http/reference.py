"""The page at /docs: the OpenAPI description as plain HTML, readable without scripts and without the internet."""

from collections.abc import Mapping
from html import escape
from typing import Any

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
code{font-size:.95em}summary{cursor:pointer;padding:.3rem 0}summary b{display:inline-block;min-width:4.5rem}
table{border-collapse:collapse;margin:.5rem 0 1rem}
td,th{text-align:left;vertical-align:top;padding:.15rem .8rem .15rem 0}
details{margin-left:.5rem}h2{margin:1.5rem 0 .3rem}
""".strip()


def render(document: Mapping[str, Any]) -> str:
    """The HTML page of an OpenAPI document."""
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            section = (operation.get("tags") or ["Other"])[0]
            sections.setdefault(section, []).append(_operation(method, path, operation))
    title = escape(f"{document['info']['title']} {document['info']['version']}")
    body = "".join(f"<h2>{escape(name)}</h2>{''.join(entries)}" for name, entries in sections.items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
        f"<p>{escape(document['info'].get('description', ''))}</p>"
        f'<p>The same for machines, with every data type: <a href="/openapi.json">/openapi.json</a></p>{body}</html>'
    )


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    parameters = "".join(
        f"<tr><td><code>{escape(each['name'])}</code><td>{escape(each['in'])}<td>{escape(each.get('description', ''))}"
        for each in operation.get("parameters", ())
    )
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code><td>{escape(answer['description'])}<td>{escape(_content(answer))}"
        for status, answer in operation["responses"].items()
    )
    body = operation.get("requestBody")
    sent = f"<p>Body: {escape(_content(body))}</p>" if body else ""
    return (
        f"<details><summary><b>{escape(method.upper())}</b> <code>{escape(path)}</code> "
        f"{escape(operation.get('summary', ''))}</summary><p>{escape(operation.get('description', ''))}</p>"
        f"{sent}<table>{parameters}</table><table>{answers}</table></details>"
    )


def _content(part: Mapping[str, Any]) -> str:
    """The media types of a body or answer, and the name of what is in them."""
    described = []
    for media_type, content in part.get("content", {}).items():
        schema = content.get("schema", {})
        several = schema.get("type") == "array"
        target = (schema.get("items", {}) if several else schema).get("$ref", "").rsplit("/", 1)[-1]
        described.append(f"{media_type} {target}{'[]' if several else ''}".strip())
    return ", ".join(described)
