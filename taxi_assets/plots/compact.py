"""matplotlib's SVG in a third of its bytes: whole numbers, steps instead of places, no empty groups.

Plots are kept in Dagster's event log, several a month for hundreds of months, as base64. A general tool
(scour) comes as far, but takes as long again as the drawing.
"""

import re
from collections.abc import Callable, Iterator

_TAG = re.compile(r"<[^>]+>")
_PATH = re.compile(r' d="([^"]*)"')
_PIECE = re.compile(r"([MLCQz])([^MLCQz]*)")
_NUMBER = re.compile(r"-?\d+\.\d+")
_MEANT_FOR_NOBODY = re.compile(
    r"<metadata>.*?</metadata>|<!--.*?-->|<defs>\s*<style.*?</style>\s*</defs>", re.DOTALL
)
_IN_A_TAG: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"font: (?:(?:normal|bold|(\d+)) )?([\d.]+)px [^;\"]*"), lambda found: _font(found)),
    (_NUMBER, lambda found: f"{round(float(found.group()), 1):g}"),
    (re.compile(r"font-family:[^;\"]*;?"), ""),
    (re.compile(r' id="(?!m[0-9a-f]{10}")[^"]*"'), ""),
    (re.compile(r' transform="rotate\(-?0 [^"]*\)"'), ""),
    (re.compile(r"\s+"), " "),
    (re.compile(r"([;:]) "), r"\1"),
    (re.compile(r" (/?>)"), r"\1"),
)


def compact(svg: str) -> str:
    """What stands in the root element of matplotlib's text, and its end."""
    body = svg[svg.index(">", svg.index("<svg")) + 1 :]
    body = _MEANT_FOR_NOBODY.sub("", body)
    body = _TAG.sub(lambda found: _tag(found.group()), body)
    body = re.sub(r">\s+<", "><", body).strip()
    emptied = ""
    while emptied != body:
        emptied = body
        body = re.sub(r"<g>((?:(?!</?g[ >]).)*)</g>|<g/>", r"\1", body)
    return body


def _tag(tag: str) -> str:
    """One element's head; words between elements are not touched."""
    tag = _PATH.sub(lambda found: f' d="{_steps(found.group(1))}"', tag)
    for pattern, instead in _IN_A_TAG:
        tag = pattern.sub(instead, tag)
    return tag


def _font(found: re.Match[str]) -> str:
    weight = ";font-weight:bold" if found.group(1) or "bold" in found.group() else ""
    return f"font-size:{float(found.group(2)):g}px{weight}"


def _steps(path: str) -> str:
    """Lines between places as steps of whole units; a path with curves, which are markers, as it is."""
    if "C" in path or "Q" in path:
        return " ".join(path.split())
    return re.sub(r"(?<=\d)l(-?)", lambda sign: sign.group(1) or " ", "".join(_each_step(path)))


def _each_step(path: str) -> Iterator[str]:
    at = start = (0, 0)
    for letter, rest in _PIECE.findall(path):
        if letter == "z":
            yield "z"
            at = start
            continue
        x, y = (round(float(number)) for number in rest.split())
        step = f"{x - at[0]} {y - at[1]}".replace(" -", "-")
        yield ("m" if letter == "M" else "l") + step
        at = (x, y)
        start = at if letter == "M" else start
