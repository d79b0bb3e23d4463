"""The pages as people see them: on a phone, on a desk, in the dark, on paper, and asking nobody anything."""

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from taxi_assets.reports.evidence import Numbers
from taxi_assets.reports.monthly import monthly_page
from taxi_assets.reports.overview import Overview, Standing, overview_page
from taxi_assets.tlc.services import SERVICES, next_month
from taxi_assets_tests.reports.made_up import MADE, MONTH, month
from taxi_assets_tests.reports.test_a_month import HOSTILE

pytestmark = pytest.mark.slow

PHONE, DESK = 390, 1200
SHEETS = 9
"""Of a month: one for all services, two for each."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A month of four services, one of them told in hostile words, and an overview of ten years."""
    found = [month(name) for name in SERVICES]
    found[1] = month("green", held_back="a_word_without_end" * 20, file={"file": HOSTILE, "url": "x" * 300})
    zones = {132: "JFK Airport, Queens", 1: "Newark Airport, EWR"}
    standing = tuple(
        Standing(service, *_years(service.name), {MONTH: ("something differs",)})
        for service in SERVICES.values()
    )
    overview = Overview(MADE.date(), standing, (MONTH,), None)
    texts = {
        "month": monthly_page(MONTH, found, zones, frozenset(), frozenset(), MADE),
        "overview": overview_page(overview, frozenset(), MADE),
    }
    folder = tmp_path_factory.mktemp("pages")
    written = {name: folder / f"{name}.html" for name in texts}
    for name, path in written.items():
        path.write_text(texts[name], encoding="utf-8")
    return written


def _years(name: str) -> tuple[dict[Any, Any], dict[Any, Any]]:
    states, numbers, one = {}, {}, MONTH.replace(year=2014)
    while one < MONTH:
        states[one] = "missing" if one.year == 2019 else "differs" if one.month == 7 else "holds"
        if states[one] != "missing":
            numbers[one] = Numbers(one, 20_000_000 + one.month * 100_000, 1000, 3e8)
        one = next_month(one)
    return states, numbers


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """Chromium without a window, that tells of every request."""
    programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
    if None in programs:
        pytest.skip("needs Chromium and its driver: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(programs[0])
    for argument in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(str(programs[1])))
    try:
        yield opened
    finally:
        opened.quit()


def see(driver: Any, page: Path, width: int, scheme: str = "light") -> None:
    """Open a page at a width."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == PHONE}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    driver.get(page.as_uri())


def requests(driver: Any) -> list[str]:
    """Addresses that were asked for since the last look."""
    told = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    sent = [one["params"]["request"]["url"] for one in told if one["method"] == "Network.requestWillBeSent"]
    return [address for address in sent if not address.startswith("data:")]


@pytest.mark.parametrize("name", ["month", "overview"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_page_fits_and_asks_for_nothing_but_itself(
    driver: Any, pages: dict[str, Path], name: str, width: int
) -> None:
    requests(driver)
    see(driver, pages[name], width)
    assert driver.execute_script("return document.documentElement.scrollWidth") <= width
    assert requests(driver) == [pages[name].as_uri()]
    assert driver.get_log("browser") == []
    broken = "return [...document.images].filter(image => !image.naturalWidth).length"
    assert driver.execute_script(broken) == 0
    assert driver.execute_script("return document.images.length") == {"month": 16, "overview": 4}[name]


def test_the_dark_page_is_dark_and_every_word_on_it_can_be_read(driver: Any, pages: dict[str, Path]) -> None:
    grounds = {}
    for scheme in ("light", "dark"):
        see(driver, pages["month"], DESK, scheme)
        ratios = driver.execute_script(_CONTRAST)
        assert min(ratios) >= 4.5, scheme  # what the accessibility guidelines call enough
        grounds[scheme] = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert grounds == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}


def test_the_page_refuses_what_a_mistake_would_let_in(driver: Any, pages: dict[str, Path]) -> None:
    see(driver, pages["month"], DESK)
    driver.get_log("browser")
    driver.execute_script(
        "const image = new Image(); image.src = 'http://127.0.0.1:9/x.png'; document.body.append(image);"
    )
    assert any("Content Security Policy" in one["message"] for one in driver.get_log("browser"))


@pytest.mark.parametrize(("name", "sheets"), [("month", SHEETS), ("overview", 3)])
def test_a_page_prints_on_few_sheets(driver: Any, pages: dict[str, Path], name: str, sheets: int) -> None:
    see(driver, pages[name], DESK)
    settings = {"preferCSSPageSize": True, "printBackground": True}
    pdf = base64.b64decode(driver.execute_cdp_cmd("Page.printToPDF", settings)["data"])
    assert pdf.count(b"/Type /Page\n") <= sheets


_CONTRAST = """
const channel = value => (value /= 255) <= .04045 ? value / 12.92 : ((value + .055) / 1.055) ** 2.4;
const light = colour => {
  const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number);
  return .2126 * channel(red) + .7152 * channel(green) + .0722 * channel(blue);
};
const ground = element => {
  for (let one = element; one; one = one.parentElement) {
    const colour = getComputedStyle(one).backgroundColor;
    if (!/, 0\\)$|transparent/.test(colour)) return colour;
  }
  return 'rgb(255, 255, 255)';
};
return [...document.querySelectorAll('h1, h2, h3, p, a, th, td, caption, li')]
  .filter(element => element.innerText.trim())
  .map(element => {
    const both = [light(getComputedStyle(element).color), light(ground(element))];
    const [one, other] = both.sort((a, b) => b - a);
    return (one + .05) / (other + .05);
  });
"""
