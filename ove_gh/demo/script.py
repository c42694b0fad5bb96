"""The part that the demo's model plays by heart: it works on one bug of the shop. Pure functions of what it is shown.

Nothing here knows what the tools will say: paths, lines of code, test results and the people's decision are read from
the results that the agent really got, so a tool that fails makes the model say so instead of going on.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from ove_gh.demo.model import Block, Hang, Reply, Request, Step, ask, reply, say, use
from ove_gh.demo.model.request import blocks, own_words

ISSUE_TITLE = "The average of an empty cart fails"
ISSUE_BODY = (
    "`Cart().average()` raises `ZeroDivisionError` when nothing is in the cart, and our mails break. The page gets "
    "around it."
)
REQUEST = "please make `average()` work for an empty cart"

FOLLOW_UP = "also say in the README what the page shows for an empty cart"
ADDITION = "one sentence is enough"

ZERO, ERROR = "Zero", "An error"
QUESTION: dict[str, Any] = {
    "question": "What should the average of an empty cart be?",
    "header": "Empty cart",
    "options": [
        {"label": ZERO, "description": "the page can show it as it is"},
        {"label": ERROR, "description": "`ValueError`; whoever calls it must look first"},
    ],
    "multiSelect": False,
}

TASKS = FIND_OUT, NEW_TEST, CHANGE, COMMIT = (
    "Find out why it fails",
    "Write a test that fails",
    "Change `average()`",
    "Run the tests and commit",
)

LOOK = "pwd && git log --oneline -3 && ls"
REPRODUCE = 'python3 -c "from cart import Cart; Cart().average()"'
TEST = "python3 test_cart.py"
CHECK, PAGE_TEST = "test", "python3 test_page.py"
"""The check that CI makes, and the part of it that the script does not think of by itself."""
SHOW = 'python3 -c "from cart import Cart; from page import average; print(average(Cart()))"'

MANY = 200
"""More requests than one demo will bring."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A line as it stands in the file, and what it becomes."""

    line: str
    becomes: str


@dataclass(frozen=True, slots=True)
class Repair:
    """What CI finds wrong with a change, and what the script does about it; `file` is where that is."""

    error: str
    lesson: str
    title: str
    done: str
    file: str
    change: Edit


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from the people's decision; no `repair` where CI has nothing to say."""

    title: str
    body: str
    done: str
    test: str
    changes: Callable[[str], Edit]
    fixes_issue: bool = True
    repair: Repair | None = None


class NotFound(Exception):
    """A tool's result does not hold what the script goes on from; the message says what was looked for."""


def script(pause: Hang | None = None) -> list[Step]:
    """The whole part: the work on the cart with its question; then a repair when checks fail, and a word in the README.

    `pause` holds the model up when there was a repair, and something is asked of it after that.
    """
    before = [_begin, _read, _reproduce, _understand, _ask]
    after = [_write_test, _see_it_fail, _change, _run_tests, _commit, _describe, _report]
    return [
        *map(_or_say_why, before + after),
        *repeat(_or_say_why(_go_on), len(_REPAIRING)),
        *([pause] if pause else []),
        *repeat(_or_say_why(_go_on), MANY),
    ]


def _or_say_why(step: Callable[[Request], Reply]) -> Callable[[Request], Reply]:
    def play(request: Request) -> Reply:
        try:
            return step(request)
        except NotFound as error:
            return reply(say(f"I stop here, because I do not understand what I see: {error}"))

    return play


# -- before the question -----------------------------------------------------------------------------------------------


def _begin(_request: Request) -> Reply:
    tasks = [use("TaskCreate", subject=subject, description=subject) for subject in TASKS]
    return reply(
        say("I begin with the code, its tests and its history."),
        *tasks,
        use("Bash", command=LOOK, description="Look around"),
    )


def _read(request: Request) -> Reply:
    return reply(
        _start(request, FIND_OUT),
        use("Read", file_path=f"{_folder(request)}/cart.py"),
        use("Read", file_path=f"{_folder(request)}/test_cart.py"),
    )


def _reproduce(_request: Request) -> Reply:
    return reply(use("Bash", command=REPRODUCE, description="See it fail"))


def _understand(request: Request) -> Reply:
    failure = _result(request, "Bash", REPRODUCE).strip().splitlines()[-1]
    if "Error" not in failure:
        raise NotFound(f"`{REPRODUCE}` does not fail, it says: {failure}")
    return reply(
        say(f"`{failure}`: it divides by the number of pieces, which is 0."),
        _tick(request, FIND_OUT),
    )


def _ask(_request: Request) -> Reply:
    return reply(say("What is right instead is not for me to decide."), ask([QUESTION]))


# -- after the answer --------------------------------------------------------------------------------------------------


def _write_test(request: Request) -> Reply:
    plan, old = _plan(request), _line(request, "test_cart.py", "assert cart.average()")
    return reply(
        say(f"“{decision(request)}”: first a test that says so."),
        _start(request, NEW_TEST),
        use(
            "Edit",
            file_path=f"{_folder(request)}/test_cart.py",
            old_string=old,
            new_string=f"{old}\n{plan.test}",
        ),
    )


def _see_it_fail(_request: Request) -> Reply:
    return reply(use("Bash", command=TEST, description="See the new test fail"))


def _change(request: Request) -> Reply:
    edit = _plan(request).changes(_read_file(request, "cart.py"))
    return reply(
        _tick(request, NEW_TEST),
        _start(request, CHANGE),
        use("Edit", file_path=f"{_folder(request)}/cart.py", old_string=edit.line, new_string=edit.becomes),
    )


def _run_tests(request: Request) -> Reply:
    return reply(
        _tick(request, CHANGE),
        _start(request, COMMIT),
        use("Bash", command=TEST, description="Run the tests"),
    )


def _commit(request: Request) -> Reply:
    said = _result(request, "Bash", TEST).strip()
    if said != "ok":
        raise NotFound(f"the tests fail with {said.splitlines()[-1] if said else 'no word'}")
    command = f'git commit -qam "{_plan(request).title}" && git log --oneline -1'
    return reply(use("Bash", command=command, description="Commit"))


def _describe(request: Request) -> Reply:
    plan = _plan(request)
    return reply(
        _tick(request, COMMIT),
        use(
            "mcp__ove__describe_pull_request",
            title=plan.title,
            body=plan.body,
            fixes_issue=plan.fixes_issue,
        ),
    )


def _report(request: Request) -> Reply:
    return reply(say(_plan(request).done))


# -- afterwards --------------------------------------------------------------------------------------------------------


def _go_on(request: Request) -> Reply:
    """Whatever comes when the work is done: failed checks bring the model back to it, and so does the README."""
    words, said = _newest_prompt(request)
    steps: tuple[Callable[[Request], Reply], ...]
    if "<check_results" in words:
        steps = _REPAIRING
    elif "README" in _asked(words):
        steps = _DOCUMENTING
    else:
        return _answer_further(words)
    return steps[min(_replies(said), len(steps) - 1)](request)


def _look_into(request: Request) -> Reply:
    repair = _known_repair(request)
    return reply(
        say(f"`{repair.error}`: {repair.lesson}"),
        use("Bash", command=PAGE_TEST, description="See the check fail here"),
        use("Read", file_path=f"{_folder(request)}/page.py"),
    )


def _repair(request: Request) -> Reply:
    repair = _known_repair(request)
    seen = _result(request, "Bash", PAGE_TEST).strip()
    if repair.error not in seen:
        raise NotFound(f"`{PAGE_TEST}` does not fail here as it does in CI, it says: {seen}")
    path = f"{_folder(request)}/{repair.file}"
    return reply(use("Edit", file_path=path, old_string=repair.change.line, new_string=repair.change.becomes))


def _run_all_tests(_request: Request) -> Reply:
    return reply(use("Bash", command=_ALL_TESTS, description="Run both tests"))


def _commit_repair(request: Request) -> Reply:
    said = _result(request, "Bash", _ALL_TESTS).split()
    if said != ["ok", "ok"]:
        raise NotFound(f"the tests fail with {' '.join(said) or 'no word'}")
    command = f'git commit -qam "{_known_repair(request).title}" && git log --oneline -1'
    return reply(use("Bash", command=command, description="Commit"))


def _report_repair(request: Request) -> Reply:
    return reply(say(_known_repair(request).done))


_ALL_TESTS = f"{TEST} && {PAGE_TEST}"
_REPAIRING = (_look_into, _repair, _run_all_tests, _commit_repair, _report_repair)


def _look_at_the_page(request: Request) -> Reply:
    return reply(
        use("Read", file_path=f"{_folder(request)}/README.md"),
        use("Bash", command=SHOW, description="See what the page shows"),
    )


def _document(request: Request) -> Reply:
    """One sentence, with an example below where nobody has said that this is enough."""
    shown, line = _shown(request), _line(request, "README.md", "A small shop")
    example = "" if _was_told(request, ADDITION) else f"\n\n    >>> average(Cart())\n    '{shown}'"
    return reply(
        use(
            "Edit",
            file_path=f"{_folder(request)}/README.md",
            old_string=line,
            new_string=f"{line}\nFor an empty cart the page shows `{shown}` as the average.{example}",
        ),
        use("Bash", command=_COMMIT_DOCUMENT, description="Commit"),
    )


def _report_document(request: Request) -> Reply:
    said = _result(request, "Bash", _COMMIT_DOCUMENT)
    if DOCUMENTED not in said:
        raise NotFound(f"git says: {said}")
    how = "in one sentence" if _was_told(request, ADDITION) else "with an example"
    return reply(say(f"The README now says {how} that the page shows `{_shown(request)}` for an empty cart."))


def _shown(request: Request) -> str:
    shown = _result(request, "Bash", SHOW).strip()
    if len(shown.split()) != 1:
        raise NotFound(f"the page shows {shown or 'nothing'}")
    return shown


DOCUMENTED = "Say what the page shows for an empty cart"
_COMMIT_DOCUMENT = f'git commit -am "{DOCUMENTED}"'
_DOCUMENTING = (_look_at_the_page, _document, _report_document)


def _answer_further(words: str) -> Reply:
    return reply(
        say(
            f"You wrote: “{_asked(words)}”\n\n"
            "It reached me in the same session, with all that we said before. But I am only a script here, and the "
            "empty cart is all that I know by heart. A real model would go on now, and its commits would join the pull "
            "request that is open."
        )
    )


# -- the decision ------------------------------------------------------------------------------------------------------


def decision(request: Request) -> str:
    """What people answered, as the tool AskUserQuestion told the model."""
    told = next((result for result in request.tool_results if result.tool == "AskUserQuestion"), None)
    found = re.search(re.escape(QUESTION["question"]) + r'"="(.*)"\.(?:\s|$)', told.text, re.DOTALL) if told else None
    if found is None:
        raise NotFound(f"no answer in {told.text if told else 'the conversation'}")
    return found[1]


def _plan(request: Request) -> Plan:
    answer = decision(request)
    choice, _, reason = answer.partition(": ")
    because = f" ({_in_a_sentence(reason)})" if reason else ""
    if choice == ZERO:
        return _return_zero(because)
    if choice == ERROR:
        return _raise_error(because)
    return _write_down(answer)


def _return_zero(because: str) -> Plan:
    return Plan(
        title="Return 0 for the average of an empty cart",
        body=f"{_CAUSE} It now returns 0 in that case{because}.\n\n{_CHECKED}",
        done="`average()` divided by the number of pieces, which an empty cart does not have. It now returns 0 there, "
        "and a test covers it.",
        test="assert Cart().average() == Decimal(0)",
        changes=lambda code: _after_counting(code, "return Decimal(0)"),
        repair=Repair(
            error="AssertionError: the page shows '0', without cents",
            lesson="the page cannot show a bare 0 after all. I had run only the cart's test.",
            title="Return the zero with its cents",
            done="`average()` divided by the number of pieces, which an empty cart does not have. It now returns "
            "`0.00` there: a bare 0 was not enough, because the page shows amounts with cents. Both tests pass.",
            file="cart.py",
            change=Edit("return Decimal(0)", 'return Decimal("0.00")'),
        ),
    )


def _raise_error(because: str) -> Plan:
    return Plan(
        title="Raise ValueError for the average of an empty cart",
        body=f"{_CAUSE} It now raises a `ValueError` that says so{because}.\n\n{_CHECKED}",
        done="`average()` of an empty cart now raises a `ValueError` that says what is wrong, and a test covers it.",
        test=(
            "try:\n"
            "    Cart().average()\n"
            "except ValueError:\n"
            "    pass\n"
            "else:\n"
            '    raise AssertionError("an empty cart has no average")'
        ),
        changes=lambda code: _after_counting(code, 'raise ValueError("an empty cart has no average")'),
        repair=Repair(
            error="ValueError: an empty cart has no average",
            lesson="the page still waits for the old error. I had run only the cart's test.",
            title="Let the page expect the new error",
            done="`average()` of an empty cart now raises a `ValueError` that says what is wrong. The page waited for "
            "the old error; it now expects this one, and shows its dash again. Both tests pass.",
            file="page.py",
            change=Edit("except ZeroDivisionError:", "except ValueError:"),
        ),
    )


def _write_down(words: str) -> Plan:
    """Own words are more than a script can carry out; it can show that they arrived, whole."""
    lines = textwrap.wrap(f"For an empty cart: “{_in_a_sentence(words)}”", 100)
    return Plan(
        title="Write down what an empty cart's average should be",
        body=f"The docstring now says what was decided. The code itself is not changed yet.\n\n{_CHECKED}",
        done="Your own words arrived. A real model would now carry them out; I am only a script, so I wrote them into "
        "the docstring of `average()`, where you can see them.",
        test='assert "empty cart" in str(Cart.average.__doc__)',
        changes=lambda code: _into_docstring(code, lines),
        fixes_issue=False,
    )


_CAUSE = "`average()` divided by the number of pieces, and an empty cart has none."
_CHECKED = f"Checked with `{TEST}`; its new case failed before the change."


def _after_counting(code: str, statement: str) -> Edit:
    line = _line_in(code, "pieces = ")
    indent = line[: -len(line.lstrip())]
    return Edit(line, f"{line}\n{indent}if pieces == 0:\n{indent}    {statement}")


def _into_docstring(code: str, lines: Sequence[str]) -> Edit:
    line = _line_in(code, '"""The average')
    indent = line[: -len(line.lstrip())]
    words = "".join(f"{indent}{each}\n" for each in lines)
    return Edit(line, f'{line.removesuffix(_QUOTES)}\n\n{words}{indent}"""')


_QUOTES = '"""'


def _in_a_sentence(words: str) -> str:
    """People's words as they can stand in a docstring and in a sentence."""
    return re.sub(r'["\\`]', "'", " ".join(words.split())).rstrip(".")


# -- what the tools said -----------------------------------------------------------------------------------------------


def _folder(request: Request) -> str:
    return _result(request, "Bash", LOOK).partition("\n")[0]


def _read_file(request: Request, name: str) -> str:
    """A file as the Read tool showed it, without the line numbers."""
    shown = _result(request, "Read", f"{_folder(request)}/{name}")
    return "\n".join(re.sub(r"^\s*\d+(?:\t|→)", "", line) for line in shown.splitlines())


def _start(request: Request, task: str) -> Block:
    return use("TaskUpdate", taskId=_task_id(request, task), status="in_progress")


def _tick(request: Request, task: str) -> Block:
    return use("TaskUpdate", taskId=_task_id(request, task), status="completed")


def _task_id(request: Request, task: str) -> str:
    """The number that the CLI gave a task of the checklist."""
    created = (result for result in request.tool_results if result.tool == "TaskCreate")
    for result in created:
        if result.input["subject"] == task and (number := re.search(r"#(\d+)", result.text)):
            return number[1]
    raise NotFound(f"no task is called “{task}”")


def _line(request: Request, name: str, start: str) -> str:
    return _line_in(_read_file(request, name), start)


def _line_in(code: str, start: str) -> str:
    found = next((line for line in code.splitlines() if line.strip().startswith(start)), None)
    if found is None:
        raise NotFound(f"there is no line that starts with `{start}`")
    return found


def _result(request: Request, tool: str, what: str) -> str:
    """What the newest call of a tool with this command or path came back with."""
    for result in reversed(request.tool_results):
        if result.tool == tool and what in (result.input.get("command"), result.input.get("file_path")):
            return result.text
    raise NotFound(f"{tool} never ran with `{what}`")


# -- what the service said ---------------------------------------------------------------------------------------------


def _newest_prompt(request: Request) -> tuple[str, list[dict[str, Any]]]:
    """The words that opened the turn, and the messages that it holds so far behind them."""
    for place, message in reversed(list(enumerate(request.messages))):
        words = own_words(message)
        if message["role"] == "user" and ("<request" in words or "<check_results" in words):
            return words, request.messages[place + 1 :]
    raise NotFound("nobody asked for anything")


def _replies(said: Sequence[dict[str, Any]]) -> int:
    return sum(message["role"] == "assistant" for message in said)


def _was_told(request: Request, words: str) -> bool:
    """Whether somebody has said this while the turn ran."""
    _, said = _newest_prompt(request)
    return any(words in str(blocks(message)) for message in said if message["role"] != "assistant")


def _known_repair(request: Request) -> Repair:
    """The repair for what the report says is wrong."""
    report, _ = _newest_prompt(request)
    repair = _plan(request).repair
    if repair is None or not _tells_of(repair.error, report):
        raise NotFound("the checks failed with something that I do not know")
    return repair


def _tells_of(error: str, report: str) -> bool:
    """Whether a report holds all that it should: the check, its annotation, the end of its log, with this error."""
    annotation, logged = rf"^- failure: \S+: {re.escape(error)}$", rf"^{re.escape(error)}$"
    whole = rf"^Check: {CHECK}$.*{annotation}.*<job_log>.*{logged}.*</job_log>"
    return re.search(whole, report, re.MULTILINE | re.DOTALL) is not None


def _asked(words: str) -> str:
    found = re.findall(r"<request\b[^>]*>\n(.*?)\n</request>", words, re.DOTALL)
    return " ".join(found[-1].split()) if found else "something else"
