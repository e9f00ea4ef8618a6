"""The URLs are read from where they may stand, and shown nowhere."""

from __future__ import annotations

import os
import traceback
from pathlib import Path

import pytest

from local.alerts.secrets import Secret, Source, read, read_check
from local.errors import ConfigError


def in_file(path: Path, text: str | bytes, mode: int = 0o600) -> Source:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return Source("alerts.urls_file", None, path)


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("json://a/b", ["json://a/b"]),
        (" json://a/b \n\n# a note: json://no\n slack://A/B/C\r\n", ["json://a/b", "slack://A/B/C"]),
        ("json://a/b,json://c json://d, json://e", ["json://a/b", "json://c", "json://d", "json://e"]),
        ("mailto://u:p@h?to=a@b.c,d@e.f", ["mailto://u:p@h?to=a@b.c,d@e.f"]),
    ],
)
def test_urls_stand_on_lines_or_between_white_space_and_commas(tmp_path: Path, text: str, urls: list[str]) -> None:
    assert [each.reveal() for each in read(in_file(tmp_path / "urls", text))] == urls


def test_a_check_has_one_url(tmp_path: Path) -> None:
    assert read_check(in_file(tmp_path / "check", "https://a/tokenA\n")).reveal() == "https://a/tokenA"

    with pytest.raises(ConfigError, match="2 URLs") as caught:
        read_check(in_file(tmp_path / "checks", "https://a/tokenA https://a/tokenB"))
    assert "token" not in str(caught.value)


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILLAR9_ALERT_URLS", "json://a/b")

    assert [each.reveal() for each in read(Source("alerts.urls_env", "PILLAR9_ALERT_URLS", None))] == ["json://a/b"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_that_others_may_read_or_change_is_refused_with_the_command_that_mends_it(
    tmp_path: Path, mode: int
) -> None:
    source = in_file(tmp_path / "my urls", "json://tokenA/b", mode)

    with pytest.raises(ConfigError) as caught:
        read(source)

    assert caught.value.mend == f"chmod 600 '{tmp_path / 'my urls'}'"
    assert "tokenA" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "no URL"), (b"# only a note\n", "no URL"), (b"\xff\xfetoken", "no list"), (b"a" * 70_000, "no list")],
)
def test_a_file_without_a_list_of_urls_is_refused_without_its_content(
    tmp_path: Path, content: bytes, told: str
) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        read(in_file(tmp_path / "urls", content))

    assert "token" not in f"{caught.value}{caught.value.mend}"


def test_a_missing_file_a_folder_and_a_pipe_are_refused_and_hold_up_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    (tmp_path / "folder").mkdir(0o700)

    for name, told in (("missing", "No such file"), ("pipe", "no file"), ("folder", "no file")):
        with pytest.raises(ConfigError, match=told):
            read(Source("alerts.ping_file", None, tmp_path / name))


def test_a_variable_that_a_schedule_does_not_know_is_named_with_the_file_that_helps() -> None:
    with pytest.raises(ConfigError) as caught:
        read(Source("alerts.urls_env", "PILLAR9_ALERT_URLS", None))

    assert "launchd" in str(caught.value)
    assert "alerts.urls_file" in caught.value.mend


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("slack://TokenA12/TokenB34/TokenC56", "HTTPSConnectionPool: /services/TokenA12/tokenb34/TokenC56 refused"),
        ("mailto://me:p%40ss%2Fword@smtp.example.com?to=x@y.zz", "login of me with p@ss/word at smtp.example.com"),
        ("https://hc-ping.com/0b9e-uuid", "Max retries exceeded with url: /0b9e-uuid/start"),
        ("ntfy://abc:xyz@host", "abc said: xyz"),
    ],
)
def test_no_piece_of_a_secret_is_left_in_a_text(url: str, text: str) -> None:
    left = Secret(url).strike(text)

    for piece in ("token", "p@ss", "word", "smtp.example", "0b9e", "uuid", "abc", "xyz"):
        assert piece not in left.lower()


def test_a_secret_shows_itself_in_no_repr_and_no_traceback() -> None:
    secret = Secret("slack://TokenA")

    try:
        raise ValueError(secret, f"{secret}", repr(Source("k", None, None)), [secret])
    except ValueError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())

    assert "Secret(…)" in shown
    # The line of this very test that made it is code, not a value.
    assert "TokenA" not in shown
