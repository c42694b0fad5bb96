"""Searches in the one repository: whatever the words say, they are words, and lead to no other repository."""

from __future__ import annotations

import re
from functools import partial
from itertools import chain, zip_longest

from ove_gh.github import models
from ove_gh.github.installation import PAGE, Answer, InstalledRepository, Purpose

LONGEST_WORDS = 256
"""Characters of a query beside its qualifiers; GitHub refuses a longer one.
https://docs.github.com/en/rest/search/search#limitations-on-query-length"""

_PHRASE_OR_WORD = re.compile(r'"([^"]*)"|([^\s"]+)')


class Search(InstalledRepository):
    """The part of a Repository that searches it. GitHub allows 30 searches a minute, 10 of them in code.

    https://docs.github.com/en/rest/search/search#rate-limit
    """

    async def search_issues(self, words: str, *, most: int = 20) -> list[models.IssueHit]:
        """Issues and pull requests that hold all these words, by turns and the best first, at most so many.

        Double quotes hold a phrase together; there are no qualifiers or operators. Without any word nothing is found.
        https://docs.github.com/en/rest/search/search#search-issues-and-pull-requests
        """
        literals = quoted(words)
        if not literals:
            return []
        name = (await self.details()).full_name  # a search finds nothing under a former name
        rest = self._rest(Purpose.READ)

        async def ask(kind: str, page: int) -> Answer:
            query = f"repo:{name} is:{kind} {literals}"
            return await rest.search.async_issues_and_pull_requests(q=query, per_page=min(most, PAGE), page=page)

        # GitHub refuses an App's search for both kinds at once
        issues, pulls = [
            await self._items(partial(ask, kind), "found issues", under="items", most=most)
            for kind in ("issue", "pull-request")
        ]
        by_turns = [raw for raw in chain.from_iterable(zip_longest(issues, pulls)) if raw is not None]
        return [models.read_issue_hit(raw) for raw in by_turns if _is_of(raw, name)][:most]

    async def search_code(self, words: str, *, most: int = 20) -> list[models.CodeHit]:
        """Files of the default branch that hold all these words, at most so many; words as in `search_issues`.

        GitHub looks into files of less than 384 KB only. https://docs.github.com/en/rest/search/search#search-code
        """
        literals = quoted(words)
        if not literals:
            return []
        name = (await self.details()).full_name
        rest = self._rest(Purpose.FETCH)

        async def ask(page: int) -> Answer:
            return await rest.search.async_code(q=f"repo:{name} {literals}", per_page=min(most, PAGE), page=page)

        found = await self._items(ask, "found files", under="items", most=most)
        return [models.read_code_hit(raw) for raw in found if self._is_here(raw)]

    def _is_here(self, raw: object) -> bool:
        return models.Fields(raw, "found file").inner("repository").number("id") == self._repository_id


def _is_of(raw: object, full_name: str) -> bool:
    address = models.Fields(raw, "found issue").text("repository_url")
    return address.lower().endswith(f"/repos/{full_name.lower()}")


def quoted(words: str) -> str:
    """Each word and phrase in double quotes, as many as GitHub takes; empty when there is none.

    Within them qualifiers, operators and brackets are only text.
    https://docs.github.com/en/search-github/getting-started-with-searching-on-github/understanding-the-search-syntax
    """
    kept = ""
    for phrase, word in _PHRASE_OR_WORD.findall(words):
        literal = " ".join((phrase or word).replace("\\", " ").split())
        if any(map(str.isalnum, literal)) and len(f'{kept} "{literal}"') <= LONGEST_WORDS:
            kept = f'{kept} "{literal}"'.lstrip()
    return kept
