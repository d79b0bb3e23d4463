"""SVG text -> what can stand in a page without a file beside it."""

import base64
import html
import re

_WORDS = re.compile(r"<(?:title|desc)[^>]*>(.*?)</(?:title|desc)>", re.DOTALL)


def data_uri(svg: str) -> str:
    """The picture as an address: ``data:image/svg+xml;base64,...``."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def words_of(svg: str) -> str:
    """Title and description of a picture, for those who can't see it."""
    return ". ".join(html.unescape(found).replace("\n", ". ") for found in _WORDS.findall(svg))


def markdown_image(svg: str) -> str:
    """The picture as a Markdown image, with its words."""
    return f"![{re.sub(r'[][]', '', words_of(svg))}]({data_uri(svg)})"
