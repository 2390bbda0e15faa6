"""Element boards: the digests that every client must make alike, and who may draw."""

import json
from pathlib import Path

import pytest

from app.whiteboard.model import EMPTY_HASH, Clear, Delete, Drawing, Put, digest, state_hash
from app.whiteboard.store import arguments
from tests.board_replica import board_hash, words

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "board_hash.json").read_text())


@pytest.mark.parametrize("vector", VECTORS["elements"], ids=lambda v: v["digest"])
def test_digests_are_those_of_the_protocol_page(vector: dict[str, object]) -> None:
    first, second = digest(vector["id"], vector["version"], vector["versionNonce"])  # type: ignore[arg-type]
    assert f"{first:08x}{second:08x}" == vector["digest"]
    assert words(vector) == (first, second)


@pytest.mark.parametrize("vector", VECTORS["boards"], ids=lambda v: v["hash"])
def test_a_boards_hash_is_the_sum_in_any_order(vector: dict[str, list[int]]) -> None:
    chosen = [VECTORS["elements"][number] for number in vector["elements"]]
    digests = [digest(e["id"], e["version"], e["versionNonce"]) for e in chosen]
    sums = (sum(first for first, _ in digests), sum(second for _, second in digests))
    assert state_hash(*sums) == board_hash(chosen) == vector["hash"]


def test_an_empty_boards_hash_is_zero() -> None:
    assert state_hash(0, 0) == EMPTY_HASH


def test_operations_become_eight_arguments_each() -> None:
    put = Put("a", 1, 0, 2, b'{"id":"a"}')
    assert arguments(put) == ("put", "a", 1, 0, *digest("a", 1, 0), 2, b'{"id":"a"}')
    assert arguments(Delete("a", 3))[-1] == '{"del":"a","version":3}'
    assert arguments(Clear())[-2:] == ("", '{"clear":true}')
    assert arguments(Clear(0))[-2:] == (0, '{"clear":true,"page":0}')
    assert {len(arguments(op)) for op in (put, Delete("a", 3), Clear(), Clear(0))} == {8}


def test_the_presenter_says_who_may_draw() -> None:
    assert not Drawing().lets("sam@example.org")
    assert Drawing("everyone").lets("sam@example.org")
    assert Drawing("list", ("sam@example.org",)).lets("sam@example.org")
    assert not Drawing("list", ("sam@example.org",)).lets("eve@example.org")
