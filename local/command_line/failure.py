"""How a command ends whose result an error stands in the place of: told, with its exit code and its verdict."""

from __future__ import annotations

from collections.abc import Callable

from local.command_line.machine_error import machine_error
from local.errors import PillarError
from local.output import outlet
from local.output.endings import undone
from local.output.screen import Screen

# Bad usage and a lock that is held come to no verdict.
_WITH_VERDICT = (1, 3, 4)
# What somebody sees who forgot to name the file.
_WRONG_SETTINGS = (2, 3)


def exit_code(work: Callable[[], int], screen: Screen, doing: str) -> int:
    """What `work` returns or its error stands for; an error that nobody foresaw is raised again."""
    try:
        return work()
    except PillarError as error:
        screen.error(error)
        return error.exit_code
    except OSError as error:
        found = machine_error(error)
        if found is None:
            screen.bug(error, doing)
            raise
        screen.error(found)
        return found.exit_code
    except Exception as error:
        screen.bug(error, doing)
        raise


def tell_verdict(code: int, screen: Screen, work: str, *, check: bool) -> None:
    """The last line all the same, where the exit code stands for a verdict on `work`."""
    if code in _WITH_VERDICT:
        screen.say(undone(work, code, check=check), "bold red")


def remind(code: int) -> None:
    """Tell a person at a terminal, who may have forgotten the FILE, how it is given."""
    if code in _WRONG_SETTINGS and outlet.stderr.isatty():
        outlet.stderr.line("→ the settings in force are named above; for a file of your own: invoke -f FILE COMMAND")
