"""A headless Chromium, and a person's few ways of using it: open, read, click, type, wait for what is shown.

Selenium and not Playwright: Debian has Chromium and the chromedriver that belongs to it, so both are one
``apt-get install``, while Playwright speaks the protocol of the browser builds that it downloads itself.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.chrome.webdriver import WebDriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

T = TypeVar("T")

MISSING = "needs Chromium and its driver: apt-get install chromium chromium-driver"
WITHIN = 120  # seconds until a page shows what it should; 2 when the machine is idle

_QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)
"""Nothing that a browser does of itself: no update, no account, no first-run page."""

_IN_VIEW = "arguments[0].scrollIntoView({block: 'center', inline: 'center'})"
_SIZES = """return Array.from(document.querySelectorAll('img'))
    .filter(image => image.src.startsWith('data:image/svg+xml') && image.complete)
    .map(image => [image.naturalWidth, image.naturalHeight])"""


def programs() -> tuple[str, str] | None:
    """Chromium and its driver, if both are installed."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    return (chromium, driver) if chromium and driver else None


@dataclass
class Ui:
    """A person in front of Dagster's UI."""

    driver: WebDriver
    address: str

    def open(self, path: str) -> None:
        """Go to a page; what was said on the one before is forgotten."""
        self._said()
        self.driver.get(self.address + path)

    def wait(self, condition: Callable[[], T], within: float = WITHIN) -> T:
        """Wait until the condition holds and return what it gave; pages redraw themselves meanwhile."""
        passing = (NoSuchElementException, StaleElementReferenceException)
        return WebDriverWait(self.driver, within, 0.2, passing).until(
            lambda _: condition(), f"{condition}; the page showed:\n{self.text()[-3000:]}"
        )

    def text(self) -> str:
        """All that the page shows."""
        return self.driver.find_element(By.TAG_NAME, "body").text

    def see(self, *texts: str, within: float = WITHIN) -> str:
        """Wait until the page shows all of the texts; returns the whole page's."""
        self.wait(lambda: all(text in self.text() for text in texts), within)
        return self.text()

    def find(self, xpath: str, within: float = WITHIN) -> WebElement:
        """The first visible element, once there is one."""
        return self.wait(lambda: self.visible(xpath), within)[0]

    def visible(self, xpath: str) -> list[WebElement]:
        """Every visible element."""
        return [one for one in self.driver.find_elements(By.XPATH, xpath) if one.is_displayed()]

    def click(self, xpath: str) -> None:
        """Click the first visible, enabled element; where something slides over it, once that is away."""

        def clicked() -> bool:
            for one in self.visible(xpath):
                if one.is_enabled():
                    self.driver.execute_script(_IN_VIEW, one)
                    one.click()
                    return True
            return False

        self.wait(clicked)

    def type(self, xpath: str, text: str) -> None:
        """Put a text in the place of what a field holds, and press Enter."""
        field = self.find(xpath)
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(text, Keys.ENTER)

    def unfold(self, label: str) -> None:
        """Open what a row of metadata holds in Markdown."""
        self.click(f"//tr[.//*[text()='{label}']]//*[contains(text(), 'Show Markdown')]")
        self.find(button("Close"))

    def fold(self) -> None:
        """Close it again."""
        self.click(button("Close"))
        self.wait(lambda: not self.visible(button("Close")))

    def show(self, xpath: str) -> None:
        """Scroll to an element."""
        self.driver.execute_script(_IN_VIEW, self.find(xpath))

    def settled(self, within: float = 10) -> bytes:
        """A screenshot of the page at rest; of a page that is never at rest, the last one in the time."""
        deadline, before = time.monotonic() + within, b""
        while (now := self.driver.get_screenshot_as_png()) != before and time.monotonic() < deadline:
            before = now
            time.sleep(0.5)
        return now

    def plots(self) -> list[tuple[int, int]]:
        """Sizes of the pictures that an asset drew, and the browser could read."""
        return [(width, height) for width, height in self.driver.execute_script(_SIZES)]

    def complaints(self) -> list[str]:
        """What the browser's console calls severe on this page."""
        return [one["message"] for one in self._said() if one["level"] == "SEVERE"]

    def _said(self) -> list[dict[str, str]]:
        """What the console was told since the last time."""
        said: list[dict[str, str]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return said

    def picture(self, path: Path) -> Path:
        """Save what is shown."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))
        return path


@contextmanager
def chromium(address: str, width: int = 1600, height: int = 1000) -> Iterator[Ui]:
    """A browser with a new profile for the length of the block.

    Raises:
        FileNotFoundError: There is none on this machine.
    """
    found = programs()
    if found is None:
        raise FileNotFoundError(MISSING)
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = found[0]
        root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # its sandbox refuses root
        for argument in (*_QUIET, *root, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(found[1]))
        try:
            driver.set_window_size(width, height)
            yield Ui(driver, address)
        finally:
            driver.quit()


def button(text: str) -> str:
    """XPath of a button by its words."""
    return f"//button[contains(normalize-space(.), '{text}')]"


def field(placeholder: str) -> str:
    """XPath of a text field by the beginning of what stands in it while it is empty."""
    return f"//input[starts-with(@placeholder, '{placeholder}')]"
