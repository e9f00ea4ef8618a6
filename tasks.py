"""The commands: each parses, calls one function, renders what came back, and sets the exit code."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from shlex import quote
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

from invoke.collection import Collection
from invoke.config import Config, DataProxy
from invoke.context import Context
from invoke.exceptions import AmbiguousEnvVar, Exit, UncastableEnvVar
from invoke.parser.argument import Argument
from invoke.tasks import Task, task
from invoke.util import yaml  # type: ignore[attr-defined]

from local import clock, settings
from local.errors import ConfigError, PillarError
from local.output.screen import Screen
from local.settings import Database, Settings

if TYPE_CHECKING:
    from local.drill.targets import Choice
    from local.store.interface import Store
    from rbac.result import Outcome

INTERRUPTED = 130
TERMINATED = 143

ONLY = "only this database (repeatable)"
JSON = "one JSON document on stdout, what goes on to stderr"
CHECK = "say what would change, and change nothing"
DATE = "the backups of this UTC day, YYYY-MM-DD"
AT = "the newest backups not later than this moment, as backup.list shows it"
VM = "on this VM instead of the configured ones (repeatable)"


def _settings(context: Context) -> Settings:
    return settings.load(_plain(context.config), foreign=Config.global_defaults())


def _plain(value: object) -> Any:
    """Invoke's proxies as the dictionaries that they stand for."""
    if isinstance(value, DataProxy):
        return {str(key): _plain(value[str(key)]) for key in value}
    return value


def _chosen(configured: Settings, only: Sequence[str] | None) -> tuple[Database, ...]:
    known = {database.name: database for database in configured.databases}
    for name in only or ():
        if name not in known:
            raise ConfigError("--only", f"{name!r} is not configured", f"allowed: {', '.join(known)}")
    return tuple(database for name, database in known.items() if not only or name in only)


def _checking(context: Context, check: bool) -> bool:
    return check or bool(context.config.run.dry)


def _run(screen: Screen, work: Callable[[], int]) -> None:
    """Run a command to its exit code: our errors are told, and a signal lets everything clean up behind itself."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = work()
    except PillarError as error:
        screen.error(error)
        code = error.exit_code
    except KeyboardInterrupt:
        print("interrupted; nothing is left half done", file=sys.stderr)
        code = INTERRUPTED
    if code:
        raise Exit(code=code)


def _terminated(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(TERMINATED)


def _tell_configuration_errors(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Invoke reads its configuration before any task runs; what it cannot read there would end in a traceback."""
    if not issubclass(kind, yaml.YAMLError | AmbiguousEnvVar | UncastableEnvVar):
        return sys.__excepthook__(kind, error, trace)
    Screen().error(ConfigError("configuration: read it", str(error), "mend invoke.yaml, ~/.invoke.yaml or INVOKE_*"))
    raise SystemExit(ConfigError.exit_code)


sys.excepthook = _tell_configuration_errors


@task(name="run", default=True, iterable=["only"], help={"only": ONLY, "check": CHECK, "json": JSON})
def backup_run(context: Context, only: Sequence[str] | None = None, check: bool = False, json: bool = False) -> None:
    """Back up the databases: snapshot, check, compress, upload."""
    screen = Screen(json)

    def work() -> int:
        from local.archive.cache import cache_of
        from local.backup import run as backup
        from local.backup.upload import Delivery
        from local.output import tables as show

        configured = _settings(context)
        databases = _chosen(configured, only)
        finish = Delivery.preview if _checking(context, check) else Delivery.deliver
        folder = cache_of(configured.store)
        with screen.watching() as watch:
            report = backup.back_up(configured.store, configured.azure, databases, folder, watch, finish)
        screen.document(report) if json else show.backup(screen, report)
        return 0 if report.backup.verdict == "passed" else 1

    _run(screen, work)


class _NameMayFollow(Task[Any]):
    """Invoke has no optional positional argument: `name` is one if the command line has a word for it."""

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        arguments = super().get_arguments(ignore_unknown_help)
        words = sys.argv[sys.argv.index("backup.list") + 1 :] if "backup.list" in sys.argv else []
        named = any(
            not word.startswith("-") and before not in ("--name", "-n") for before, word in pairwise(["", *words])
        )
        for argument in arguments:
            argument.positional = argument.name == "name" and named
        return arguments


@task(klass=_NameMayFollow, name="list", help={"name": "only this database; the word alone will do", "json": JSON})
def backup_list(context: Context, name: str | None = None, json: bool = False) -> None:
    """Every backup in the store, and every point in time that can be restored."""
    screen = Screen(json)

    def work() -> int:
        from local.output import tables as show
        from local.output.listing import listing
        from local.store import catalog
        from local.store.open import open_store

        configured = _settings(context)
        store = open_store(configured.store, configured.azure)
        points = catalog.points(store, configured.store.prefix)
        found = listing([point for point in points if name in (None, point.database)])
        screen.document(found) if json else show.listing(screen, found, clock.now())
        return 0

    _run(screen, work)


@task(name="local", iterable=["only"], help={"only": ONLY, "date": DATE, "at": AT, "check": CHECK, "json": JSON})
def drill_local(
    context: Context,
    only: Sequence[str] | None = None,
    date: str = "",
    at: str = "",
    check: bool = False,
    json: bool = False,
) -> None:
    """The restore drill on this machine: download, checksum, decompress, integrity, rows."""
    screen = Screen(json)

    def work() -> int:
        from local import report
        from local.drill import run as drill_run
        from local.output import tables as show

        configured, databases, choice, store = _drill_order(context, only, date, at)
        if _checking(context, check):
            return _show_chosen(screen, store, configured, databases, choice)
        host, prefix = configured.drill.host, configured.store.prefix
        with screen.watching() as watch:
            drilled = drill_run.drill_here(store, prefix, databases, choice, host, watch)
        screen.document(drilled) if json else show.drill(screen, drilled)
        return report.exit_code(drilled.drill.verdict)

    _run(screen, work)


@task(
    name="remote",
    iterable=["only", "vm"],
    help={"only": ONLY, "vm": VM, "date": DATE, "at": AT, "check": CHECK, "json": JSON},
)
def drill_remote(
    context: Context,
    only: Sequence[str] | None = None,
    vm: Sequence[str] | None = None,
    date: str = "",
    at: str = "",
    check: bool = False,
    json: bool = False,
) -> None:
    """The same drill on the Azure VM, through Run Command."""
    screen = Screen(json)

    def work() -> int:
        from local import report
        from local.output import tables as show
        from remote import drill

        configured, databases, choice, store = _drill_order(context, only, date, at)
        azure, vms = configured.azure, vm or configured.azure.vms
        drill.check(store, azure, vms)
        if _checking(context, check):
            return _show_chosen(screen, store, configured, databases, choice)
        host, fallback, prefix = configured.drill.host, configured.drill.fallback, configured.store.prefix
        with screen.watching() as watch:
            drilled = drill.drill_remote(store, prefix, databases, choice, azure, vms, host, fallback, watch)
        screen.document(drilled) if json else show.drill(screen, drilled)
        return report.exit_code(drilled.drill.verdict)

    _run(screen, work)


def _drill_order(
    context: Context, only: Sequence[str] | None, date: str, at: str
) -> tuple[Settings, tuple[Database, ...], Choice, Store]:
    from local.drill.targets import parse_choice
    from local.store.open import open_store

    configured = _settings(context)
    databases, choice = _chosen(configured, only), parse_choice(date, at)
    return configured, databases, choice, open_store(configured.store, configured.azure)


def _show_chosen(
    screen: Screen, store: Store, configured: Settings, databases: Sequence[Database], choice: Choice
) -> int:
    """What a drill would take; 1 if there is no backup for one of the databases."""
    from local.output import tables as show
    from local.output.listing import listing
    from local.store import catalog

    known = catalog.points(store, configured.store.prefix)
    points = [catalog.choose(known, database.name, choice.day, choice.at) for database in databases]
    found = listing([point for point in points if point])
    screen.document(found) if screen.json else show.listing(screen, found, clock.now())
    return 0 if all(points) else 1


@task(name="check", help={"json": JSON})
def rbac_check(context: Context, json: bool = False) -> None:
    """Which rights the backup's principal has, through what, and what is missing."""
    screen = Screen(json)

    def work() -> int:
        from rbac import check

        configured = _settings(context)
        return _show_rights(screen, check.check(configured.azure, configured.store.location))

    _run(screen, work)


@task(
    name="fix",
    help={
        "role": "assign this role instead of azure.role",
        "least-privilege": "assign a role that holds only what this product needs, made if it is not there",
        "scope": "group (the resource group) or vm (the VM alone)",
        "wait": "seconds to wait until the right is effective",
        "check": CHECK,
        "json": JSON,
    },
)
def rbac_fix(
    context: Context,
    role: str | None = None,
    least_privilege: bool = False,
    scope: str = "group",
    wait: int = 600,
    check: bool = False,
    json: bool = False,
) -> None:
    """Give the principal the right to run commands on the VM, and prove that it has it."""
    screen = Screen(json)

    def work() -> int:
        from rbac import fix
        from rbac.plan import FixOptions
        from rbac.propagation import Propagation
        from remote import run_command

        configured = _settings(context)
        azure, store, options = configured.azure, configured.store.location, FixOptions(role, least_privilege, scope)
        if _checking(context, check):
            return _show_rights(screen, fix.preview(azure, store, options))
        with screen.watching() as watch:
            outcome = fix.fix(
                azure,
                store,
                options,
                lambda login, vm, script: run_command.run(azure, login, vm, script, watch).stdout,
                Propagation(seconds=wait, watch=watch),
            )
        return _show_rights(screen, outcome)

    _run(screen, work)


@task(name="revoke", help={"role": "only the assignment of this role", "check": CHECK, "json": JSON})
def rbac_revoke(context: Context, role: str | None = None, check: bool = False, json: bool = False) -> None:
    """Take back exactly what rbac.fix assigned."""
    screen = Screen(json)

    def work() -> int:
        from rbac import revoke

        command = revoke.preview if _checking(context, check) else revoke.revoke
        return _show_rights(screen, command(_settings(context).azure, role=role))

    _run(screen, work)


def _show_rights(screen: Screen, outcome: Outcome) -> int:
    from rbac import render

    screen.document(outcome.document) if screen.json else render.show(outcome, screen)
    return outcome.exit_code


@task
def demo(_context: Context) -> None:
    """Two live databases backed up, drilled, and one broken on purpose; needs no account."""
    screen = Screen()

    def work() -> int:
        from local import demo as demonstration

        return demonstration.run(screen)

    _run(screen, work)


@task(
    iterable=["part"],
    help={
        "size": "of the benchmark's database, as in 1GB or 30MB",
        "rounds": "how often each line is measured, alternating",
        "part": "only this part (repeatable)",
        "write": "write docs/benchmark.md and docs/benchmark.svg",
    },
)
def bench(
    _context: Context, size: str = "1GB", rounds: int = 3, part: Sequence[str] | None = None, write: bool = False
) -> None:
    """The former pipeline against this one, on a real Azurite, as ratios of one run."""

    def work() -> int:
        from tests.bench import run

        run.main(size=size, rounds=rounds, parts=part or (), write=write)
        return 0

    _run(Screen(), work)


@task
def test(context: Context) -> None:
    """Lint, format, types, import rules, and the tests."""
    checks = (
        "ruff check .",
        "ruff format --check .",
        "mypy",
        "lint-imports",
        "pytest -n 4",
    )
    for check in checks:
        print(f"$ {check}", flush=True)
        if not context.run(f"{quote(str(Path(sys.executable).parent))}/{check}", warn=True):
            raise Exit(code=1)


backups = Collection("backup")
backups.add_task(backup_run)
backups.add_task(backup_list)
drills = Collection("drill")
drills.add_task(drill_local)
drills.add_task(drill_remote)
rights = Collection("rbac")
rights.add_task(rbac_check)
rights.add_task(rbac_fix)
rights.add_task(rbac_revoke)
namespace = Collection(backups, drills, rights, demo, test, bench)
namespace.configure(settings.DECLARED)
