"""Whatever an archive is put together from, the steps make exactly its bytes; and no list of blocks grows for ever."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.store.azure_blocks import (
    BLOCK_BYTES,
    JOIN_FROM_BLOCKS,
    SPLICE_FROM_BYTES,
    BaseBlock,
    BlockAssembler,
    Keep,
    Splice,
    Stage,
    Step,
    base_blocks,
)
from tests.support.block_history import History, in_small

# Azure takes no more blocks in one blob (https://learn.microsoft.com/rest/api/storageservices/put-block-list).
BLOCKS_MAX = 50_000
KIB = 1024
MIB = 1024 * KIB


def carried_out(steps: Sequence[Step], base: bytes, blocks: Sequence[BaseBlock]) -> bytes:
    """What Azure makes of the steps: whole blocks by their names, parts of the blob, new bytes."""
    whole = {block.id: base[block.offset : block.offset + block.size] for block in blocks if block.id}
    made = b""
    for step in steps:
        match step:
            case Keep(name):
                made += whole[name]
            case Stage(data):
                made += data
            case Splice(offset, data):
                assert base[offset : offset + len(data)] == data, "the service would make another block"
                assert len(data) <= 2 * BLOCK_BYTES
                made += data
    return made


def listed(sizes: Sequence[int]) -> list[tuple[str, int]]:
    return [(f"block {number}", size) for number, size in enumerate(sizes)]


SIZES = st.sampled_from([1, 500, 4 * KIB, SPLICE_FROM_BYTES - 1, SPLICE_FROM_BYTES, 100 * KIB, 300 * KIB])
PIECES = st.lists(st.tuples(st.booleans(), st.integers(0, 10**9), SIZES), max_size=40)


@given(st.lists(SIZES, max_size=12), PIECES)
@settings(deadline=None)
def test_the_steps_make_exactly_the_bytes_that_were_told(sizes: list[int], pieces: list[tuple[bool, int, int]]) -> None:
    base = random.Random(1).randbytes(sum(sizes))
    blocks = base_blocks(listed(sizes))
    assembler = BlockAssembler(blocks)
    new = random.Random(2)
    told, steps = b"", []

    for is_new, place, size in pieces:
        if is_new or not base:
            data = new.randbytes(size)
            steps += assembler.send(data)
        else:
            offset = place % len(base)
            data = base[offset : offset + size]
            steps += assembler.reuse(offset, data)
        told += data
    steps += assembler.finish()

    assert carried_out(steps, base, blocks) == told


@given(st.lists(SIZES, min_size=1, max_size=30), st.data())
@settings(deadline=None)
def test_what_stands_in_a_row_is_kept_whole_however_it_is_told(sizes: list[int], data: st.DataObject) -> None:
    base = random.Random(3).randbytes(sum(sizes))
    blocks = base_blocks(listed(sizes))
    assembler = BlockAssembler(blocks)
    steps, at = [], 0

    while at < len(base):
        count = data.draw(st.sampled_from([700, 10 * KIB, 200 * KIB, len(base)]))
        steps += assembler.reuse(at, base[at : at + count])
        at += count
    steps += assembler.finish()

    assert steps == [Keep(block.id) for block in blocks if block.id]


def test_bytes_beyond_the_blob_are_sent() -> None:
    assembler = BlockAssembler(base_blocks([("a", 10)]))

    assert [*assembler.reuse(5, b"0123456789"), *assembler.finish()] == [Stage(b"0123456789")]


def test_without_a_blob_everything_is_sent() -> None:
    assembler = BlockAssembler([])

    assert [*assembler.reuse(0, b"01"), *assembler.send(b"2"), *assembler.finish()] == [Stage(b"012")]


def test_a_part_that_costs_less_than_a_request_is_sent_with_what_is_new() -> None:
    assembler = BlockAssembler(base_blocks([("a", 200 * KIB)]))

    steps = assembler.send(b"new") + assembler.reuse(0, bytes(SPLICE_FROM_BYTES - 1)) + assembler.send(b"er")

    assert [*steps, *assembler.finish()] == [Stage(b"new" + bytes(SPLICE_FROM_BYTES - 1) + b"er")]


def test_a_larger_part_is_spliced() -> None:
    assembler = BlockAssembler(base_blocks([("a", 200 * KIB)]))

    steps = assembler.reuse(100, bytes(SPLICE_FROM_BYTES)) + assembler.finish()

    assert steps == [Splice(100, bytes(SPLICE_FROM_BYTES))]


@pytest.mark.parametrize("size", [BLOCK_BYTES + 1, 100 * MIB, 4000 * MIB])
def test_a_huge_block_of_another_tool_is_cut(size: int) -> None:
    blocks = base_blocks([("a", size)])

    assert sum(block.size for block in blocks) == size
    assert max(block.size for block in blocks) <= 2 * BLOCK_BYTES


def test_a_long_list_of_small_blocks_is_joined_between_two_changes() -> None:
    for count, is_long in ((JOIN_FROM_BLOCKS, False), (JOIN_FROM_BLOCKS + 1, True)):
        assembler = BlockAssembler(base_blocks(listed([8 * KIB] * count)))

        steps = assembler.reuse(0, bytes(100 * 8 * KIB)) + assembler.send(b"new") + assembler.finish()

        assert len(steps) == (2 if is_long else 101)
        assert isinstance(steps[0], Splice) == is_long


def test_two_blocks_between_what_changes_each_time_stay_two_in_a_long_list() -> None:
    assembler = BlockAssembler(base_blocks(listed([8 * KIB] * (JOIN_FROM_BLOCKS + 1))))

    steps = assembler.send(b"new") + assembler.reuse(0, bytes(16 * KIB)) + assembler.send(b"new")

    assert [step for step in steps if not isinstance(step, Stage)] == [Keep("block 0"), Keep("block 1")]


def test_a_part_and_its_small_neighbours_become_one_block_by_one_request() -> None:
    assembler = BlockAssembler(base_blocks(listed([30 * KIB, 60 * KIB, 30 * KIB, MIB])))

    steps = assembler.send(b"new") + assembler.reuse(20 * KIB, bytes(90 * KIB)) + assembler.send(b"new")

    assert steps == [Stage(b"new"), Splice(20 * KIB, bytes(90 * KIB))]


def test_a_part_beside_a_large_block_leaves_it_as_it_is() -> None:
    assembler = BlockAssembler(base_blocks(listed([30 * KIB, MIB])))

    assert [*assembler.reuse(20 * KIB, bytes(10 * KIB + MIB)), *assembler.finish()] == [
        Splice(20 * KIB, bytes(10 * KIB)),
        Keep("block 1"),
    ]


def test_a_gigabyte_of_which_250_places_change_each_run_keeps_a_short_list(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = 64
    in_small(monkeypatch, scale)
    places = random.Random(4)
    history = History()
    member = 32 * KIB // scale
    history.run([], member, 320 * MIB // scale)

    for _ in range(100):
        history.run([places.randrange(history.size // member) * member for _ in range(250)], member, 0)

        assert len(history.blocks) < 10_000
        assert history.requests <= 2_500
        assert history.sent < 1.2 * 250 * member

    assert history.requests < 550
    assert history.spliced < 40 * MIB // scale


def test_a_run_that_changes_thousands_of_places_makes_few_requests_and_sends_the_shortest_ways_between_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scale = 64
    in_small(monkeypatch, scale)
    places = random.Random(6)
    history = History()
    history.run([], 32 * KIB // scale, 320 * MIB // scale)

    for _ in range(4):
        history.run([places.randrange(history.size) for _ in range(2_400)], 32 * KIB // scale, 0)

        assert len(history.blocks) < 10_000
        assert history.requests <= 2_500
        assert history.sent < 1.8 * 2_400 * 32 * KIB // scale


def test_where_the_same_places_change_in_each_run_hardly_anything_else_is_sent_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scale = 64
    in_small(monkeypatch, scale)
    history = History()
    history.run([], 32 * KIB // scale, 320 * MIB // scale)
    hot = [place * 140 * KIB // scale for place in range(2_200)]

    for _ in range(8):
        history.run(hot, 6 * KIB // scale, 0)
        assert history.requests <= 2_500

    # Where a place ends shortly before a block does, the few bytes between them cost less than a request.
    assert history.sent <= 1.001 * len(hot) * (6 * KIB // scale)
    assert len(history.blocks) < 10_000


@pytest.mark.long
def test_a_year_of_growth_to_100_gb_passes_no_limit_of_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    scale = 4096
    in_small(monkeypatch, scale)
    places = random.Random(5)
    history = History()
    history.run([], 32 * KIB // scale, 4096 * MIB // scale)

    for _ in range(40):
        history.run([places.randrange(history.size) for _ in range(8_000)], 32 * KIB // scale, 2500 * MIB // scale)

        assert len(history.blocks) <= BLOCKS_MAX
    assert history.size * scale > 100e9


def test_a_run_that_changes_everything_here_and_there_passes_no_limit_of_azure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scale = 4096
    in_small(monkeypatch, scale)
    history = History()
    history.run([], 32 * KIB // scale, 95_000 * MIB // scale)

    for start in (0, 50):
        history.run(range(start, history.size, 500), 32 * KIB // scale, 0)

        assert len(history.blocks) <= BLOCKS_MAX
