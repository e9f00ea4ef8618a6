"""The URLs of channels and checks, which are secrets: from the environment, or from a file that nobody else reads."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from urllib.parse import unquote

from local.errors import ConfigError

_FOR_OTHERS = 0o077
_MOST_BYTES = 64 * 1024
# As Apprise's own APPRISE_URLS: white space or a comma before the next one.
_BETWEEN = re.compile(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)|\n+")
_PARTS = re.compile(r"[^A-Za-z0-9%+_~-]+")
# Shorter pieces are no secrets, and stand in every number.
_LEAST_PIECE = 3
_ALSO_WORDS = 4


class Secret:
    """A text that shows itself nowhere: not in a repr, not in a report, not in a traceback's values."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def reveal(self) -> str:
        """The text itself, for whoever it is meant for."""
        return self._text

    def strike(self, text: str) -> str:
        """`text` without any part of the secret: as it is, unquoted, and each piece between its punctuation."""
        scheme, _, rest = self._text.partition("://")
        parts = {self._text, rest, unquote(rest), *_PARTS.split(rest), *_PARTS.split(unquote(rest))}
        parts |= {unquote(part) for part in parts} | set(re.split(r"[/:?&=#]+", unquote(rest)))
        pieces = [part for part in parts - {scheme} if len(part) >= _LEAST_PIECE]
        for part in sorted(pieces, key=len, reverse=True):
            # A short one may be part of a word that says what went wrong.
            pattern = re.escape(part) if len(part) >= _ALSO_WORDS else rf"(?<!\w){re.escape(part)}(?!\w)"
            text = re.sub(pattern, "…", text, flags=re.IGNORECASE)
        return text


@dataclass(frozen=True)
class Source:
    """Where secrets stand: in the variable `env` or in the file `path`; `key` is the setting that says so."""

    key: str
    env: str | None
    path: Path | None

    @property
    def is_configured(self) -> bool:
        """Whether there is one."""
        return self.env is not None or self.path is not None

    def __str__(self) -> str:
        return f"${self.env}" if self.env is not None else str(self.path)


def read(source: Source) -> tuple[Secret, ...]:
    """The URLs that stand there, one at least; ConfigError, which repeats none of it, where there is none to be had.

    In a file each stands on a line of its own, and lines that begin with # are notes.
    """
    text = _variable(source) if source.env is not None else _file(source)
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    found = [each.strip(" \t,") for each in _BETWEEN.split("\n".join(lines))]
    secrets = tuple(Secret(each) for each in found if each)
    if not secrets:
        raise ConfigError(_doing(source), "there is no URL", f"put one there, or remove {source.key}")
    return secrets


def read_check(source: Source) -> Secret:
    """The URL of a check, of which there is one; ConfigError as in `read`, and where there are several."""
    first, *others = read(source)
    if others:
        raise ConfigError(_doing(source), f"there are {1 + len(others)} URLs, and a check has one", "leave one of them")
    return first


def _variable(source: Source) -> str:
    name = str(source.env)
    if not os.environ.get(name, "").strip():
        raise ConfigError(
            _doing(source),
            "this variable is not set here (launchd and systemd know none of a shell's)",
            f"set it, or put the URLs into a file of mode 0600 and name that as {source.key.removesuffix('env')}file",
        )
    return os.environ[name]


def _file(source: Source) -> str:
    path = source.path
    assert path
    try:
        # A named pipe without a writer would hold up a plain open for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        mend = f"write the URLs into it, then: chmod 600 {quote(str(path))}"
        raise ConfigError(_doing(source), error.strerror or str(error), mend) from error
    try:
        _check_mode(source, os.fstat(descriptor).st_mode)
        data = os.read(descriptor, _MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            _doing(source), error.strerror or str(error), f"look at it: ls -l {quote(str(path))}"
        ) from error
    finally:
        os.close(descriptor)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if len(data) > _MOST_BYTES or "\0" in text:
        raise ConfigError(_doing(source), "this is no list of URLs", "one on a line, as text")
    return text


def _check_mode(source: Source, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise ConfigError(_doing(source), "this is no file", f"name a file of mode 0600 as {source.key}")
    if mode & _FOR_OTHERS:
        told = f"others may read or change this file (mode {stat.S_IMODE(mode):04o}), and it holds secrets"
        raise ConfigError(_doing(source), told, f"chmod 600 {quote(str(source.path))}")


def _doing(source: Source) -> str:
    return f"{source.key}: read {source}"
