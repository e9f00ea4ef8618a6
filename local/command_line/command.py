"""One command: a function from its options to an exit code, and what happens around it.

    @command("backup.list", JSON)
    def list_points(invocation: Invocation, name: Annotated[str, Option("only this database")] = "") -> int:
        \"\"\"Every backup in the store.\"\"\"

The docstring is what `invoke --list` and `--help` say. Errors of ours are told on stderr and become their exit code.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, get_type_hints

from invoke.collection import Collection
from invoke.config import Config
from invoke.context import Context
from invoke.exceptions import Exit
from invoke.parser.argument import Argument
from invoke.program import Program
from invoke.tasks import Task

from local import environment, interrupt, settings
from local.command_line import failure, scheduled_run, settings_file
from local.command_line.argv import bare_word, has_bare_word, mistaken
from local.command_line.levels import Levels
from local.command_line.options import CHECK, JSON, Flag, Option
from local.command_line.telling import Tell, WatchedWork, WorkKind, telling, untold
from local.errors import ConfigError
from local.output.advice import Advice
from local.output.screen import Screen
from local.settings import Database, Settings, Volume

# Before Invoke looks for them.
VARIABLES = environment.take(os.environ, Settings, Config.global_defaults())
# By which any command goes: on one line these words begin the next one.
_NAMES: set[str] = set()
NOTHING_CHANGED = "nothing was changed"
# What every command does with the configured databases before its own work; a room above this one gives it.
Beginning = Callable[[Settings, Screen], None]
_beginnings: list[Beginning] = []


@dataclass(frozen=True)
class Invocation:
    """One run of a command: where it shows what it does, what is configured, and whether it may change anything."""

    context: Context
    screen: Screen
    check: bool

    @property
    def settings_file(self) -> Path | None:
        """The file after -f, or in INVOKE_RUNTIME_CONFIG, as an absolute path; None where none was given."""
        runtime = object.__getattribute__(self.context.config, "_runtime_path")
        return None if runtime is None else Path(runtime).expanduser().absolute()

    @cached_property
    def settings(self) -> Settings:
        """The configuration, validated when first asked for; ConfigError if there is a mistake in it.

        The command's first line says whose it is.
        """
        levels = Levels.of(self.context.config, VARIABLES)
        loaded = levels.settings()
        checking = "; a check, which changes nothing" if self.check else ""
        self.screen.say(f"store {loaded.store.url} (settings: {levels.in_force()}){checking}", advised=False)
        if not self.check:
            for begin in _beginnings:
                begin(loaded, self.screen)
        return loaded

    def telling(self, kind: WorkKind, sources: Iterable[Database | Volume]) -> AbstractContextManager[Tell]:
        """Around a backup or a drill of the newest of these: hand in its report, or let its error pass.

        It stands around the showing too: what is sent takes its time, and troubles with it are told last.
        """
        names = tuple(source.name for source in sources)
        if self.check or not names:
            return nullcontext(untold)
        return telling(self.settings, self.screen, WatchedWork(kind, names))


class Command(Task[Any]):
    """Invoke's task for a function that takes an Invocation and options, and returns the exit code.

    `path` is the name under which people call it, with its collection's; `default` lets the collection's name do.
    `left` is what an interrupted run of it leaves behind, and what ends that. `work` is what its last line calls it,
    where that tells a verdict.
    """

    def __init__(
        self, body: Callable[..., int], path: str, flags: tuple[Flag, ...], default: bool, left: str, work: str
    ) -> None:
        self.path = path
        self.flags = flags
        self.left = left
        self.work = work
        _NAMES.update((path, path.rpartition(".")[0]) if default else (path,))
        self.options = _options(body)
        self._valued: frozenset[str] | set[str] = frozenset()
        self._without_default = [name for name, option in self.options.items() if option.repeatable or option.bare]
        self._help_texts = {declared.name: declared.help for declared in flags} | {
            name: _help(option, inspect.signature(body).parameters[name].default)
            for name, option in self.options.items()
        }
        super().__init__(
            body,
            name=path.rpartition(".")[2],
            positional=(),
            default=default,
            auto_shortflags=False,
            help=self._help_texts,
            iterable=[name for name, option in self.options.items() if option.repeatable],
        )

    # Invoke takes two tasks of one name for the same if their bodies look alike, and runs only the first.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def argspec(self, body: Callable[..., Any]) -> inspect.Signature:
        """The options as Invoke is to see them: the function's own, and the flags that its Invocation answers to."""
        signature = super().argspec(body)
        # Invoke takes an option's type from its default, and one with a default for given, unless that is None.
        own = [
            parameter.replace(default=None) if name in self._without_default else parameter
            for name, parameter in signature.parameters.items()
        ]
        switches = [inspect.Parameter(flag.name, inspect.Parameter.KEYWORD_ONLY, default=False) for flag in self.flags]
        return signature.replace(parameters=[*own, *switches])

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The arguments for Invoke's parser; one that may stand bare is positional if there is a word for it."""
        self.help = dict(self._help_texts)  # Invoke takes them out, and is asked more than once
        arguments = super().get_arguments(ignore_unknown_help)
        self._valued = _dashed(argument for argument in arguments if argument.takes_value) | _invokes_valued_flags()
        for argument in arguments:
            option = self.options.get(argument.attr_name or argument.name or "")
            bare = bool(option and option.bare)
            argument.positional = bare and has_bare_word(sys.argv, self._own_names, self._valued, _NAMES)
        return arguments

    @property
    def _own_names(self) -> tuple[str, ...]:
        return (self.path, self.path.rpartition(".")[0]) if self.is_default else (self.path,)

    def _ended(self, invocation: Invocation, options: Mapping[str, Any]) -> int:
        """Its exit code; where an error stands in the place of a result, the verdict follows it all the same."""
        screen = invocation.screen
        code = failure.exit_code(lambda: self._run(invocation, options), screen, f"invoke {self.path}", self.work)
        if "settings" in vars(invocation) and not screen.advise.file:
            failure.remind(code)
        if self.work and not screen.shown:
            failure.tell_verdict(code, screen, self.work, check=invocation.check)
        return code

    def _run(self, invocation: Invocation, options: Mapping[str, Any]) -> int:
        """What the function returns; a mistake on the command line says what became of a command's name on it."""
        try:
            code: int = self.body(invocation, **options)
        except ConfigError as error:
            missing = next((name for name, option in self.options.items() if option.bare and name not in options), None)
            word = bare_word(sys.argv, self._own_names, self._valued)
            raise mistaken(error, options, missing, word, _NAMES) from error
        return code

    def __call__(self, context: Context, **given: Any) -> None:
        """Run it; raises Exit where its exit code is not 0."""
        switches = {flag: given.pop(flag.name) for flag in self.flags}
        options = {name: value for name, value in given.items() if value is not None}
        check = switches.get(CHECK, False) or bool(context.config.run.dry)
        invocation = Invocation(context, Screen(switches.get(JSON, False), _advice(context.config)), check)
        interrupt.leaves(NOTHING_CHANGED if check else self.left)
        code = scheduled_run.recorded(self.path, lambda: self._ended(invocation, options), os.environ)
        if code:
            raise Exit(code=code)


def command(
    path: str, *flags: Flag, default: bool = False, left: str = NOTHING_CHANGED, work: str = ""
) -> Callable[[Callable[..., int]], Command]:
    """Make a function the command that is called as `path`; see the module's docstring and Command."""
    return lambda body: Command(body, path, flags, default, left, work)


def begin_with(beginning: Beginning) -> None:
    """Have `beginning` done as soon as a command has its settings, but for one that only checks."""
    _beginnings.append(beginning)


def collect(commands: tuple[Command, ...]) -> Collection:
    """The commands as Invoke's tree, each where its path says."""
    root = Collection()
    for each in commands:
        parent = each.path.rpartition(".")[0]
        if parent and parent not in root.collections:
            root.add_collection(Collection(parent))
        (root.collections[parent] if parent else root).add_task(each)
    root.configure(settings.DECLARED)
    return root


def _advice(config: Config) -> Advice:
    """With the FILE of settings that Invoke has read, where there is one."""
    file = str(object.__getattribute__(config, "_runtime_path") or "")
    return Advice(file, file != os.environ.get(settings_file.VARIABLE), _NAMES)


def _dashed(arguments: Iterable[Argument]) -> set[str]:
    return {f"{'--' if len(name) > 1 else '-'}{name}" for argument in arguments for name in argument.names}


@cache
def _invokes_valued_flags() -> frozenset[str]:
    """Those of Invoke itself, which may stand behind a command's name too: -f, --config and their like."""
    invokes = Program().initial_context.args.values()
    return frozenset(_dashed(argument for argument in invokes if argument.takes_value))


def _options(body: Callable[..., int]) -> dict[str, Option]:
    hints = get_type_hints(body, include_extras=True)
    return {
        name: part
        for name, hint in hints.items()
        for part in getattr(hint, "__metadata__", ())
        if isinstance(part, Option)
    }


def _help(option: Option, default: object) -> str:
    """What the value is called, what stands for it where it is not given, and what it is."""
    given = f" [{default}]" if default and option.value and not option.repeatable else ""
    return f"{option.value}{given}: {option.help}" if option.value else option.help
