"""The pure parts of the benchmark: figures, tables, the plot, the counting of requests."""

from __future__ import annotations

import os
import random
import sys
from xml.etree import ElementTree

import pytest

from local.archive.chunks import SMALL_BYTES
from local.errors import ConfigError, PillarError
from tests.bench import part_backup, part_blocks, plot, run, table
from tests.bench.part_requests import Counted, count
from tests.bench.part_writer import Latency, latency
from tests.bench.table import Found, Speedup, Spread, Table
from tests.bench.workbench import Sample, Workbench


def test_figures_keep_three_digits_or_so() -> None:
    assert (table.seconds(2.314), table.seconds(85.24)) == ("2.31 s", "85.2 s")
    assert (table.times(9.876), table.times(41.23)) == ("9.88 x", "41.2 x")
    assert (table.share(0.123), table.share(0.0512), table.share(0.00012)) == ("12.3 %", "5.12 %", "0.0120 %")
    assert (table.counted(1, "round"), table.counted(3, "round")) == ("1 round", "3 rounds")
    assert (table.size(999), table.size(1_500_000), table.size(310e6)) == ("999 B", "1.50 MB", "310 MB")


def test_a_bar_says_whether_it_was_met() -> None:
    assert table.at_least(10.0, 10) == ">= 10 x: met"
    assert table.at_least(9.99, 10) == ">= 10 x: MISSED"
    assert table.at_most(0.0601, 0.06, "%") == "<= 6 %: MISSED"
    assert table.at_most(3999, 4000, "") == "<= 4000: met"


def test_markdown_columns_line_up() -> None:
    text = table.markdown(Table("T", "A note.", ("run", "s"), (("first", "1"), ("x", "100"))), cores=2)
    assert text == "## T\n\n| run   |   s |\n| ----- | --: |\n| first |   1 |\n| x     | 100 |\n\nA note. Cores: 2.\n"


def test_sizes_are_decimal_and_anything_else_is_refused() -> None:
    assert [run.parse_size(text) for text in ("1GB", "30MB", "1.5 GB")] == [10**9, 30 * 10**6, 15 * 10**8]
    for wrong in ("1", "1GiB", "GB", "-1GB", "10kB", ""):
        with pytest.raises(ConfigError, match="--size"):
            run.parse_size(wrong)


def test_the_command_line_is_the_one_that_was_asked_for() -> None:
    assert run.command_line("1GB", 3, (), False) == "invoke bench --size 1GB --rounds 3"
    assert run.command_line("30MB", 1, ("list", "drill"), True) == (
        "invoke bench --size 30MB --rounds 1 --part list --part drill --write"
    )


def test_an_unknown_part_is_refused_before_anything_is_built() -> None:
    with pytest.raises(ConfigError, match="--part: 'lisst' is none"):
        run.main("1MB", 1, ("lisst",))


def test_a_page_that_would_lack_parts_is_not_written() -> None:
    with pytest.raises(ConfigError, match="--write"):
        run.main("1MB", 1, ("list",), write=True)


def test_a_run_that_is_cut_short_keeps_what_it_has_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured(_: Workbench) -> Found:
        return Found((Table("The first part", "A note.", ("run",), (("one",),)),))

    def fails(_: Workbench) -> Found:
        raise PillarError("bench: the second part", "it failed")

    monkeypatch.setattr(run, "PARTS", {"first": measured, "second": fails, "third": measured})
    with pytest.raises(PillarError, match="it failed"):
        run.main("1MB", 1)
    page = capsys.readouterr().out
    assert "It was cut short and lacks second, third." in page
    assert page.count("## The first part") == 1
    assert f"Cores: {len(os.sched_getaffinity(0)) if sys.platform == 'linux' else os.cpu_count()}." in page


def test_the_bytes_sent_are_held_to_their_bar_in_every_run() -> None:
    samples = tuple(Sample(0, 1.0, sent, 1_000, 3_000, read=True) for sent in (0, 50, 60))
    line = part_backup.Line("a line", samples, None, 0.055)
    assert part_backup.sent_columns(line) == ("50 B", "5.00 %", "<= 5.5 %: MISSED")


def test_percentiles_are_those_of_the_commits_that_ended_in_the_span() -> None:
    commits = [(0.5, 99.0), *((1 + index / 100, float(index)) for index in range(1, 101)), (1.5, -1.0), (5.0, 99.0)]
    assert latency(commits, 1.0, 2.0) == Latency(100, 1, 50.0, 99.0, 100.0)


def test_requests_and_their_bodies_are_counted_from_azurites_log() -> None:
    log = (
        "2026-05-05T10:00:00.000Z id info: BlobStorageContextMiddleware: RequestMethod=PUT "
        'RequestURL=http://127.0.0.1/a/c/b?comp=block RequestHeaders:{"content-length":"1200",'
        '"user-agent":"azsdk-python-storage-blob/12.28.0 Python/3.11.7"} ClientIP=::1 P',
        "2026-05-05T10:00:00.001Z id verbose: DispatchMiddleware: Dispatching request...",
        "2026-05-05T10:00:00.002Z id info: BlobStorageContextMiddleware: RequestMethod=GET "
        'RequestURL=http://127.0.0.1/a/c RequestHeaders:{"user-agent":"azsdk-python"} ClientIP=127.0.0.1 P',
        "2026-05-05T10:00:00.003Z id info: BlobStorageContextMiddleware: RequestMethod=GET "
        'RequestURL=http://127.0.0.1/a/c/b RequestHeaders:{"user-agent":"axios/0.27.2"} ClientIP=127.0.0.1 P',
    )
    assert count(log) == Counted(2, 1200), "the last one is the service's own, of a range to copy"


def test_the_plot_is_well_formed_and_says_every_label() -> None:
    drawn = plot.svg(
        [Speedup("first & only", 12.3, 10), Speedup("slower", 0.5, None)],
        [Spread(0.0001, 0.004), Spread(0.05, 0.6)],
        "sub",
    )
    root = ElementTree.fromstring(drawn)
    said = [element.text for element in root.iter() if element.text]
    assert {"first & only", "12.3 x", "slower", "0.50 x", "60.0 %"} <= set(said)


def test_the_plot_leaves_out_a_panel_without_data() -> None:
    assert "<polyline" not in plot.svg([Speedup("first", 12.0, None)], [], "sub")
    assert "Times faster" not in plot.svg([], [Spread(0.01, 0.2)], "sub")


def test_a_logarithmic_axis_encloses_its_values() -> None:
    assert plot.decades([1.0, 42.0]) == [0, 1, 2]
    assert plot.decades([0.0001, 0.05]) == [-4, -3, -2, -1]
    assert plot.position(10.0, [0, 1, 2], 100, 300) == 200


def test_a_hundred_runs_of_a_small_blob_are_reckoned_to_a_list_of_its_members_at_most() -> None:
    runs = list(part_blocks.reckoned(10_000_000, "random", 0.01, random.Random(1)))

    assert [one.run for one in runs] == list(range(1, part_blocks.RUNS + 1))
    assert 10 < runs[-1].blocks <= 10_000_000 / SMALL_BYTES + 1
    assert all(one.requests <= 2 * 25 + 1 for one in runs)
