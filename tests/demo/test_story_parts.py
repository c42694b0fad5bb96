"""The demo's pure parts: reading comments, reading what is typed, the terminal's fallbacks, the model's part."""

from __future__ import annotations

import io
from typing import Any

import pytest

from ove_gh import comments
from ove_gh.agent import Step
from ove_gh.ci import Annotation, Check, FailedCheck, Report, Verdict
from ove_gh.demo import script
from ove_gh.demo.interactive import Command, Do, Say, Tick, find_box, read_command
from ove_gh.demo.model import Reply, Request
from ove_gh.demo.model.steps import Say as Said
from ove_gh.demo.model.steps import Use
from ove_gh.demo.reading import Box, Boxes, Folded, Small, Words, boxes, dollars, newly_ticked, plain, read_comment
from ove_gh.demo.reading import read_status as read
from ove_gh.demo.stage import SHOP_FILES, SHOP_JOBS
from ove_gh.demo.terminal import Terminal
from ove_gh.prompt import Conversation, checks_prompt, message, next_prompt
from ove_gh.prompt import Said as Written
from ove_gh.questions import Option, Question

QUESTIONS = (Question("Which rounding?", "Rounding", (Option("Half even", "as invoices do"), Option("Half up"))),)
STATUS = comments.status_working(
    comments.StatusView(
        slug="ove",
        turn=2,
        elapsed_seconds=100,
        cost_usd=0.12,
        branch="ove/1-cart",
        branch_url="http://127.0.0.1/x",
        activity="Running `pytest`",
        checklist=(Step("Read `cart.py`", "completed"), Step("Fix total()", "in_progress"), Step("Test", "pending")),
    )
)

# -- reading comments --------------------------------------------------------------------------------------------------


def test_a_status_comment_is_read_at_a_glance() -> None:
    """Head, facts, boxes and activity of the service's own status comment come out in plain words."""
    status = read(STATUS + "\n\n" + comments.marker("task-1-status"))
    assert status.head == "Working on it"
    assert status.facts == ("turn 2", "1 min 40 s", "$0.12", "branch ove/1-cart")
    assert [(box.ticked, box.stressed) for box in status.boxes] == [(True, False), (False, True), (False, False)]
    assert status.current == "Fix total()"
    assert status.words == ""
    assert status.activity == "Running pytest"
    assert dollars(STATUS) == 0.12


def test_a_question_is_read_as_words_boxes_and_small_print() -> None:
    """The service's own question becomes its words, boxes that stand close below, and small print; markers are gone."""
    parts = read_comment(comments.question_open(QUESTIONS, "alice", "ove", 7))
    assert [type(part) for part in parts] == [Words, Boxes, Small]
    assert parts[1] == Boxes(
        (Box(False, "**1. Half even**: as invoices do"), Box(False, "**2. Half up**", stressed=True)), close=True
    )
    assert "<!--" not in str(parts)


def test_folded_text_and_code_are_kept_apart() -> None:
    """What a click opens is read as parts of its own, and what looks like a box inside a code block is none."""
    code = "```\n- [ ] not a box\n```"
    body = f"Hi\n\n{code}\n\n<details><summary>What I did</summary>\n\n- [x] Much\n\n</details>\n\nBye"
    words, folded, bye = read_comment(body)
    assert isinstance(words, Words)
    assert "not a box" in words.markdown
    assert folded == Folded("What I did", (Boxes((Box(True, "Much"),), close=False),))
    assert bye == Words("Bye")


def test_an_edit_that_ticks_a_box_is_seen() -> None:
    """Only the boxes that an edit has ticked are told."""
    before = comments.question_open(QUESTIONS, "alice", "ove", 7)
    assert newly_ticked(before, before.replace("- [ ] **2", "- [x] **2")) == ["2. Half up"]
    assert newly_ticked(before, before) == []


@pytest.mark.parametrize(
    ("markdown", "told"),
    [
        ("**Zero**, said @alice", "Zero, said @alice"),
        (r"a \* b \_c\_", "a * b _c_"),
        ("`x < y` &lt;b>", "x < y <b>"),
        ("*the first 3 steps*", "the first 3 steps"),
    ],
)
def test_markdown_becomes_plain_words(markdown: str, told: str) -> None:
    """Stress, code marks and escapes of one line are taken away, and nothing else."""
    assert plain(markdown) == told


# -- reading what is typed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("1", Say("alice", "1")),
        ("@ove please\nfix it", Say("alice", "@ove please\nfix it")),
        ("", Say("alice", "@ove hi")),
        ("tick 2", Tick("alice", "2")),
        ("tick", Say("alice", "tick")),
        ("as bob tick An error", Tick("bob", "An error")),
        ("as mallory @ove 1", Say("mallory", "@ove 1")),
        ("as nobody hi", Say("alice", "as nobody hi")),
        ("Quit", Do("quit")),
        ("quit smoking", Say("alice", "quit smoking")),
        ("say quit", Say("alice", "quit")),
    ],
)
def test_what_is_typed_is_read(typed: str, command: Command) -> None:
    """Commands are few and whole lines; everything else is a comment, and an empty line is the suggestion."""
    assert read_command(typed, "@ove hi") == command


def test_an_empty_line_without_a_suggestion_asks_for_help() -> None:
    """Enter alone never sends something that was not shown."""
    assert read_command("  ") == Do("help")


@pytest.mark.parametrize(("wanted", "found"), [("2", 1), ("half u", 1), ("Half even", 0), ("3", None), ("up", None)])
def test_a_box_is_found_by_number_or_by_its_first_words(wanted: str, found: int | None) -> None:
    """A box is named by its number, or by how its words begin."""
    choices = boxes(comments.question_open(QUESTIONS, "alice", "ove", 7))
    assert find_box(choices, wanted) == (None if found is None else choices[found])


# -- the terminal ------------------------------------------------------------------------------------------------------


def test_a_terminal_without_unicode_gets_ascii() -> None:
    """Our signs, rich's own and people's become ASCII, boxes stay legible, and nothing raises."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    terminal = Terminal(out, {"COLUMNS": "40"})
    terminal.scene("5. It waits…", 1.5)
    terminal.line(1.0, "👀 by ove[bot] · 世")
    terminal.comment("alice", "on #1", "- **a** [b]\n\n- [x] done\n- [ ] not", bot=False)
    terminal.diff("+a → b\n", "#2")
    out.seek(0)
    said = out.read()
    assert "5. It waits... -" in said
    assert ":eyes: by ove[bot] - ?" in said
    assert "[x] done" in said
    assert "* a [b]" in said


def test_output_that_nobody_watches_is_plain_and_as_wide_as_asked() -> None:
    """A file or a pipe gets no colours and no line wider than COLUMNS, also where the terminal is very narrow."""
    out = io.StringIO()
    terminal = Terminal(out, {"COLUMNS": "30"})
    terminal.comment("ove[bot]", "on #1", "**bold** words that go on for more than a line", bot=True, title="A title")
    terminal.line(None, "words that go on and on, too", aside="and on", right="$1")
    terminal.facts([("A name", "and what is said about it at some length")])
    assert "\x1b" not in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 30
    assert not terminal.watched


# -- the model's part --------------------------------------------------------------------------------------------------


Exchange = tuple[str, dict[str, Any], str]
"""A tool, what it was called with, and what came back."""


def conversation(*exchanges: Exchange) -> Request:
    """A request that shows the model these tool calls and their results."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Please fix it"}]
    for number, (tool, tool_input, result) in enumerate(exchanges):
        call = {"type": "tool_use", "id": f"t{number}", "name": tool, "input": tool_input}
        answer = {"type": "tool_result", "tool_use_id": f"t{number}", "content": result}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [answer]}]
    return Request({"model": "claude-x", "messages": messages}, {})


def numbered(name: str) -> str:
    """A file of the shop as the Read tool shows it."""
    return "\n".join(f"{n}\t{line}" for n, line in enumerate(SHOP_FILES[name].splitlines(), 1))


LOOKED = ("Bash", {"command": script.LOOK}, "/clone\nabc Initial commit")
TASKS = [("TaskCreate", {"subject": name}, f"Task #{9 - n} created") for n, name in enumerate(script.TASKS)]
READ = [("Read", {"file_path": f"/clone/{name}"}, numbered(name)) for name in ("cart.py", "test_cart.py")]


def answered(answer: str) -> Exchange:
    """The question with its result, in the CLI's words."""
    told = f'Your questions have been answered: "{script.QUESTION["question"]}"="{answer}". You can now continue.'
    return ("AskUserQuestion", {"questions": [script.QUESTION]}, told)


def play(number: int, *exchanges: Exchange) -> Reply:
    """The reply at a place in the script."""
    step = script.script()[number]
    assert callable(step)
    made = step(conversation(LOOKED, *TASKS, *exchanges))
    assert isinstance(made, Reply)
    return made


CHANGE = 7


@pytest.mark.parametrize(
    ("answer", "change"),
    [
        ("Zero", "            return Decimal(0)"),
        ("Zero: the page shows it", "            return Decimal(0)"),
        ("An error", '            raise ValueError("an empty cart has no average")'),
        ('None, "like" statistics\\mean', "        For an empty cart: “None, 'like' statistics'mean”"),
    ],
)
def test_the_change_follows_from_what_the_model_was_told(answer: str, change: str) -> None:
    """The decision is read from AskUserQuestion's result, the code from Read's; own words go into the docstring."""
    [edit] = [block for block in play(CHANGE, *READ, answered(answer)).blocks if isinstance(block, Use)][-1:]
    assert edit.tool == "Edit"
    changed = SHOP_FILES["cart.py"].replace(edit.input["old_string"], edit.input["new_string"])
    assert change in changed.splitlines()
    compile(changed, "cart.py", "exec")


def test_the_checklist_is_ticked_by_the_numbers_that_the_cli_gave() -> None:
    """A task is changed under the id in TaskCreate's own result."""
    updates = [block for block in play(CHANGE, *READ, answered("Zero")).blocks if isinstance(block, Use)]
    assert [dict(update.input) for update in updates[:2]] == [
        {"taskId": "8", "status": "completed"},
        {"taskId": "7", "status": "in_progress"},
    ]


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (CHANGE, [*READ]),
        (CHANGE, [("Read", {"file_path": "/clone/cart.py"}, "1\tclass Basket:"), answered("Zero")]),
        (CHANGE + 2, [*READ, answered("Zero"), ("Bash", {"command": script.TEST}, "AssertionError")]),
    ],
    ids=["no answer", "another file", "tests fail"],
)
def test_the_model_stops_when_the_tools_say_something_else(place: int, shown: list[Exchange]) -> None:
    """Without an answer, with other code, or with failing tests the part ends there, and the model says why."""
    [block] = play(place, *shown).blocks
    assert isinstance(block, Said)
    assert block.text.startswith("I stop here")


# -- the model's part when checks fail ---------------------------------------------------------------------------------

BARE_ZERO = "AssertionError: the page shows '0', without cents"
OLD_ERROR = "ValueError: an empty cart has no average"


def report_of(error: str, *, name: str = "test", annotated: bool = True, logged: bool = True) -> str:
    """What the service tells the model of a failed check; the parts can be left out."""
    check = Check(f"github-actions/{name}", name, Verdict.FAILED, "failure", "http://127.0.0.1/check")
    annotations = (Annotation("test_page.py", 11, "failure", error),) if annotated else ()
    log = f"Traceback (most recent call last):\n{error}\n##[error]Process completed with exit code 1." if logged else ""
    failed = FailedCheck(check, annotations, "Test the page", log)
    return checks_prompt(Report("0" * 40, (failed,)), attempt=1, max_attempts=3, branch="ove/1-cart")


def told(prompt: str, answer: str, *exchanges: Exchange, meanwhile: str = "") -> Reply:
    """The reply after a prompt, when the work is done, and after what the model has done about it in one reply.

    `meanwhile` is what somebody said to the turn, beside what came back.
    """
    work = (LOOKED, *TASKS, *READ, answered(answer))
    messages = conversation(*work, *exchanges).messages
    messages, since = messages[: 1 + 2 * len(work)], messages[1 + 2 * len(work) :]
    messages.append({"role": "user", "content": prompt})
    if exchanges:
        calls, results = ([block for one in since[n::2] for block in one["content"]] for n in (0, 1))
        if meanwhile:
            results.append({"type": "text", "text": f"<system-reminder>{meanwhile}</system-reminder>"})
        messages += [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    step = script.script()[REPORTED]
    assert callable(step)
    made = step(Request({"model": "claude-x", "messages": messages}, {}))
    assert isinstance(made, Reply)
    return made


REPORTED = 12
"""The place of the first reply after the work is done."""


@pytest.mark.parametrize(
    ("answer", "error", "file", "line"),
    [
        ("Zero", BARE_ZERO, "cart.py", '            return Decimal("0.00")'),
        ("An error", OLD_ERROR, "page.py", "    except ValueError:"),
    ],
)
def test_the_repair_follows_from_the_report(answer: str, error: str, file: str, line: str) -> None:
    """Told what CI found, the model sees it fail here, too, and then changes what is wrong."""
    looks = [block for block in told(report_of(error), answer).blocks if isinstance(block, Use)]
    assert script.PAGE_TEST in [look.input.get("command") for look in looks]
    seen = ("Bash", {"command": script.PAGE_TEST}, f"Exit code 1\n{error}")
    [edit] = [block for block in told(report_of(error), answer, seen).blocks if isinstance(block, Use)]
    before = SHOP_FILES[file].replace("        return sum", "            return Decimal(0)\n        return sum")
    assert before.count(edit.input["old_string"]) == 1
    assert edit.input["file_path"] == f"/clone/{file}"
    assert line in before.replace(edit.input["old_string"], edit.input["new_string"]).splitlines()


@pytest.mark.parametrize(
    ("report", "answer"),
    [
        (report_of(BARE_ZERO, name="lint"), "Zero"),
        (report_of(BARE_ZERO, annotated=False), "Zero"),
        (report_of(BARE_ZERO, logged=False), "Zero"),
        (report_of(OLD_ERROR), "Zero"),
        (report_of(BARE_ZERO), "None"),
    ],
    ids=["another check", "no annotation", "no log", "another error", "nothing to repair"],
)
def test_the_model_repairs_nothing_that_the_report_does_not_tell(report: str, answer: str) -> None:
    """Without the check's name, its annotation or its log in the report there is no repair: so the demo proves them."""
    [block] = told(report, answer).blocks
    assert isinstance(block, Said)
    assert block.text.startswith("I stop here")


# -- the model's part when more is asked -------------------------------------------------------------------------------

THREAD = Conversation("acme/shop", 2, True, "Return 0", Written("ove[bot]", "you", "It returned nothing."), ())
MORE = next_prompt((), THREAD, request=script.FOLLOW_UP, requester="bob", right="write")


@pytest.mark.parametrize(
    ("meanwhile", "has_example"), [("", True), (message(script.ADDITION, "alice"), False)], ids=["alone", "with a word"]
)
@pytest.mark.parametrize(("answer", "shown"), [("Zero", "0.00"), ("An error", "-")])
def test_the_readme_says_what_the_page_shows_as_long_as_people_want_it(
    answer: str, shown: str, meanwhile: str, has_example: bool
) -> None:
    """The page's own output goes into the README; the example is left out when a word to the turn says so."""
    looks = [block for block in told(MORE, answer).blocks if isinstance(block, Use)]
    results = {"Read": numbered("README.md"), "Bash": f"{shown}\n"}
    seen = [(look.tool, dict(look.input), results[look.tool]) for look in looks]
    edit, _ = (block for block in told(MORE, answer, *seen, meanwhile=meanwhile).blocks if isinstance(block, Use))
    assert SHOP_FILES["README.md"].count(edit.input["old_string"]) == 1
    assert f"the page shows `{shown}` as the average." in edit.input["new_string"]
    assert (">>>" in edit.input["new_string"]) is has_example


def test_the_check_that_the_model_knows_is_the_one_that_ci_makes() -> None:
    """CI's job has the name, and runs the command, that the model's part goes by."""
    assert [job.name for job in SHOP_JOBS] == [script.CHECK]
    commands = [" ".join(step.command) for step in SHOP_JOBS[0].steps]
    assert commands == [script.TEST, script.PAGE_TEST]
