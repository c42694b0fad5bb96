"""The steps of a task as a comment: how each is told, and what is left out of many."""

from __future__ import annotations

import re

from ove_gh import comments
from ove_gh.comments import TraceLine
from tests.comments.examples import lines
from tests.test_typesetting import shown


def test_steps_are_told_with_the_time_since_the_task_began() -> None:
    """A step with more to tell opens with a click; the others are a line; errors and questions are named."""
    steps = (
        TraceLine(1000, "lifecycle", "Started", "Started "),
        TraceLine(1010, "tool", "Running `pytest`", "$ pytest\n\n1 failed & <b>"),
        TraceLine(1031, "text", "It divides.", "It divides.\n\nI will sum."),
        TraceLine(1100, "question", "Which rounding?"),
        TraceLine(4760, "error", "The model answered 529"),
    )
    assert comments.trace(steps, 1000, "https://x.y/s") == lines(
        "**What I did in my last task** · 5 steps in 1 h 2 min · [its status](https://x.y/s)",
        "",
        "<details><summary>The steps, with the time since I began</summary>",
        "",
        "- 0:00 · Started",
        "- <details><summary>0:10 · Running <code>pytest</code></summary>"
        "<pre>$ pytest&#10;&#10;1 failed &amp; &lt;b&gt;</pre></details>",
        "- <details><summary>0:31 · “It divides.”</summary><pre>It divides.&#10;&#10;I will sum.</pre></details>",
        "- 1:40 · **Asked:** Which rounding?",
        "- 1:02:40 · **Error:** The model answered 529",
        "",
        "</details>",
    )


def test_without_steps_there_is_a_sentence() -> None:
    """A thread without a task, or one whose steps are gone, says so."""
    assert comments.trace((), 0).startswith("I have no steps to show")


def test_the_oldest_details_go_first() -> None:
    """When not all fit, every step is still told, the newest with their details, and the rest is counted."""
    steps = [TraceLine(n, "tool", f"step {n}", f"detail {n}: {'x ' * 400}") for n in range(200)]
    said = comments.trace(steps, 0)
    kept = [int(number) for number in re.findall(r"<pre>detail (\d+):", said)]
    assert [int(number) for number in re.findall(r"· step (\d+)", said)] == list(range(200))
    assert kept == list(range(200 - len(kept), 200))
    assert 30 < len(kept) < 100
    assert said.endswith(f"<sub>There was no room for the details of {200 - len(kept)} early steps.</sub>")


def test_then_the_oldest_steps_go() -> None:
    """Of thousands of steps the newest are told, what is left out is counted, and the folds stay whole."""
    steps = [TraceLine(n, "tool", f"step {n} {'word ' * 9}", "x" * 99 if n > 2_998 else "") for n in range(3_000)]
    said = comments.trace(steps, 0)
    told = [int(number) for number in re.findall(r"· step (\d+)", said)]
    assert told == list(range(3_000 - len(told), 3_000))
    assert f"no room for the first {3_000 - len(told)} steps and the details of one early step." in said
    assert len(said) <= comments.LONGEST_TEXT
    assert ("AFTER", ("p",)) in shown(f"{said}\n\nAFTER")
