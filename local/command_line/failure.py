"""How a command ends whose result an error stands in the place of: told, with its exit code and its verdict."""

from __future__ import annotations

from collections.abc import Callable

from local.command_line.machine_error import machine_error
from local.errors import InconclusiveError, PillarError
from local.output import outlet
from local.output.endings import undone
from local.output.screen import Screen

_FAILED = 1
# Bad usage and a lock that is held come to no verdict.
_WITH_VERDICT = (_FAILED, 3, 4)
# What somebody sees who forgot to name the file.
_WRONG_SETTINGS = (2, 3)


def exit_code(run: Callable[[], int], screen: Screen, doing: str, work: str) -> int:
    """What `run` returns or its error stands for, where it is `work`; an error that nobody foresaw is raised again."""
    try:
        return run()
    except PillarError as error:
        found = error
    except OSError as error:
        known = machine_error(error)
        if known is None:
            screen.bug(error, doing)
            raise
        found = known
    except Exception as error:
        screen.bug(error, doing)
        raise
    told = _inconclusive(found) if work == "drill" else found
    screen.error(told)
    return told.exit_code


def _inconclusive(error: PillarError) -> PillarError:
    """The same of a drill: what kept it from its verdict has proven nothing, and 1 says that a backup failed it."""
    if error.exit_code != _FAILED:
        return error
    return InconclusiveError(error.doing, error.came_back, error.mend)


def tell_verdict(code: int, screen: Screen, work: str, *, check: bool) -> None:
    """The last line all the same, where the exit code stands for a verdict on `work`."""
    if code in _WITH_VERDICT:
        screen.say(undone(work, code, check=check), "bold red")


def remind(code: int) -> None:
    """Tell a person at a terminal, who may have forgotten the FILE, how it is given."""
    if code in _WRONG_SETTINGS and outlet.stderr.isatty():
        outlet.stderr.line("→ the settings in force are named above; for a file of your own: invoke -f FILE COMMAND")
