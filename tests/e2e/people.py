"""What people do in the web client, by the names that its pages give to their parts."""

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.e2e.chromium import eventually, new_page

PASSWORD = "correct horse battery"
TIMEOUT = 20_000


class Person:
    """Somebody at a page. ``part`` finds a part of it by its ``data-testid``."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self._url = url
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def part(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    async def goto(self, path: str) -> None:
        await self.page.goto(self._url + path)

    async def sign_up(self, name: str) -> None:
        """Make an account; it is signed in at once."""
        await self.goto("/signup")
        await self.part("signup-username").fill(name)
        await self.part("signup-email").fill(_email(name))
        await self.part("signup-password").fill(PASSWORD)
        await self.part("signup-submit").click()
        await expect(self.part("home")).to_be_visible(timeout=TIMEOUT)

    async def sign_out(self) -> None:
        await self.part("signout").click()
        await expect(self.part("signout")).to_have_count(0)

    async def sign_in(self, name: str) -> None:
        await self.goto("/signin")
        await self.part("signin-email").fill(_email(name))
        await self.part("signin-password").fill(PASSWORD)
        await self.part("signin-submit").click()
        await expect(self.part("home")).to_be_visible(timeout=TIMEOUT)

    async def is_live(self, page_name: str) -> None:
        """Hold until the page of the lecture is there, connected, with its board loaded."""
        await expect(self.part(page_name)).to_be_visible(timeout=TIMEOUT)
        await expect(self.part("connection-state")).to_have_attribute(
            "data-state", "online", timeout=TIMEOUT
        )

    async def sees_end(self) -> None:
        await expect(self.part("ended")).to_be_visible(timeout=TIMEOUT)

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        found: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return found

    async def draw(self, points: list[tuple[float, float]]) -> None:
        """Draw a free-hand stroke through points given as shares of the board's size."""
        canvas = self.page.locator("canvas.interactive")
        box = await canvas.bounding_box()
        assert box is not None
        await self.page.locator('[data-testid="toolbar-freedraw"]').dispatch_event("click")
        places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
        await self.page.mouse.move(*places[0])
        await self.page.mouse.down()
        for place in places[1:]:
            await self.page.mouse.move(*place, steps=8)
        await self.page.mouse.up()


class Presenter(Person):
    async def create_lecture(self, title: str) -> tuple[str, str]:
        """Create a lecture; return its code and link."""
        await self.part("create-title").fill(title)
        await self.part("create-submit").click()
        card = self.part("open-lecture").filter(has_text=title)
        await expect(card).to_be_visible(timeout=TIMEOUT)
        code = await card.get_attribute("data-code")
        assert code is not None
        assert await card.get_by_test_id("lecture-code").inner_text() == code
        link = await card.get_by_test_id("copy-link").get_attribute("data-link")
        assert link is not None
        return code, link

    async def open_lobby(self, code: str) -> None:
        """Go to the lobby; choose the fake microphone and camera."""
        await self.goto(f"/present/{code}")
        await expect(self.part("lobby")).to_be_visible(timeout=TIMEOUT)
        await self.part("mic-select").select_option("default")
        await self.part("camera-select").select_option("default")
        await expect(self.part("camera-preview")).to_be_visible(timeout=TIMEOUT)

    async def start(self) -> None:
        await self.part("start-lecture").click()
        await self.is_on()

    async def is_on(self) -> None:
        """Hold until this page presents and can draw."""
        await self.is_live("presenter-live")
        await expect(self.part("connection-state")).to_have_attribute(
            "data-media", "connected", timeout=TIMEOUT
        )
        await expect(self.page.locator("canvas.interactive")).to_be_visible(timeout=TIMEOUT)

    async def has_listeners(self, count: int) -> None:
        await expect(self.part("listeners")).to_have_attribute(
            "data-count", str(count), timeout=TIMEOUT
        )

    def question(self, text: str) -> Locator:
        return self.part("question-item").filter(has_text=text)

    async def tick(self, text: str) -> None:
        await self.question(text).get_by_test_id("question-solve").click()
        await expect(self.question(text)).to_have_count(0, timeout=TIMEOUT)

    async def end(self) -> None:
        await self.part("end-lecture").click()
        await self.part("end-confirm").click()
        await self.sees_end()


class Participant(Person):
    async def enter(self, code: str) -> None:
        """Type the code on the first page."""
        await self.goto("/")
        await self.part("join-code").fill(code)
        await self.part("join-submit").click()

    async def is_in(self) -> None:
        await self.is_live("participant-live")

    async def sees_strokes(self, count: int) -> None:
        """Hold until the board has so many elements, and something is painted."""
        await expect(self.part("board-view")).to_have_attribute(
            "data-elements", str(count), timeout=TIMEOUT
        )

        async def painted() -> bool:
            return bool(await self.page.evaluate(_INK))

        await eventually("the board shows ink", painted)

    async def ink_reaches(self, x: float) -> None:
        """Hold until ink is painted at this share of the board's width (the presenter's board is
        as wide as this one, so a stroke ends where the presenter ended it)."""
        await eventually(f"ink at {x:.0%} of the width", lambda: self._has_ink_at(x))

    async def _has_ink_at(self, x: float) -> bool:
        return bool(await self.page.evaluate(_INK_AT, x))

    async def ask(self, text: str) -> None:
        await self.part("ask-input").fill(text)
        await self.part("ask-send").click()
        await self.question_is(text, "sent")

    async def question_is(self, text: str, state: str) -> None:
        own = self.part("own-question").filter(has_text=text)
        await expect(own).to_have_attribute("data-state", state, timeout=TIMEOUT)


_INK = """() => {
    const canvas = document.querySelector("[data-testid=board-view] canvas.static");
    if (!canvas || !canvas.width || !canvas.height) return 0;
    const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    let ink = 0;
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] > 0 && data[at] < 128 && data[at + 1] < 128 && data[at + 2] < 128) ink++;
    }
    return ink;
}"""

_INK_AT = """share => {
    const canvas = document.querySelector("[data-testid=board-view] canvas.static");
    const left = Math.floor(canvas.width * share);
    const {data} = canvas.getContext("2d").getImageData(left - 3, 0, 6, canvas.height);
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] > 0 && data[at] < 128) return true;
    }
    return false;
}"""


def _email(name: str) -> str:
    return f"{name.lower().replace(' ', '.')}@example.org"


async def presenter(browser: Browser, url: str, **options: object) -> Presenter:
    """Open a page for a presenter, in a profile of its own."""
    return Presenter(await new_page(browser, **options), url)


async def participant(browser: Browser, url: str, **options: object) -> Participant:
    """Open a page for a participant, in a profile of its own."""
    return Participant(await new_page(browser, **options), url)


async def presenter_in(context: BrowserContext, url: str) -> Presenter:
    """Open another page of the same presenter."""
    return Presenter(await context.new_page(), url)
