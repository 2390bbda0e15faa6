"""One lecture from sign-up to its end, in the web client."""

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.chromium import hears_and_sees
from tests.e2e.people import TIMEOUT, participant, presenter, presenter_in
from tests.e2e.stack import Stack

ZIGZAG = [(0.3, 0.3), (0.4, 0.6), (0.5, 0.3), (0.6, 0.6)]
LINE = [(0.3, 0.75), (0.7, 0.75)]


@pytest.mark.timeout(240)
async def test_a_lecture_in_the_web_client(browser: Browser, stack: Stack) -> None:
    teacher = await presenter(browser, stack.url)
    await teacher.sign_up("Ada Teacher")
    await teacher.sign_out()
    await teacher.sign_in("Ada Teacher")
    code, link = await teacher.create_lecture("Waves")
    assert link == f"{stack.url}/join/{code}"
    await teacher.open_lobby(code)
    await teacher.start()

    guest = await participant(browser, stack.url)
    await guest.enter(code)
    student = await participant(browser, stack.url)
    await student.sign_up("Sam Student")
    await student.page.goto(link)
    everybody = {"the guest": guest, "the student": student}
    for who, person in everybody.items():
        await person.is_in()
        await hears_and_sees(person.page, who)
    await teacher.has_listeners(2)

    await teacher.draw(ZIGZAG)
    for person in everybody.values():
        await person.sees_strokes(1)

    await guest.ask("How fast is light?")
    await student.ask("And sound?")
    await expect(teacher.question("How fast is light?")).to_be_visible(timeout=TIMEOUT)
    await teacher.tick("How fast is light?")
    await guest.question_is("How fast is light?", "answered")

    # The presenter reloads: the same board, the unanswered question, and media goes on for
    # people whose pages do nothing about it.
    await teacher.page.reload()
    await teacher.is_on()
    await expect(teacher.question("And sound?")).to_be_visible(timeout=TIMEOUT)
    await expect(teacher.part("question-item")).to_have_count(1)
    for who, person in everybody.items():
        await hears_and_sees(person.page, f"{who}, after the presenter's reload")
        assert await person.page.evaluate("connections.length") == 1
    await teacher.draw(LINE)
    for person in everybody.values():
        await person.sees_strokes(2)
        await person.ink_reaches(LINE[-1][0])

    # A participant reloads.
    await guest.page.reload()
    await guest.is_in()
    await guest.sees_strokes(2)
    await guest.question_is("How fast is light?", "answered")
    await hears_and_sees(guest.page, "the guest, after its reload")
    await teacher.has_listeners(2)

    # The presenter goes, and comes back.
    context = teacher.page.context
    await teacher.page.close()
    for person in everybody.values():
        await expect(person.part("away-banner")).to_be_visible(timeout=TIMEOUT)
    await student.ask("Are you there?")
    teacher_again = await presenter_in(context, stack.url)
    await teacher_again.open_lobby(code)
    await teacher_again.start()
    await expect(teacher_again.part("question-item")).to_have_count(2, timeout=TIMEOUT)
    for who, person in everybody.items():
        await expect(person.part("away-banner")).to_have_count(0, timeout=TIMEOUT)
        await hears_and_sees(person.page, f"{who}, after the presenter's return")
        await person.sees_strokes(2)

    await teacher_again.end()
    for person in everybody.values():
        await person.sees_end()
    for person in (teacher, teacher_again, *everybody.values()):
        assert person.errors == []
    await student.goto("/home")
    await expect(student.part("past-lecture")).to_contain_text("Waves")
