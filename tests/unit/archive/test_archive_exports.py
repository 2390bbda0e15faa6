"""Questions as files that other programs open."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.archive.exports import BOM, clock, harmless, questions_csv, questions_json


def question(**more: Any) -> dict[str, Any]:
    return {
        "seq": 1,
        "questionId": "q",
        "at": 3_723_900,
        "content": "why?",
        "name": "Sam",
        "anonymous": False,
        "votes": 2,
        "solvedAt": None,
        "answer": None,
        "erased": False,
        "memberId": "m",
        "shown": "visible",
        **more,
    }


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix(BOM), newline="")))


def test_a_question_with_everything_in_it() -> None:
    answer = {"content": 'so, "yes"\nor no', "name": "Ada", "at": 5}
    text = "".join(
        questions_csv(
            [question(content="파동, why?", answer=answer, solvedAt=4_000)], for_owner=True
        )
    )
    assert text.startswith(BOM)
    assert text.endswith("\r\n")
    assert rows(text) == [
        {
            "at": "1:02:03",
            "at_ms": "3723900",
            "question": "파동, why?",
            "name": "Sam",
            "anonymous": "no",
            "votes": "2",
            "solved_at": "0:00:04",
            "answer": 'so, "yes"\nor no',
            "answered_by": "Ada",
            "member": "m",
            "shown": "visible",
        }
    ]


def test_the_class_is_given_no_more_than_it_saw() -> None:
    (row,) = rows("".join(questions_csv([question()], for_owner=False)))
    assert not {"member", "shown"} & row.keys()


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "＝1+1", "＠A"],  # noqa: RUF001
)
def test_no_cell_is_a_formula(text: str) -> None:
    hostile = question(
        content=text, name=text, memberId=text, answer={"content": text, "name": text, "at": 1}
    )
    (row,) = rows("".join(questions_csv([hostile], for_owner=True)))
    for column in ("question", "name", "answer", "answered_by", "member"):
        assert row[column] == f"'{text}", column


@given(st.text(max_size=40))
def test_a_text_is_itself_or_has_an_apostrophe_in_front(text: str) -> None:
    made = harmless(text)
    assert made in (text, f"'{text}")
    assert made[:1] not in set("=+-@\t\r\n")


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)))
def test_what_is_written_is_read(texts: list[str]) -> None:
    text = "".join(questions_csv([question(content=one) for one in texts], for_owner=False))
    assert [row["question"] for row in rows(text)] == [harmless(one) for one in texts]


def test_json_has_the_lecture_and_its_questions() -> None:
    read = json.loads(questions_json({"title": "T"}, [question(content="=1")]))
    assert (read["title"], read["questions"][0]["content"]) == ("T", "=1")


def test_a_moment_in_words() -> None:
    assert [clock(ms) for ms in (None, 0, 59_999, 36_000_000)] == ["", "0:00:00", "0:00:59",
                                                                  "10:00:00"]  # fmt: skip
