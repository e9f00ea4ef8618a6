"""Whatever is wrong with a configuration or with this machine's folders: an error of ours, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.crossed import crossed
from tests.support.fork_server import CHECKOUT, run_invoke
from tests.support.terminal import errors_told

GOOD_STORE = "store: {url: 'file:///tmp/x'}"
GOOD_DATABASES = "databases: [{name: a, path: /tmp/a.db}]"

NOBODY = 65534

# Each is the only mistake in a file.
DATABASES = [
    "3", "null", "text", "[]", "[1]", "[null]", "[[]]", "[a]", "{a: b}", "[{}]", "[{name: a}]", "[{path: /x}]",
    "[{name: 5, path: /x}]", "[{name: null, path: /x}]", "[{name: '', path: /x}]", "[{name: A, path: /x}]",
    "[{name: ../a, path: /x}]", "[{name: [a], path: /x}]", "[{name: a, path: 5}]", "[{name: a, path: null}]",
    "[{name: a, path: ''}]", "[{name: a, path: x.db}]", "[{name: a, path: ~nosuchuser/x.db}]",
    "[{name: a, path: [/x]}]", "[{name: a, path: \"/x\\0y\"}]", "[{name: a, path: /x}, {name: a, path: /y}]",
    "[{name: a, path: /x, rows: 5}]", "[{name: a, path: /x, rows: [t]}]", "[{name: a, path: /x, rows: {t: -1}}]",
    "[{name: a, path: /x, rows: {t: x}}]", "[{name: a, path: /x, rows: {t.u: x}}]",
    "[{name: a, path: /x, rows: {2020: 5}}]", "[{name: a, path: /x, rows: {t: 1.5}}]",
    "[{name: a, path: /x, rows: {t: null}}]", "[{name: a, path: /x, rows: {null: 1}}]",
    "[{name: a, path: /x, probe: 5}]", "[{name: a, path: /x, prob: ls}]",
]  # fmt: skip
STORES = [
    "null", "3", "text", "[]", "{url: null}", "{url: ''}", "{url: 5}", "{url: [x]}", "{url: {a: b}}",
    "{url: 'ftp://x/y'}", "{url: 'file://host/x'}", "{url: 'file:relative'}", "{url: 'file:///'}",
    "{url: 'file:///a%00b'}", "{url: 'https://[x'}", "{url: 'https://[::1/c'}", "{url: 'https://a:b/c'}",
    "{url: 'http://example.org/c'}", "{url: 'https://a.blob.core.windows.net'}", "{url: 'https://u:p@a.net/c'}",
    "{url: 'https://a.net/c?sig=x'}", "{ulr: 'file:///tmp/x'}", "{url: 'file:///tmp/x', prefix: ../up}",
    "{url: 'file:///tmp/x', prefix: ''}", "{url: 'file:///tmp/x', prefix: 5}", "{url: 'https://a.net:99999/c'}",
]  # fmt: skip
OTHERS = [
    "azure: 3", "azure: []", "azure: {vm: 5}", "azure: {vm: [a, a]}", "azure: {vm: [5]}", "azure: {vm: ''}",
    "azure: {cloud: mars}", "azure: {cloud: custom}", "azure: {endpoints: {graph: 'https://x'}}",
    "azure: {endpoints: []}", "azure: {tenant: 5}", "azure: {rol: x}", "drill: {fallback: maybe}", "drill: 3",
    "drill: {host: ''}", "drill: {max_age_days: 0}", "drill: {max_age_days: .nan}", "drill: {max_age_days: .inf}",
    "drill: {max_age_days: true}", "backup: {max_age_hours: x}", "backup: [5]", "backups: {}", "run: 3", "5: 5",
]  # fmt: skip
WHOLE = [
    "[1]", "text", "3", "store: [", "a: b: c", "\tstore: x", "store: !!python/object:os.system {}", "&a [*a]",
    "store: &s {url: *s}", "%", "\x00", "- a\nb: c", "store: {url: 'file:///tmp/x', url: 5",
]  # fmt: skip
JSONS = ["", "{", "[1]", "nul", '{"store": }', '{"store": "x"}', '"x"', "[" * 100_000, "{'a': 1}"]
VARIABLES = {
    "INVOKE_DATABASES": "x", "INVOKE_DATABASES_0_NAME": "x", "INVOKE_STORE": "x", "INVOKE_STORE_URLL": "x",
    "INVOKE_STOER_URL": "x", "INVOKE_STORE_URL": "nowhere", "INVOKE_STORE_PREFIX": "..",
    "INVOKE_DRILL_FALLBACK": "maybe",
    "INVOKE_DRILL_HOST": "", "INVOKE_DRILL_MAX_AGE_DAYS": "long", "INVOKE_BACKUP_MAX_AGE_HOURS": "-1",
    "INVOKE_BACKUP_MAX_AGE_HOUR": "5", "INVOKE_AZURE_CLOUD": "mars", "INVOKE_AZURE_ENDPOINTS_ARM": "https://x",
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A configuration with one mistake: a file's content and name, or variables of the environment."""

    content: str | bytes
    name: str = "config.yaml"
    variables: dict[str, str] = field(default_factory=dict)


def yaml_cases() -> list[Case]:
    single = [f"{GOOD_STORE}\ndatabases: {databases}" for databases in DATABASES]
    single += [f"{GOOD_DATABASES}\nstore: {store}" for store in STORES]
    single += [f"{GOOD_STORE}\n{GOOD_DATABASES}\n{other}" for other in OTHERS]
    return [Case(content) for content in [*single, *WHOLE]]


CASES = [
    *yaml_cases(),
    *(Case(content, "config.json") for content in JSONS),
    Case(b"\xff\xfe\x00", "config.yaml"),
    Case(b"\xff\xfe\x00", "config.json"),
    Case("import nothing_of_this_name", "config.py"),
    Case("1 +", "config.py"),
    Case("x", "config.toml"),
    Case("x", "config"),
]


def run(command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **environment}
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=environment)


def invoke(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_invoke(*arguments, environment=environment)


def assert_told(told: str, code: int, case: object = None) -> None:
    assert "Traceback" not in told, (case, told)
    assert code == 2, (case, told)
    assert errors_told(told).startswith("✗ "), (case, told)
    assert len(told) < 1000, "the whole configuration is no help"


# One process reads all of `invoke` once, and a fork of it each configuration.
FORKS = """
import json, os, sys, traceback
from invoke.main import program
import tasks
def run(path):
    sys.argv = ["invoke", "-f", path, "backup.list"]
    try:
        program.run()
    except SystemExit as end:
        return end.code
    except BaseException:
        try:
            sys.excepthook(*sys.exc_info())
        except SystemExit as end:
            return end.code
        return 1
ends = {}
for path in sys.argv[1:]:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(writer, 2)
        code = run(path)
        sys.stderr.flush()
        os._exit(code or 0)
    os.close(writer)
    with open(reader, errors="replace") as told:
        text = told.read()
    ends[path] = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text]
print(json.dumps(ends))
"""


def test_every_file_with_a_mistake_ends_with_2(tmp_path: Path) -> None:
    assert len(CASES) + len(VARIABLES) >= 88
    paths = {str(tmp_path / f"{number}-{case.name}"): case for number, case in enumerate(CASES)}
    for path, case in paths.items():
        Path(path).write_bytes(case.content.encode() if isinstance(case.content, str) else case.content)

    done = run([sys.executable, "-c", FORKS, *paths])

    assert done.returncode == 0, done.stderr
    ends = json.loads(done.stdout.splitlines()[-1])
    assert len(ends) == len(CASES)
    for path, (code, told) in ends.items():
        assert_told(told, code, paths[path])


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_with_a_mistake_ends_with_2(name: str) -> None:
    done = invoke("backup.list", **{name: VARIABLES[name]})

    assert_told(done.stderr, done.returncode)
    assert simplified(name.removeprefix("INVOKE_")) in simplified(done.stderr)


def simplified(text: str) -> str:
    """Without what is written differently in a variable's name and in a key's path."""
    return text.lower().replace("_", "").replace(".", "")


@pytest.mark.parametrize("kind", ["missing", "folder", "unreadable"])
def test_a_file_that_cannot_be_read_ends_with_2(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "unreadable":
        path.symlink_to(path)

    done = invoke("-f", str(path), "backup.list")

    assert_told(done.stderr, done.returncode)


def test_the_home_folders_file_is_told_alike(tmp_path: Path) -> None:
    (tmp_path / ".invoke.yaml").write_text("databases: {a: b}")

    done = invoke("backup.list", HOME=str(tmp_path))

    assert_told(done.stderr, done.returncode)


@pytest.mark.parametrize(
    ("variable", "value", "found"),
    [
        ("INVOKE_DRILL_FALLBACK", "false", "False"),
        ("INVOKE_DRILL_FALLBACK", "0", "False"),
        ("INVOKE_DRILL_FALLBACK", "TRUE", "True"),
        ("INVOKE_BACKUP_MAX_AGE_HOURS", "7.5", "7.5"),
        ("INVOKE_BACKUP_MAX_AGE_HOURS", "7", "7.0"),
        ("INVOKE_AZURE_TENANT", "5", "'5'"),
        ("INVOKE_AZURE_VM", "one", "'one'"),
        ("INVOKE_STORE_PREFIX", "2020", "'2020'"),
    ],
)
def test_a_variable_is_read_by_the_type_of_its_key(variable: str, value: str, found: str, tmp_path: Path) -> None:
    assert read_back(tmp_path, variable, value) == found


def test_a_file_given_with_f_is_above_a_variable(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("drill: {fallback: true}")

    assert read_back(tmp_path, "INVOKE_DRILL_FALLBACK", "false", "-f", str(path)) == "True"
    path.write_text("drill: {host: here}")
    assert read_back(tmp_path, "INVOKE_DRILL_FALLBACK", "false", "-f", str(path)) == "False"


def read_back(home: Path, variable: str, value: str, *arguments: str) -> str:
    """What a command finds in its settings at the key of this variable."""
    (home / ".invoke.yaml").write_text(f"{GOOD_STORE}\n{GOOD_DATABASES}\nbackup: {{max_age_hours: 5}}\n")
    _, section, key = variable.lower().split("_", 2)
    program = f"""
import sys
from invoke.collection import Collection
from invoke.main import program
from local.command_line.command import collect, command
@command("show")
def show(invocation):
    print(repr(invocation.settings.{section}.{key}))
    return 0
program.namespace = collect((show,))
program.run({["invoke", *arguments, "show"]!r})
"""
    done = run([sys.executable, "-c", program], **{variable: value, "HOME": str(home)})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A sound configuration that anybody may read."""
    import sqlite3
    from contextlib import closing

    folder = tmp_path / "good"
    (folder / "store").mkdir(parents=True)
    with closing(sqlite3.connect(folder / "a.db")) as connection:
        connection.execute("CREATE TABLE t (a)")
    config = folder / "config.yaml"
    config.write_text(
        f"store: {{url: '{(folder / 'store').as_uri()}'}}\ndatabases: [{{name: a, path: {folder / 'a.db'}}}]\n"
    )
    return config


@pytest.mark.parametrize(
    ("kind", "command"),
    crossed(["a file", "below a file", "a loop", "too long", "dangling"], ["backup", "backup --check"]),
)
def test_a_cache_folder_that_is_none_ends_with_2(kind: str, command: str, good: Path, tmp_path: Path) -> None:
    path = tmp_path / "own-cache"
    if kind == "too long":
        path = tmp_path / ("x" * 300)
    elif kind == "a loop":
        path.symlink_to(path)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "file/nowhere")
        (tmp_path / "file").write_text("")
    else:
        path.write_text("")
        path = path / "below" if kind == "below a file" else path

    done = invoke("-f", str(good), *command.split(), XDG_CACHE_HOME=str(path))

    assert_told(done.stderr, done.returncode)
    assert "XDG_CACHE_HOME" in done.stderr


def test_the_demo_without_a_folder_for_temporary_files_is_told(tmp_path: Path) -> None:
    program = """
import tempfile, sys
tempfile.tempdir = sys.argv.pop()
from invoke.main import program
program.run()
"""
    (tmp_path / "file").write_text("")

    done = run([sys.executable, "-c", program, "demo", str(tmp_path / "file")])

    assert_told(done.stderr, done.returncode)


# Root writes everywhere by one capability, which is dropped here for good; PR_CAPBSET_DROP, CAP_DAC_OVERRIDE.
WITHOUT_OVERRIDE = """
import ctypes, os, sys
if os.getuid() == 0 and ctypes.CDLL(None, use_errno=True).prctl(24, 1, 0, 0, 0):
    sys.exit(os.strerror(ctypes.get_errno()))
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_cache_folder_that_this_user_may_not_write_is_told(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache-of-another"
    folder.mkdir(mode=0o555)
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)

    command = [sys.executable, "-m", "invoke", "-f", str(good), "backup"]

    done = run([sys.executable, "-c", WITHOUT_OVERRIDE, *command], XDG_CACHE_HOME=str(folder))

    assert_told(done.stderr, done.returncode)
    assert "Permission denied" in done.stderr
