"""Phones in Chromium for tests of the staff pages: a context each, with the cookies of a phone that was really paired."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response

from tests.kiosk.browser import FLAGS, HISTORY, PATIENT
from tests.kiosk.staff.process import RunningGate

CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--ignore-certificate-errors"]
SIZES = {"phone": (390, 844), "small": (480, 320), "tablet": (800, 480), "desk": (1280, 800)}
LANGUAGES = ("en", "id", "zh-Hant")
THEMES = ("light", "dark")
NO_CAMERA = "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError'); }"
_EXPECTED = ("401", "403", "404", "409", "423", "422", "429", "503", "ERR_", "WebSocket", "SSL")
"""What Chromium writes to its console of answers that the page itself understands."""
_PER_S, _SAVED = 30, 60
"""Requests of this browser a second, and how many may be owed: less than the gate allows one place."""


def flags(film: str) -> list[str]:
    """Of a browser whose camera shows that film."""
    return [*FLAGS, *CAMERA, f"--use-file-for-fake-video-capture={film}"]


class Phones:
    """Opens pages; whatever a page complains about (script, policy, dialog, missing file) is kept in `complaints`."""

    _asked = 0
    _since = time.monotonic()

    def __init__(self, browser: Browser, gate: RunningGate) -> None:
        self._browser = browser
        self._gate = gate
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []
        self.answers: list[Response] = []
        """Everything that was loaded."""

    def __call__(
        self,
        name: str | None = "sari",
        path: str = "/staff",
        size: str = "phone",
        query: str = "",
        *,
        camera: bool = False,
        login: bool = True,
        patient: bool = True,
    ) -> Page:
        """A page over TLS. `name` None: a phone that is not paired; `login` false: paired, and nobody has logged in.

        `patient` false: the page says after two seconds of silence that its gate is lost.
        """
        width, height = SIZES[size]
        context = self._browser.new_context(
            viewport={"width": width, "height": height}, has_touch=size != "desk", ignore_https_errors=True,
            permissions=["camera"] if camera else [],
        )  # fmt: skip
        self._contexts.append(context)
        context.set_default_timeout(60_000)
        if patient:
            context.add_init_script(PATIENT)
        if name is not None:
            context.add_cookies(
                [self._cookie(item) for item in self._gate.paired(name, login=login).client.cookies.jar]
            )
        context.on("request", lambda _request: self._count())
        context.on("response", lambda answer: self.answers.append(answer))
        page = context.new_page()
        self.watch(page)
        if not camera:
            page.add_init_script(NO_CAMERA)
        self._pace()
        page.goto(f"{self._gate.lan_url}{path}{query}")
        return page

    def display(self, width: int = 800, height: int = 480, *, patient: bool = True) -> Page:
        """The gate's own screen; see `shown`."""
        context = self._browser.new_context(viewport={"width": width, "height": height})
        self._contexts.append(context)
        context.set_default_timeout(60_000)
        context.add_init_script(HISTORY)
        if patient:
            context.add_init_script(PATIENT)
        page = context.new_page()
        self.watch(page)
        page.goto(self._gate.url)
        return page

    def watch(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))

    def close(self) -> None:
        for context in self._contexts:
            context.close()

    def _cookie(self, item: Any) -> Any:
        return {
            "name": item.name, "value": item.value, "url": self._gate.lan_url, "secure": True, "httpOnly": True,
            "sameSite": "Strict",
        }  # fmt: skip

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not any(word in message.text for word in _EXPECTED):
            self.complaints.append(message.text)

    # All pages of the tests come from one address, which a gate would slow down.

    @classmethod
    def _count(cls) -> None:
        Phones._asked += 1

    @classmethod
    def _pace(cls) -> None:
        while Phones._asked - (time.monotonic() - Phones._since) * _PER_S > _SAVED:
            time.sleep(0.05)


_IN_ORDER = """wanted => {
  let at = 0;
  for (const one of window.shown) if (one === wanted[at]) at += 1;
  return at === wanted.length;
}"""


def shown(display: Page, *verdicts: str) -> None:
    """Wait until a gate's screen has shown these in this order, with others between; each may be gone again."""
    display.wait_for_function(_IN_ORDER, arg=list(verdicts))


def line_is_up(page: Page) -> None:
    """Wait until the handheld has heard its gate: what happens from now on is told to it live."""
    page.wait_for_function("() => document.querySelector('staff-page')?.lane")


def scan(page: Page, text: str) -> None:
    """Scan as the page's camera would, and wait for the answer."""
    page.wait_for_selector("staff-page .nav, staff-result")
    page.evaluate("document.querySelector('staff-page').go('scan')")
    page.wait_for_selector("phone-camera")
    page.evaluate("text => document.querySelector('staff-page').scan({ text })", text)
    page.wait_for_selector("staff-result")


def verdict(page: Page) -> str:
    page.wait_for_selector("staff-result .verdict")
    return str(page.get_attribute("staff-result .verdict", "data-verdict"))


def press_pin(page: Page, pin: str, pad: str = "pin-pad") -> None:
    for digit in pin:
        page.locator(pad).get_by_role("button", name=digit, exact=True).click()
