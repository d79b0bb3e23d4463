"""SVG text -> what can stand in a page without a file beside it."""

import base64
import html
import re

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.DOTALL)
_DESCRIPTION = re.compile(r"<desc[^>]*>(.*?)</desc>", re.DOTALL)


def data_uri(svg: str) -> str:
    """The picture as an address: ``data:image/svg+xml;base64,...``."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def markdown_image(svg: str) -> str:
    """The picture as a Markdown image, with its title and description for those who can't see it."""
    found = [pattern.search(svg) for pattern in (_TITLE, _DESCRIPTION)]
    words = ". ".join(html.unescape(one.group(1)) for one in found if one)
    return f"![{re.sub(r'[][]', '', words)}]({data_uri(svg)})"
