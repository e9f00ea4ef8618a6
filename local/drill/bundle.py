"""Joins the drill program's modules into one text that means the same, or refuses to."""

from __future__ import annotations

import ast
import builtins
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

PACKAGE = "local.drill_program"
# What is joined with modules of that one; which of them may import which is the import rules' matter.
_SHIPPED = (f"{PACKAGE}.", "remote.command_program.")
FIRST_MODULE = "main"
FUTURE = "from __future__ import annotations"
# CPython's parser fails where two threads use it at once (https://github.com/python/cpython/issues/106905).
_JOINING = threading.Lock()
# What these hold would be another thing in the joined text.
_OF_ONE_MODULE = ("__doc__", "__file__", "__name__", "__package__", "__spec__")


class BundleError(ValueError):
    """The modules cannot be joined without changing what they mean."""


@dataclass(frozen=True)
class _StdlibImport:
    """One name's import: as it stands in the text, the name that it binds, and to what."""

    text: str
    name: str
    bound_to: str


@dataclass(frozen=True)
class _Part:
    """A module as it is joined: its text without imports, the names that it defines, and what it imports."""

    name: str
    body: str
    defined: tuple[str, ...]
    stdlib: tuple[_StdlibImport, ...]
    ours: tuple[tuple[str, str], ...]  # module and name


def program_source(more: str | None = None, first: str = FIRST_MODULE) -> str:
    """The whole program that begins with the module `first`, but for its order, as one text.

    Its modules are the drill program's, and those of the package `more`.
    """
    with _JOINING:
        return _program_source(more, first)


@cache
def _program_source(more: str | None, first: str) -> str:
    packages = [PACKAGE, more] if more else [PACKAGE]
    files = [file for name in packages for file in resources.files(name).iterdir() if file.name.endswith(".py")]
    return join({file.name.removesuffix(".py"): file.read_text(encoding="utf-8") for file in files}, first)


def join(sources: Mapping[str, str], first: str = FIRST_MODULE) -> str:
    """One text of the module `first` and of all that it imports among `sources` (by name), each after what it imports.

    A comment says where each part came from. Imports of each other are dropped, as are docstrings, which would be a
    quarter of what is shipped; imports of the standard library stand once, at the top. Raises BundleError where the
    text would not mean what the modules mean.
    """
    parts = _ordered(sources, first)
    _refuse_double_names(parts)
    imports = sorted({imported.text for part in parts for imported in part.stdlib})
    head = "\n".join([FUTURE, "", *imports])
    return "\n\n\n".join([head, *(f"# ---- {PACKAGE}.{part.name}\n{part.body}" for part in parts)]) + "\n"


def _ordered(sources: Mapping[str, str], first: str) -> list[_Part]:
    done: dict[str, _Part] = {}
    under_way: list[str] = []

    def visit(name: str) -> None:
        if name in under_way:
            raise BundleError(f"{' and '.join([*under_way[under_way.index(name) :], name])} import each other")
        if name not in sources:
            raise BundleError(f"there is no module {PACKAGE}.{name}")
        under_way.append(name)
        part = _part(name, sources[name])
        for other, imported in part.ours:
            if other not in done:
                visit(other)
            if imported not in done[other].defined:
                raise BundleError(f"{name} imports {imported}, which {other} does not define")
        under_way.pop()
        done[name] = part

    visit(first)
    return list(done.values())


def _refuse_double_names(parts: list[_Part]) -> None:
    meanings: dict[str, str] = {}
    for part in parts:
        imported = [(each.name, each.bound_to) for each in part.stdlib]
        defined = [(name, f"number {number} of {part.name}") for number, name in enumerate(part.defined)]
        for name, meaning in (*imported, *defined):
            if hasattr(builtins, name):
                raise BundleError(f"{part.name} hides the built-in {name} from all that follows it")
            if meanings.setdefault(name, meaning) != meaning:
                raise BundleError(f"{part.name} defines {name}, which is defined already")


def _part(name: str, source: str) -> _Part:
    tree = ast.parse(source)
    _refuse_what_one_module_has(name, tree)
    imports = [statement for statement in tree.body if isinstance(statement, ast.Import | ast.ImportFrom)]
    others = [statement for statement in tree.body if statement not in imports]
    if _line_numbers(imports) & _line_numbers(others):
        raise BundleError(f"{name} has an import and something else in one line")
    dropped = _line_numbers([*imports, *_docstrings(tree)])
    body = "\n".join(line for number, line in enumerate(source.splitlines(), 1) if number not in dropped)
    return _Part(
        name=name,
        body=body.strip("\n"),
        defined=tuple(found for statement in others for found in _defined_names(name, statement)),
        stdlib=tuple(found for statement in imports for found in _stdlib_imports(name, statement)),
        ours=tuple(found for statement in imports for found in _our_imports(name, statement)),
    )


def _refuse_what_one_module_has(name: str, tree: ast.Module) -> None:
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            raise BundleError(f"{name} has a global statement")
        if isinstance(node, ast.Name) and node.id in _OF_ONE_MODULE:
            raise BundleError(f"{name} uses {node.id}, which is another thing in the joined text")
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in tree.body:
            raise BundleError(f"{name} imports in the middle of other code: {ast.unparse(node)}")


def _line_numbers(statements: Sequence[ast.stmt]) -> set[int]:
    return {line for each in statements for line in range(each.lineno, (each.end_lineno or each.lineno) + 1)}


def _docstrings(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            docstring, *rest = node.body
            begins_a_line = isinstance(node, ast.Module) or docstring.lineno > node.lineno
            if begins_a_line and rest and rest[0].lineno > (docstring.end_lineno or docstring.lineno):
                yield docstring


def _defined_names(name: str, statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        stored = [
            node for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ]
        return [node.id for node in stored]
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return []
    raise BundleError(f"{name} has more than imports and definitions: {ast.unparse(statement)[:60]}")


def _is_ours(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.ImportFrom) or statement.level:
        return False
    return (statement.module or "").startswith(_SHIPPED)


def _our_imports(name: str, statement: ast.Import | ast.ImportFrom) -> list[tuple[str, str]]:
    if isinstance(statement, ast.Import) or not _is_ours(statement):
        return []
    if any(alias.asname for alias in statement.names):
        raise BundleError(f"{name} renames what it imports: {ast.unparse(statement)}")
    module = str(statement.module).rpartition(".")[2]
    return [(module, alias.name) for alias in statement.names]


def _stdlib_imports(name: str, statement: ast.Import | ast.ImportFrom) -> list[_StdlibImport]:
    text = ast.unparse(statement)
    if _is_ours(statement) or text == FUTURE:
        return []
    modules = [alias.name for alias in statement.names]
    if isinstance(statement, ast.ImportFrom):
        modules = ["." * statement.level + (statement.module or "")]
    roots = {module.split(".")[0] for module in modules}
    if not roots <= sys.stdlib_module_names - {"__future__"} or "*" in text:
        raise BundleError(f"{name} imports what it may not: {text}")
    return [_stdlib_import(statement, alias) for alias in statement.names]


def _stdlib_import(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> _StdlibImport:
    imported = alias.name + (f" as {alias.asname}" if alias.asname else "")
    if isinstance(statement, ast.ImportFrom):
        text = f"from {statement.module} import {imported}"
        return _StdlibImport(text, alias.asname or alias.name, text)
    if alias.asname:
        return _StdlibImport(f"import {imported}", alias.asname, f"import {imported}")
    root = alias.name.split(".")[0]
    return _StdlibImport(f"import {imported}", root, f"import {root}")
