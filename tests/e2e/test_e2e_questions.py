"""Questions in the web client: votes, names withheld, approval, an assistant who answers."""

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.e2e.people import TIMEOUT, Participant, Person, participant, presenter
from tests.e2e.stack import Stack

PHONE = {"viewport": {"width": 360, "height": 740}}


def seen(person: Person, text: str) -> Locator:
    return person.part("class-question").filter(has_text=text)


async def open_questions(person: Participant) -> None:
    """On a phone, the questions are behind a tab."""
    tab = person.page.get_by_role("tab", name="Questions")
    if await tab.is_visible():
        await tab.click()


@pytest.mark.timeout(240)
async def test_a_class_asks_votes_and_is_answered(browser: Browser, stack: Stack) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Quinn Teacher")
    code, link = await teacher.create_lecture("Tides")
    await teacher.open_lobby(code)
    await teacher.start()
    tara = await participant(browser, stack.url)
    await tara.sign_up("Tara Helper")
    await tara.page.goto(link)
    sam = await participant(browser, stack.url)
    await sam.sign_up("Sam Shy")
    await sam.page.goto(link)
    phone = await participant(browser, stack.url, **PHONE)
    await phone.enter(code)
    for person in (tara, sam, phone):
        await person.is_in()

    # Asked without a name, voted for on a phone: by the keyboard, once, and taken back.
    await sam.part("ask-anonymous").check()
    await sam.ask("Why two tides a day?")
    await open_questions(phone)
    question = seen(phone, "Why two tides a day?")
    await expect(question.get_by_test_id("question-asker")).to_have_text("Anonymous")
    assert "Sam Shy" not in await phone.page.content()
    vote = question.get_by_test_id("question-vote")
    await vote.focus()
    await phone.page.keyboard.press("Enter")
    await expect(vote).to_have_attribute("aria-pressed", "true")
    await expect(teacher.question("two tides").get_by_test_id("question-votes")).to_have_text(
        "▲ 1", timeout=TIMEOUT
    )
    await expect(teacher.question("two tides").get_by_test_id("question-asker")).to_have_text(
        "Anonymous (Sam Shy)"
    )
    await seen(tara, "two tides").get_by_test_id("question-vote").click()
    await expect(question.get_by_test_id("question-votes")).to_have_text("2", timeout=TIMEOUT)
    assert await phone.overflow() <= 0
    bar = await phone.page.locator(".live > header").bounding_box()
    leave = await phone.part("leave-lecture").bounding_box()
    assert bar is not None
    assert leave is not None
    assert bar["height"] < 2 * leave["height"]  # one row, all of it in sight
    assert leave["x"] + leave["width"] <= PHONE["viewport"]["width"]

    # The presenter sorts by votes.
    await phone.ask("Is the moon far?")
    await teacher.part("question-order").select_option("votes")
    await expect(teacher.part("question-item").first).to_contain_text("two tides")

    # An assistant claims and answers; everybody reads it.
    await teacher.part("question-rules").locator("summary").click()
    await teacher.part("appoint-email").fill("tara.helper@example.org")
    await teacher.part("appoint").click()
    await expect(tara.part("assistant-badge")).to_be_visible(timeout=TIMEOUT)
    await seen(tara, "two tides").get_by_test_id("question-claim").click()
    await expect(teacher.question("two tides").get_by_test_id("question-claimed")).to_have_text(
        "Tara Helper answers", timeout=TIMEOUT
    )
    await seen(tara, "two tides").get_by_test_id("question-answer").click()
    await tara.part("answer-input").fill("The moon pulls on both sides.")
    await tara.page.keyboard.press("Enter")
    for person in (sam, phone):
        answer = seen(person, "two tides").get_by_test_id("question-answer-text")
        await expect(answer).to_contain_text("both sides", timeout=TIMEOUT)
    await sam.question_is("two tides", "answered")
    await expect(teacher.question("two tides")).to_have_count(0, timeout=TIMEOUT)

    # Nothing is seen before it is approved, nor once it is hidden.
    await teacher.part("moderation").check()
    await sam.part("ask-anonymous").uncheck()
    await sam.ask("Is this on the exam?")
    await expect(teacher.question("exam").get_by_test_id("question-approve")).to_be_visible(
        timeout=TIMEOUT
    )
    await expect(seen(phone, "exam")).to_have_count(0)
    await teacher.question("exam").get_by_test_id("question-approve").click()
    await expect(seen(phone, "exam")).to_be_visible(timeout=TIMEOUT)
    await teacher.question("exam").get_by_test_id("question-hide").click()
    await expect(seen(phone, "exam")).to_have_count(0, timeout=TIMEOUT)

    # What was answered while a page was loading is known afterwards.
    await sam.goto("/")
    await teacher.tick("exam")
    await sam.page.goto(link)
    await sam.is_in()
    await sam.question_is("exam", "answered")
    for person in (teacher, tara, sam, phone):
        assert person.errors == []
