"""Turns Markdown into HTML the way that matters to readers of `body_html`: paragraphs, code, and where images lie.

It is simpler than GitHub's: no mentions, no emoji, hardly a sanitiser, and images elsewhere keep their address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape, unescape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererProtocol
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

Linking = Callable[[str], str]
"""Takes the address of an image, and returns the one to show."""

_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_SOURCE = re.compile(
    r"""(<(?:img|video|source)\b[^>]*?\ssrc\s*=\s*)(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE
)
_TAG = re.compile(r"<[^>]*>")


def render(text: str, link: Linking) -> str:
    """The HTML of a comment."""
    return str(_MARKDOWN.render(text, {"link": link})).rstrip("\n")


def plain(html: str) -> str:
    """What remains of HTML without its tags: `body_text`."""
    return unescape(_TAG.sub("", html)).strip()


def _image(_: RendererProtocol, tokens: Sequence[Token], index: int, __: OptionsDict, env: Any) -> str:
    token = tokens[index]
    source, words = escape(env["link"](str(token.attrs["src"]))), escape(token.content)
    shown = f'<img src="{source}" alt="{words}" style="max-width: 100%;">'
    return f'<a target="_blank" rel="noopener noreferrer" href="{source}">{shown}</a>'


def _html(_: RendererProtocol, tokens: Sequence[Token], index: int, __: OptionsDict, env: Any) -> str:
    def linked(found: re.Match[str]) -> str:
        source = unescape(next(group for group in found.groups()[1:] if group is not None))
        return f'{found[1]}"{escape(env["link"](source))}"'

    return _SOURCE.sub(linked, _HIDDEN.sub("", tokens[index].content))


def _paragraph(_: RendererProtocol, tokens: Sequence[Token], index: int, __: OptionsDict, ___: Any) -> str:
    return "" if tokens[index].hidden else '<p dir="auto">'


_MARKDOWN = MarkdownIt("commonmark", {"breaks": True}).enable(["table", "strikethrough"])
_MARKDOWN.add_render_rule("image", _image)
_MARKDOWN.add_render_rule("html_inline", _html)
_MARKDOWN.add_render_rule("html_block", _html)
_MARKDOWN.add_render_rule("paragraph_open", _paragraph)
