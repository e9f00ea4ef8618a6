"""docs/json.md, from the types of the documents and from what the commands print: `python -m tests.json_page`.

It runs `tests/test_json_documents.py`, which collects the documents of real runs and holds that the page is theirs.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
from msgspec import UnsetType

from local.report import Document

PAGE = Path(__file__).parents[1] / "docs/json.md"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
COMMAND = "python -m tests.json_page"
WRITE_VARIABLE = "PILLAR9_WRITE_JSON_PAGE"
PACKAGES = ("local", "remote", "rbac")
# What stands below such a field is told with the document that it is of.
TOLD_ELSEWHERE = "as in a drill's document"
TEXT = """\
# What `--json` prints

With `--json` a command prints one document, in one line, on stdout, and nothing else there; what goes on, warnings
included, is on stderr. This page is made by `{command}` from the types in the code and from real runs, and a
test holds that it is theirs and that what each command prints has the form that it tells.

- Every document begins with `"schema": 1`. Later versions may add fields, so readers should pass over those that they
  do not know; a field that goes away, or comes to mean something else, makes it `"schema": 2`.
- Times are RFC 3339 in UTC with milliseconds (`2026-05-05T12:00:03.123Z`), sizes are bytes (`…_bytes`), lengths of time
  are in the unit that ends their name, and shares go from 0 to 1. The same thing has the same name in each document.
- `null` is what is not known or not there. A field "may be absent" only where its table says so.
- `--check` gives the document of its command, with what would come of it, and says so: `"check": true` inside its first
  object. Its `passed` says that the command would begin, and proves nothing.
- An error that prevents the result is a document too, [below](#an-error); whoever reads asks for `error` first, or for
  the exit code. A mistake in the command line that Invoke itself finds (an unknown flag or command, exit code 1)
  comes before any of this: stdout is empty.
- A run that is interrupted (exit codes 130, 143, 129) or whose reader goes away (141) prints no document: it has no
  result, and what it leaves behind stands in one line on stderr. So stdout holds a whole document or none.
- Two commands on one line print a document each, a line each.

The examples are of real runs, with moments, digests, sizes and lengths of time replaced and long lists cut to two.

| command | document |
|---|---|
{index}

{sections}"""
SECTION = """\
## {title}

{about}

```jsonc
{examples}
```

| field | type | meaning |
|---|---|---|
{table}

<details><summary>JSON Schema</summary>

```json
{schema}
```

</details>
"""


def documents() -> dict[str, type[Document]]:
    """Every type of document in the product, by its name."""
    for package in PACKAGES:
        for found in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(found.name)
    return {found.__name__: found for found in Document.__subclasses__() if found.__module__.startswith(PACKAGES)}


def schema_of(document: type[Document]) -> dict[str, Any]:
    """The JSON Schema of what is printed: a field is required unless it can be left out."""
    schema = msgspec.json.schema(document)
    structs = _structs()
    for name, definition in schema["$defs"].items():
        definition.pop("title", None)
        for told in definition["properties"].values():
            told.pop("default", None)
        definition["required"] = ["schema"] * ("schema" in definition["properties"]) + _always_there(structs[name])
    return schema


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same, where a field that the types do not know is an error."""
    definitions = {name: {**definition, "additionalProperties": False} for name, definition in schema["$defs"].items()}
    return {**schema, "$defs": definitions}


def fields_of(schema: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(path, type, meaning) of each field, in the document's order."""
    root = schema["$ref"].rpartition("/")[2]
    return list(_fields(schema["$defs"], schema["$defs"][root], ""))


def page(examples: Mapping[str, Sequence[tuple[str, Any]]]) -> str:
    """The page; `examples` are (what was called, what it printed) by the document's name, in the page's order."""
    known = documents()
    sections = [_section(known[name], examples[name]) for name in examples]
    index = [f"| {_title(known[name])} | [{name}](#{_anchor(_title(known[name]))}) |" for name in examples]
    return TEXT.format(command=COMMAND, index="\n".join(index), sections="\n".join(sections))


def _section(document: type[Document], examples: Sequence[tuple[str, Any]]) -> str:
    schema = schema_of(document)
    shown = [f"// invoke {called}\n{compact(short(printed))}" for called, printed in examples]
    table = [f"| `{path}` | {kind} | {meaning} |" for path, kind, meaning in fields_of(schema)]
    return SECTION.format(
        title=_title(document).replace("`", ""),
        about=f"`{document.__name__}` in `{document.__module__.replace('.', '/')}.py`.",
        examples="\n".join(shown),
        table="\n".join(table),
        schema=compact(_without_meanings(schema)),
    )


def _title(document: type[Document]) -> str:
    """Which commands print it: the first words of its docstring."""
    told = (document.__doc__ or "").partition(".\n")[0].strip().removesuffix(".")
    return "An error" if document.__name__ == "ErrorDocument" else told


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-")


def _fields(
    definitions: Mapping[str, Any], definition: Mapping[str, Any], prefix: str
) -> Iterator[tuple[str, str, str]]:
    for name, told in definition["properties"].items():
        if name == "schema":
            continue
        path = f"{prefix}{name}"
        kind, inner, below = _kind(definitions, told)
        absent = "" if name in definition["required"] else ", may be absent"
        meaning = told.get("description") or (inner or {}).get("description", "")
        yield path, kind + absent, " ".join(meaning.split()).removesuffix(".").replace("|", "\\|")
        if inner and TOLD_ELSEWHERE not in meaning:
            yield from _fields(definitions, inner, f"{path}{below}.")


def _kind(definitions: Mapping[str, Any], told: Mapping[str, Any]) -> tuple[str, Mapping[str, Any] | None, str]:
    """How a type reads, the object that it holds if it does, and what leads there in a path."""
    if "anyOf" in told:
        some = [each for each in told["anyOf"] if each != {"type": "null"}]
        kind, inner, below = _kind(definitions, some[0])
        return f"{kind} or null", inner, below
    if "$ref" in told:
        return "object", definitions[told["$ref"].rpartition("/")[2]], ""
    if "enum" in told:
        return ", ".join(f"`{each}`" for each in told["enum"]), None, ""
    if told.get("type") == "array":
        kind, inner, below = _kind(definitions, told["items"])
        return f"list of {kind}s", inner, f"[]{below}"
    if told.get("type") == "object":
        kind, inner, below = _kind(definitions, told["additionalProperties"])
        return f"{kind} by name", inner, f".NAME{below}"
    return {"date-time": "time", "date": "date"}.get(told.get("format", ""), told["type"]), None, ""


def _always_there(struct: type[msgspec.Struct]) -> list[str]:
    omits = struct.__struct_config__.omit_defaults
    return [
        field.encode_name
        for field in msgspec.structs.fields(struct)
        if not (omits and not field.required) and UnsetType not in get_args(_bare(field.type))
    ]


def _bare(hint: Any) -> Any:
    """A type without its Annotated."""
    return get_args(hint)[0] if hasattr(hint, "__metadata__") else hint


@functools.cache
def _structs() -> dict[str, type[msgspec.Struct]]:
    def below(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
        for each in struct.__subclasses__():
            yield each
            yield from below(each)

    return {each.__name__: each for each in below(msgspec.Struct) if each.__module__.startswith(PACKAGES)}


def _without_meanings(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema without the words that the table has already."""
    definitions = {
        name: {
            "type": "object",
            "properties": {known: _plain(told) for known, told in definition["properties"].items()},
            "required": definition["required"],
        }
        for name, definition in schema["$defs"].items()
    }
    return {"$schema": DRAFT, "$ref": schema["$ref"], "$defs": definitions}


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    """One field's form; "or null" as short as it can be said."""
    form: dict[str, Any] = {key: _plain(value) if isinstance(value, dict) else value for key, value in told.items()}
    form.pop("description", None)
    some: list[dict[str, Any]] = form.get("anyOf", [])
    if len(some) == 2 and "type" in some[0] and some[1] == {"type": "null"}:
        del form["anyOf"]
        return {**form, **some[0], "type": [some[0]["type"], "null"]}
    return form


def compact(value: Any, indent: int = 0) -> str:
    """JSON in which whatever fits into a line stands in one."""
    flat = json.dumps(value, ensure_ascii=False)
    if not value or not isinstance(value, list | dict) or len(flat) + indent <= 110 or _is_words(value):
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, list):
        lines = [pad + compact(each, indent + 1) for each in value]
    else:
        lines = [f"{pad}{json.dumps(key)}: {compact(each, indent + 1)}" for key, each in value.items()]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    return f"{opening}\n" + ",\n".join(lines) + f"\n{' ' * indent}{closing}"


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each.isidentifier() for each in value)


def short(printed: Any) -> Any:
    """A document with lists cut to two, and tables of packages too."""
    if isinstance(printed, list):
        return [short(each) for each in printed[:2]]
    if isinstance(printed, dict):
        kept = list(printed.items())
        return {key: short(value) for key, value in (kept[:3] if "msgspec" in printed else kept)}
    return printed


if __name__ == "__main__":
    import pytest

    os.environ[WRITE_VARIABLE] = "1"
    sys.exit(pytest.main(["-q", "-n", "0", str(Path(__file__).with_name("test_json_documents.py"))]))
