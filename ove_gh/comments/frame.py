"""What every text shares: how long it may be, and how it is put together."""

from __future__ import annotations

from collections.abc import Sequence

from ove_gh.typesetting import code, inline

GITHUB_LIMIT = 65_536
"""How many characters a comment and a pull request's body can have."""
LONGEST_MARKER = 256
LONGEST_TEXT = GITHUB_LIMIT - LONGEST_MARKER


def comment(*parts: str) -> str:
    """The paragraphs as one text that fits; only lists can be too long here, and they are cut between two lines."""
    text = paragraphs(*parts)
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT - 100].rpartition(chr(10))[0]}\n\n*Cut here: it is too long for a comment.*"


def paragraphs(*parts: str) -> str:
    """The parts that are not empty, one paragraph each."""
    return "\n\n".join(part for part in parts if part.strip())


def sentence(detail: str) -> str:
    """Somebody's words as a sentence of ours: a capital first, a full stop last; empty when there are none."""
    text = inline(detail, 400)
    if not text:
        return ""
    return capital(text) + ("" if text[-1] in ".!?…" else ".")


def capital(words: str) -> str:
    """The words with a capital first."""
    return words[:1].upper() + words[1:]


def command(slug: str, words: str) -> str:
    """What to write to the App: `@ove continue`."""
    return code(f"@{slug} {words}".strip())


def listing(parts: Sequence[str], most: int = 3) -> str:
    """Some of many in a row: `a`, `a and b`, `a, b, c and 4 more`."""
    shown, more = list(parts[:most]), len(parts) - most
    if more > 0:
        shown.append(f"{more} more")
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))
