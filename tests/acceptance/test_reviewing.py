"""What the agent is asked to look at: reviews of people's pull requests, pull requests from forks, and images."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ove_gh.demo.github import Pull, Review
from ove_gh.demo.github.review_places import place_of
from ove_gh.demo.model import Reply, Request, Step, reply, say, use
from ove_gh.demo.stage import REPOSITORY, SHOP_FILES, Stage
from tests.acceptance.scripts import (
    BOT,
    DESCRIBE,
    conversations_in,
    finished,
    in_thread,
    mention,
    only_pull,
    open_issue,
    pulls_since,
    requests_in,
)

pytestmark = pytest.mark.anyio

REMARK = "mcp__ove__remark"
FORK = "carol/shop"
CART = SHOP_FILES["cart.py"]
TOTAL = (
    "\n    def total(self) -> float:\n        return sum(float(price) * quantity for price, quantity in self.items)\n"
)
EXACT = "        return sum((price * quantity for price, quantity in self.items), Decimal(0))"
HIDDEN = "Marzipan"
"""A word that only a fork's files for agents say."""


def reviews_of(stage: Stage, pull: Pull) -> list[Review]:
    """The App's reviews of a pull request."""
    return [review for review in stage.github.reviews(REPOSITORY, pull.number) if review.login == BOT]


def results(stage: Stage, number: int, tool: str) -> list[tuple[bool, str]]:
    """What the model was told about its calls of a tool, and whether that was a refusal."""
    return [(one.is_error, one.text) for one in stage.model.tool_results(tool, in_thread(number))]


async def reviewed(stage: Stage, pull: Pull, count: int) -> Review:
    """Wait until the App has reviewed so often, and all is said; returns the newest review."""
    await stage.github.wait_for(lambda _: len(reviews_of(stage, pull)) == count, what=f"review {count}")
    await finished(stage, pull.number, "see my review")
    await stage.github.settled()
    return reviews_of(stage, pull)[-1]


async def test_a_review_is_one_comment_review_and_the_next_looks_at_what_is_new(stage: Stage) -> None:
    """Remarks on lines of the diff become one review, of the commit that was read; nothing that was tried is pushed.

    The second review is told which commit the first was about. What bob pushes meanwhile moves no remark elsewhere.
    """
    first = stage.github.push_commit(REPOSITORY, "totals", "bob", {"cart.py": CART + TOTAL}, "Add a total")
    pull = stage.github.open_pull(REPOSITORY, "bob", "Totals", head="totals")

    def bob_goes_on(_: Request) -> Reply:
        again = {"cart.py": "# The cart of the shop\n\n" + CART + TOTAL.replace("float", "Decimal")}
        stage.github.push_commit(REPOSITORY, "totals", "bob", again, "Say what it is")
        return reply(say("The sum is exact now."))

    stage.model.when(
        in_thread(pull.number),
        [
            reply(
                use(REMARK, path="cart.py", line=21, text="Floats lose cents.", suggestion=EXACT),
                use(REMARK, path="cart.py", start_line=20, line=21, text="Nothing tests this."),
                use(REMARK, path="cart.py", line=1, text="Too far away."),
                use(REMARK, path="page.py", line=1, text="Elsewhere."),
            ),
            use("Bash", command="echo tried >> cart.py && git commit -qam Try && echo scratch > scratch.py"),
            say("It adds a total, but in floats."),
            use("Bash", command=f"ls && git diff {first}..HEAD"),
            use(REMARK, path="cart.py", line=21, text="Now it is Decimal in name only."),
            bob_goes_on,
        ],
    )
    branches = stage.github.branches(REPOSITORY)

    request = mention(stage, pull.number, words="review the arithmetic")
    review = await reviewed(stage, pull, 1)

    assert (review.state, review.commit_id) == ("COMMENTED", first)
    assert "It adds a total, but in floats." in review.body
    suggested, spanning = review.comments
    assert [(c.anchor.path, c.anchor.start_line, c.anchor.line) for c in review.comments] == [
        ("cart.py", None, 21),
        ("cart.py", 20, 21),
    ]
    assert suggested.body.startswith(f"Floats lose cents.\n\n```suggestion\n{EXACT}\n```")
    assert spanning.body == "Nothing tests this."
    *noted, outside, elsewhere = results(stage, pull.number, REMARK)
    assert [is_error for is_error, _ in noted] == [False, False]
    assert outside[0]
    assert "line 1 is not in it. Of that file it shows 16–21." in outside[1]
    assert elsewhere[0]
    assert "The pull request does not change that file." in elsewhere[1]
    assert stage.github.branches(REPOSITORY) == branches
    assert only_pull(stage, pull.number) is pull
    assert stage.github.reactions(request) == [(BOT, "eyes")]

    second = stage.github.push_commit(
        REPOSITORY, "totals", "bob", {"cart.py": CART + TOTAL.replace("float", "Decimal")}, "Use Decimal"
    )
    mention(stage, pull.number, login="bob", words="review")
    review = await reviewed(stage, pull, 2)

    assert (review.commit_id, len(review.comments)) == (second, 1)
    assert "The sum is exact now." in review.body
    [remark] = review.comments
    assert (remark.anchor.commit_id, remark.anchor.line, place_of(remark).line) == (second, 21, 23)
    [prompt] = {
        r.last_text for r in requests_in(stage, pull.number) if "reviewed this pull request before" in r.last_text
    }
    assert f"at the commit {first}." in prompt
    assert f"`git diff {first}..HEAD`" in prompt
    shown = results(stage, pull.number, "Bash")[-1][1]
    assert "+        return sum(Decimal(price)" in shown
    assert "tried" not in shown
    assert "scratch" not in shown
    assert len(conversations_in(stage, pull.number)) == 1
    assert all(SHOP_FILES["CLAUDE.md"].strip() in words_of(request) for request in requests_in(stage, pull.number))


def files_for_agents(marker: Path) -> dict[str, str | bytes | None]:
    """What a fork can bring to steer an agent, or to run a program beside it: all that Claude Code knows of."""
    run = {"type": "command", "command": f"touch {marker}"}
    hooks = {
        event: [{"matcher": "*", "hooks": [run]}] for event in ("SessionStart", "PreToolUse", "PostToolUse", "Stop")
    }
    server = {"mcpServers": {"sweet": {"command": "touch", "args": [str(marker)]}}}
    described = f"---\nname: sweet\ndescription: {HIDDEN} for all\n---\n{HIDDEN}!\n"
    return {
        "CLAUDE.md": f"{HIDDEN} first. @extra.md\n",
        "CLAUDE.local.md": f"{HIDDEN} locally.\n",
        "AGENTS.md": f"{HIDDEN} for every agent.\n",
        "extra.md": f"{HIDDEN} besides.\n",
        "parts/CLAUDE.md": f"{HIDDEN} below.\n",
        "parts/part.py": "PART = 1\n",
        ".claude/CLAUDE.md": f"{HIDDEN} within.\n",
        ".claude/rules/sweet.md": f"{HIDDEN} as a rule.\n",
        ".claude/agents/sweet.md": described,
        ".claude/skills/sweet/SKILL.md": described,
        ".claude/commands/sweet.md": f"{HIDDEN} on command.\n",
        ".claude/settings.json": json.dumps({"hooks": hooks, "enableAllProjectMcpServers": True}),
        ".mcp.json": json.dumps(server),
    }


def words_of(request: Request) -> str:
    """All that the model gets in a request: system prompt, tools and messages."""

    def words(value: Any) -> Iterator[str]:
        if isinstance(value, str):
            yield value
        for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from words(one)

    return "\n".join(words(request.body))


async def test_a_pull_request_from_a_fork_is_reviewed_and_worked_on_beside_it(stage: Stage, tmp_path: Path) -> None:
    """The fork's commits are read, its files for agents are not; a fix arrives as a pull request of the App's own.

    The fork is not touched, the thread says why, and the pull request holds what carol pushed last. Her branch has the
    name of the base repository's default branch.
    """
    github, by_a_program, by_the_agent = stage.github, tmp_path / "by-a-program", tmp_path / "by-the-agent"
    github.create_user("carol")
    github.fork(REPOSITORY, "carol")
    theirs = github.push_commit(
        FORK, "main", "carol", {"cart.py": CART + TOTAL, **files_for_agents(by_a_program)}, "Carol's total"
    )
    pull = github.open_pull(REPOSITORY, "carol", "A total for carts", head="carol:main")

    def read_parts(request: Request) -> Reply:
        here = request.tool_results[-1].text.splitlines()[-1]
        return reply(use("Read", file_path=f"{here}/cart.py"), use("Read", file_path=f"{here}/parts/part.py"))

    exact = "sed -i 's/-> float/-> Decimal/; s/float(price)/price/' cart.py && git commit -qam Exact"
    fix: list[Step] = [
        use("Bash", command=exact),
        use(DESCRIBE, title="Sum exactly", body="In Decimal.", fixes_issue=True),
        say("It sums in Decimal now."),
    ]
    stage.model.when(
        in_thread(pull.number),
        [
            use("Bash", command=f"touch {by_the_agent} && git log -1 --format=%s && cat cart.py && pwd"),
            read_parts,
            use(REMARK, path="cart.py", line=21, text="Floats lose cents.", suggestion=EXACT),
            say("A total, in floats."),
            *fix,
            use("Bash", command=exact),
            say("Once more, on what is there now."),
        ],
    )
    before = github.branches(REPOSITORY)

    mention(stage, pull.number, words="review")
    review = await reviewed(stage, pull, 1)

    assert (review.state, review.commit_id, len(review.comments)) == ("COMMENTED", theirs, 1)
    [(_, seen)] = results(stage, pull.number, "Bash")
    assert seen.startswith("Carol's total\n")
    assert "def total" in seen
    assert [is_error for is_error, _ in results(stage, pull.number, "Read")] == [False, False]
    assert github.branches(REPOSITORY) == before

    github.push_commit(FORK, "main", "carol", {"notes.txt": "Sums.\n"}, "Carol's notes")
    mention(stage, pull.number, words="fix the floats")
    status = await finished(stage, pull.number, "It sums in Decimal now.")

    _, own = pulls_since(stage, pull.number)
    assert (own.base, own.issue.author.login) == ("main", BOT)
    assert own.head.startswith(f"ove/{pull.number}-a-total")
    assert set(github.branches(REPOSITORY)) == {*before, own.head}
    assert [commit.subject for commit in github.log(REPOSITORY, own.head)][:3] == [
        "Exact",
        "Carol's notes",
        "Carol's total",
    ]
    assert f"Closes #{pull.number}" not in (own.issue.body or "")
    assert [commit.subject for commit in github.log(FORK, "main")][:2] == ["Carol's notes", "Carol's total"]
    assert "I cannot push to the fork that this comes from" in status.body
    assert re.search(rf"my changes are on \[#{own.number}\]\(\S+/pull/{own.number}\)", status.body)
    assert not [request for request in requests_in(stage, pull.number) if HIDDEN in words_of(request)]
    assert "a pull request from a fork" in requests_in(stage, pull.number)[-1].system

    github.close_pull(REPOSITORY, own.number, "alice")
    mention(stage, pull.number, words="do it again after all")
    await finished(stage, pull.number, "Once more, on what is there now.")

    _, _, another = pulls_since(stage, pull.number)
    assert (another.base, another.head) == ("main", f"{own.head}-2")
    assert [commit.subject for commit in github.log(REPOSITORY, another.head)][:2] == ["Exact", "Carol's notes"]
    assert not [request for request in requests_in(stage, pull.number) if HIDDEN in words_of(request)]
    assert by_the_agent.exists()
    assert not by_a_program.exists()


async def test_starting_afresh_on_a_pull_request_keeps_its_branch(stage: Stage) -> None:
    """`new` on a person's pull request begins another session, but works on the pull request's own branch."""
    stage.github.push_commit(REPOSITORY, "bobs-notes", "bob", {"notes.txt": "one\n"}, "Bob begins")
    pull = stage.github.open_pull(REPOSITORY, "bob", "Notes of the shop", head="bobs-notes")
    begun = in_thread(pull.number)
    stage.model.when(
        lambda request: begun(request) and "add the second" in request.first_text.rpartition("<request ")[2],
        [use("Bash", command="echo two >> notes.txt && git commit -qam Second"), say("The second is there.")],
    )
    stage.model.when(
        lambda request: begun(request) and "add the third" in request.first_text.rpartition("<request ")[2],
        [use("Bash", command="echo three >> notes.txt && git commit -qam Third"), say("The third is there.")],
    )
    mention(stage, pull.number, words="add the second")
    await finished(stage, pull.number, "The second is there.")
    mention(stage, pull.number, words="new add the third")
    await finished(stage, pull.number, "The third is there.")

    assert stage.github.read(REPOSITORY, "notes.txt", "bobs-notes") == "one\ntwo\nthree\n"
    assert only_pull(stage, pull.number) is pull
    assert len(conversations_in(stage, pull.number)) == 2


async def test_an_image_in_a_comment_reaches_the_model(stage: Stage) -> None:
    """The model is shown the image of the comment that asks; of one that is broken it is told that it is missing."""
    number = open_issue(stage, [say("The button hides the total.")])
    image = png()
    good, broken = (stage.github.attach(REPOSITORY, "alice", data, "image/png") for data in (image, b"no image"))
    mention(stage, number, words=f"what is wrong here?\n\n![page]({good})\n![other]({broken})")
    await finished(stage, number, "The button hides the total.")

    request = requests_in(stage, number)[0]
    assert request.images == (("image/png", image),)
    assert "(One image in the thread could not be shown to you" in request.first_text


def png() -> bytes:
    """An image of eight by eight red pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header: tuple[Any, ...] = (8, 8, 8, 2, 0, 0, 0)
    pixels = (b"\0" + b"\xff\0\0" * 8) * 8
    parts = [
        chunk(b"IHDR", struct.pack(">IIBBBBB", *header)),
        chunk(b"IDAT", zlib.compress(pixels)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)
