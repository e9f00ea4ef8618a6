from __future__ import annotations

from pathlib import Path

import pytest

from local.command_line.key_lines import Trace, follow

YAML = """\
store:
  url: x
databases:
  - name: a
    rows:
      t: 1
      t.u: 2
  - {name: b,
     rows: {"a[0]": 5}}
"a.b": 3
"""


@pytest.mark.parametrize(
    ("keys", "rest", "line"),
    [
        ("store", "", 1),
        ("store.url", "", 2),
        ("store.prefix", ".prefix", 1),
        ("stores", "stores", None),
        ("databases", "", 3),
        ("databases[0].rows.t", "", 6),
        ("databases[0].rows.t.u", "", 7),
        ("databases[1]", "", 8),
        ("databases[1].rows.a[0]", "", 9),
        ("databases[2].name", "[2].name", 3),
        ("a.b", "", 10),
        ("", "", None),
    ],
)
def test_a_path_leads_to_the_line_of_its_last_key(keys: str, rest: str, line: int | None, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(YAML)

    assert follow(path, keys) == Trace(rest, line)


def test_a_file_that_does_not_read_any_more_has_no_line(tmp_path: Path) -> None:
    assert follow(tmp_path / "gone.yaml", "store") == Trace("store")
    (tmp_path / "bad.yaml").write_text("store: [")
    assert follow(tmp_path / "bad.yaml", "store") == Trace("store")
    (tmp_path / "mine.py").write_text("store = 1")
    assert follow(tmp_path / "mine.py", "store") == Trace("store")
