"""Reads what people search for: words, "phrases", and qualifiers, each perhaps with a minus before it.

https://docs.github.com/en/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

LONGEST = 256
"""Characters that the words of a query may have, its qualifiers not counted."""

_PART = re.compile(
    r'(?P<minus>-?)(?:(?P<name>[A-Za-z-]+):(?:"(?P<quoted>[^"]*)"|(?P<bare>\S+))|"(?P<phrase>[^"]*)"|(?P<word>\S+))'
)


@dataclass(frozen=True, slots=True)
class Qualifier:
    """`name:value`, in small letters; `wanted` is False for `-name:value`."""

    name: str
    value: str
    wanted: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """A query, read. Words are in small letters, those in `unwanted` had a minus or a NOT before them."""

    words: tuple[str, ...]
    unwanted: tuple[str, ...]
    qualifiers: tuple[Qualifier, ...]

    def values(self, name: str) -> list[str]:
        """What a qualifier asks for, where it stands without a minus."""
        return [one.value for one in self.qualifiers if one.name == name and one.wanted]


def read_query(text: str, known: Collection[str]) -> Query:
    """Read a query; what looks like a qualifier and is not a known one is a word."""
    words: list[str] = []
    unwanted: list[str] = []
    qualifiers: list[Qualifier] = []
    negated = False
    for part in _PART.finditer(text):
        if part[0] == "NOT":
            negated = True
            continue
        against = bool(part["minus"]) or negated
        negated = False
        if part["name"] and part["name"].lower() in known:
            value = part["bare"] if part["quoted"] is None else part["quoted"]
            qualifiers.append(Qualifier(part["name"].lower(), value.lower(), not against))
        elif part[0] not in ("AND", "OR"):
            said = part["phrase"] if part["phrase"] is not None else part[0].removeprefix("-")
            (unwanted if against else words).append(said.lower())
    return Query(tuple(filter(None, words)), tuple(filter(None, unwanted)), tuple(qualifiers))
