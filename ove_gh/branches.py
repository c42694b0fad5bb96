"""What the service's branches are called."""

from __future__ import annotations

import re
import unicodedata

PREFIX = "ove/"
_LONGEST_WORDS = 40
_LETTERS_WITHOUT_ACCENT = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th"})


def next_name(name: str, used: str) -> str:
    """The name for a thread's next branch, `ove/12-cart-2`; the one that it `used` so far is done with."""
    found = re.fullmatch(rf"{re.escape(name)}(?:-(\d+))?", used)
    return f"{name}-{int(found[1] or 1) + 1}" if found else name


def branch_name(number: int, title: str) -> str:
    """The branch for an issue: `ove/12-empty-cart`.

    It is made of ASCII letters, digits and hyphens only, so it is safe by git's rules
    (https://git-scm.com/docs/git-check-ref-format) and needs no quoting in a shell or in a link.
    """
    folded = title[:1_000].casefold().translate(_LETTERS_WITHOUT_ACCENT)
    letters = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", letters.replace("'", "").lower())
    slug = ""
    for word in words:
        longer = f"{slug}-{word}" if slug else word[:_LONGEST_WORDS]
        if len(longer) > _LONGEST_WORDS:
            break
        slug = longer
    return f"{PREFIX}{number}-{slug or 'task'}"
