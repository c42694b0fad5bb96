"""Tests of finding, in what a CI job printed, the step that failed and the line that says why."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.joblogs import LEFT_OUT, ErrorLine, best_error, end_of, error_lines, meaningful_lines, neutral, tail


def stamped(*lines: str, second: int = 0) -> str:
    """Lines as GitHub's runner records them, each printed a second after the one before."""
    return "\n".join(f"2026-05-04T09:00:{second + n:02}.1234567Z {line}" for n, line in enumerate(lines))


def at(second: int) -> float:
    """The time of a line of `stamped`."""
    return datetime.fromisoformat(f"2026-05-04T09:00:{second:02}Z").timestamp()


SETUP = (
    "Current runner version: '2.330.0'",
    "##[group]Run actions/checkout@v5",
    "with:",
    "  repository: alice/shop",
    "##[endgroup]",
    "##[command]/usr/bin/git version",
    "git version 2.51.0",
)
FAILED_STEP = (
    "##[group]Run python -m pytest",
    "\x1b[36;1mpython -m pytest\x1b[0m",
    "shell: /usr/bin/bash -e {0}",
    "##[endgroup]",
    "\x1b[1m\x1b[31mE       assert 3 == 4\x1b[0m",
    "FAILED tests/test_cart.py::test_total - assert 3 == 4",
    "##[error]Process completed with exit code 1.",
)
AFTERWARDS = (
    "##[group]Run actions/upload-artifact@v5",
    "with:",
    "##[endgroup]",
    "No files were found with the provided path",
    "Post job cleanup.",
    "[command]/usr/bin/git config --local --unset-all",
    "Cleaning up orphan processes",
)
READABLE = """\
Run python -m pytest
python -m pytest
shell: /usr/bin/bash -e {0}
E       assert 3 == 4
FAILED tests/test_cart.py::test_total - assert 3 == 4
Error: Process completed with exit code 1."""


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_it_is_the_step_that_failed_and_not_the_clean_up(ending: str) -> None:
    """From a whole job's log, also a Windows one, only the failed step is left, as people read it on GitHub."""
    log = "\ufeff" + stamped(*SETUP, *FAILED_STEP, *AFTERWARDS).replace("\n", ending) + ending
    assert tail(log, failed_step=None) == READABLE


FORGIVEN = (
    "##[group]Run ruff check",
    "shell: bash",
    "##[endgroup]",
    "E501",
    "##[error]Process completed with exit code 1.",
)
ALWAYS = ("##[group]Run ./report", "##[group]Run cat x", "shell: bash", "##[endgroup]", FAILED_STEP[-1])


def test_the_name_of_the_step_finds_it_between_others_that_failed() -> None:
    """A step that may fail before it, and one that always runs and fails behind it, are not taken for it."""
    log = stamped(*FORGIVEN, *FAILED_STEP, *ALWAYS)
    assert tail(log, failed_step="Run python -m pytest") == READABLE


def test_the_times_of_the_step_find_it_when_its_name_is_not_in_the_log() -> None:
    """A step with a name of its own is found by when it ran, in whole seconds as GitHub gives them."""
    log = stamped(*FORGIVEN, *FAILED_STEP, *ALWAYS)
    first, last = len(FORGIVEN), len(FORGIVEN) + len(FAILED_STEP) - 1
    assert tail(log, failed_step="Tests", started=at(first), completed=at(last)) == READABLE


def test_times_that_fit_nothing_are_left_aside() -> None:
    """A runner whose clock is wrong does not make the log empty."""
    assert tail(stamped(*FAILED_STEP, *AFTERWARDS), failed_step=None, started=at(59), completed=at(59)) == READABLE


def test_an_action_that_fails_by_itself_ends_with_its_own_error() -> None:
    """Where no command's exit code is written, the last error before the clean-up is the end."""
    action = ("##[group]Run acme/deploy@v1", "##[endgroup]", "uploading", "##[error]HttpError: no such bucket")
    assert tail(stamped(*action, "Post job cleanup.", "##[error]cache"), failed_step=None).endswith("no such bucket")


def test_a_job_that_was_cut_off_shows_what_it_did_last() -> None:
    """Without any error line, the log ends where the clean-up begins."""
    log = stamped("##[group]Run make", "shell: bash", "##[endgroup]", "still linking", "Post job cleanup.", "bye")
    assert tail(log, failed_step=None) == "Run make\nshell: bash\nstill linking"


def test_the_log_of_another_ci_is_its_end() -> None:
    """Plain logs, GitLab's and Buildkite's marks included, are cleaned and cut in the same way."""
    log = (
        "\x1b[0Ksection_start:1560896352:test\r\x1b[0K$ make test\n"
        "\x1b_bk;t=1560896352\x07downloading 10%\rdownloading 50%\rdownloading 100%\r\n"
        "\x1b]8;;https://x.test\x1b\\cart.c\x1b]8;;\x1b\\:3:5: error: 'x' undeclared\x07\n\n\n\n"
        "ERROR: Job failed: exit code 1\n"
    )
    assert tail(log, failed_step=None) == (
        "$ make test\ndownloading 100%\ncart.c:3:5: error: 'x' undeclared\n\nERROR: Job failed: exit code 1"
    )


def test_a_long_log_keeps_its_last_lines_and_says_so() -> None:
    """Lines and characters are both bounded; what was left out is named."""
    log = stamped(*(f"line {n}" for n in range(60)))
    assert tail(log, failed_step=None, most_lines=2) == f"{LEFT_OUT}\nline 58\nline 59"
    assert tail(log, failed_step=None, most_characters=len(LEFT_OUT) + 12) == f"{LEFT_OUT}\nline 59"
    assert LEFT_OUT not in tail(log, failed_step=None)


def test_a_giant_line_keeps_both_of_its_ends() -> None:
    """A line of megabytes does not drive out the others, and still shows how it begins and ends."""
    text = tail(f"before\nerror: {'x' * 3_000_000} at the end\nafter", failed_step=None)
    assert text.startswith("before\nerror: xxx")
    assert text.endswith("xxx at the end\nafter")
    assert len(text) < 1_100


pieces = st.sampled_from(
    ["\n", "\r", "\x1b[", "\x1b]", "\x07", "\x1b", "31m", "##[group]Run x", "##[error]", "##[endgroup]", "shell: sh",
     "Process completed with exit code 1.", "Post job cleanup.", "2026-05-04T09:00:01Z ", "2026-99-99T99:99:99Z ",
     "\ufeff", "\ud800", "\u202e", "E   assert", "FAILED a.py::b - c", "a.py:1:", "● ", "error:", "Traceback"]
)  # fmt: skip
logs = st.lists(pieces | st.text(max_size=8), max_size=40).map("".join)
times = st.none() | st.floats() | st.just(at(1))


@given(
    log=logs,
    step=st.none() | st.just("Run x"),
    started=times,
    completed=times,
    lines=st.integers(1, 9),
    size=st.integers(0, 99),
)
def test_no_log_can_break_the_reading(
    log: str, step: str | None, started: float | None, completed: float | None, lines: int, size: int
) -> None:
    """Whatever stands in a log, its end is bounded text that can be stored and printed."""
    text = tail(log, failed_step=step, started=started, completed=completed, most_lines=lines, most_characters=size)
    assert len(text) <= size
    assert text.count("\n") <= lines
    assert all(char in "\n\t" or char >= " " for char in text)
    text.encode()
    best_error(log)
    assert all(line in text for line in end_of(text, 30).split("\n")[1:])


@given(log=logs)
def test_reading_what_was_read_changes_nothing(log: str) -> None:
    """The end of a log that has no marks of Actions is plain text: its own end is the same again."""
    for mark in ("2026", "##", "Post job"):
        log = log.replace(mark, "")
    once = tail(log, failed_step=None)
    assert tail(once, failed_step=None) == once


@pytest.mark.parametrize(
    "flood",
    ["\x1b]", "\x1b[0", "\r", "a\r", "##[group]Run x\n", "##[error]x\n", "1", ".a", "a.a:1", "((", "\x1b]0;x",
     "E   x\n", "a:1:", "0x", "1s", "/tmp/", "::", "A::", "2026-05-04T09:00:01Z x\n"],
)  # fmt: skip
def test_a_flood_is_read_in_linear_time(flood: str) -> None:
    """A few hundred thousand repetitions of what patterns look for are read at once; a quadratic reader would hang."""
    log = flood * 200_000
    assert len(tail(log, failed_step="Run x", started=at(0))) <= 8_000
    best_error(tail(log, failed_step=None))


PYTEST = """\
    def test_total():
>       assert total([1, 2]) == 4
E       assert 3 == 4
E        +  where 3 = total([1, 2])

tests/test_cart.py:5: AssertionError
"""
JEST = """\
FAIL src/cart.test.js
  ● total › adds up

    expect(received).toBe(expected) // Object.is equality

    Expected: 4
    Received: 3

      at Object.toBe (src/cart.test.js:4:25)

Tests:       1 failed, 1 total
npm error Lifecycle script `test` failed with error:
npm error code 1
"""  # noqa: RUF001
CARGO_TEST = """\
thread 'tests::adds' (4711) panicked at src/lib.rs:14:9:
assertion `left == right` failed
  left: 3
 right: 4
test result: FAILED. 3 passed; 1 failed; 0 ignored
error: test failed, to rerun pass `--lib`
"""
CARGO_BUILD = """\
error[E0308]: mismatched types
 --> src/lib.rs:3:5
error: could not compile `shop` (lib) due to 1 previous error
"""
GO = """\
--- FAIL: TestTotal (0.00s)
    cart_test.go:12: total = 3, want 4
FAIL
FAIL\tshop/cart\t0.003s
"""
VITEST = """\
Error: AssertionError: expected 'error' to be 'blocked' // Object.is equality

Expected: "blocked"
Received: "error"

 ❯ packages/core/cross.test.ts:40:34

Error: Process completed with exit code 1.
"""  # noqa: RUF001
TRACEBACK = """\
Traceback (most recent call last):
  File "/home/runner/work/shop/shop/manage.py", line 22, in <module>
    main()
    ~~~~^^
  File "/opt/hostedtoolcache/Python/3.12/lib/python3.12/importlib/__init__.py", line 90, in import_module
    return _bootstrap._gcd_import(name)
ModuleNotFoundError: No module named 'django'
Error: Process completed with exit code 1.
"""


@pytest.mark.parametrize(
    ("log", "message", "where"),
    [
        (PYTEST, "assert 3 == 4", "tests/test_cart.py:5"),
        (PYTEST + "FAILED tests/test_cart.py::test_total - assert 3 == 4\n",
         "FAILED tests/test_cart.py::test_total - assert 3 == 4", ""),
        (JEST, "total › adds up: expect(received).toBe(expected) // Object.is equality",  # noqa: RUF001
         "src/cart.test.js:4"),
        (CARGO_TEST, "thread 'tests::adds' (4711) panicked at src/lib.rs:14:9: assertion `left == right` failed",
         "src/lib.rs:14"),
        (CARGO_BUILD, "error[E0308]: mismatched types", "src/lib.rs:3"),
        (VITEST, "AssertionError: expected 'error' to be 'blocked' // Object.is equality",
         "packages/core/cross.test.ts:40"),
        (GO, "total = 3, want 4", "cart_test.go:12"),
        (TRACEBACK, "ModuleNotFoundError: No module named 'django'", "manage.py:22"),
        ("src/cart.ts(3,5): error TS2322: Type 'x'", "error TS2322: Type 'x'", "src/cart.ts:3"),
        ("ove_gh/ci.py:3: error: Name \"x\" is not defined  [name-defined]\nFound 1 error in 1 file",
         "error: Name \"x\" is not defined  [name-defined]", "ove_gh/ci.py:3"),
        ("F401 [*] `os` imported but unused\n --> a/cart.py:1:8\n", "F401 [*] `os` imported but unused", "a/cart.py:1"),
        ("panic: runtime error: index out of range [5]", "panic: runtime error: index out of range [5]", ""),
        ("npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree\nnpm error",
         "npm error ERESOLVE unable to resolve dependency tree", ""),
        ("make: *** [Makefile:3: test] Error 1", "make: *** [Makefile:3: test] Error 1", ""),
        ("/home/runner/x.sh: line 1: tox: command not found", "/home/runner/x.sh: line 1: tox: command not found", ""),
    ],
)  # fmt: skip
def test_the_line_that_tells_most_is_found(log: str, message: str, where: str) -> None:
    """Of what common tools print, the line that names the error wins, with its place where one is told."""
    assert best_error(log) == ErrorLine(message, where)


@pytest.mark.parametrize("log", ["", "3 passed", "Error: Process completed with exit code 1.", "want: 3", LEFT_OUT])
def test_where_nothing_is_named_nothing_is_found(log: str) -> None:
    """An exit code, a success or half of a comparison is not taken for the error."""
    assert best_error(log) is None


def test_error_lines_hold_the_reasons_and_not_the_echoes() -> None:
    """What was expected and what came belong to the error; that make or npm failed because of it does not."""
    lines = error_lines(JEST)
    assert {"● total › adds up", "Expected: 4", "Received: 3"} <= set(lines)  # noqa: RUF001
    assert not any("npm error" in line for line in lines)
    assert error_lines("npm error code 1\nnpm error") == ("npm error code 1",)
    assert "assertion `left == right` failed" in error_lines(CARGO_TEST)


def test_meaningful_lines_have_something_to_say() -> None:
    """Rules, blank lines and Actions' own exit code are passed over."""
    assert list(meaningful_lines("\n====\nProcess completed with exit code 2.\n one \n---\ntwo")) == ["one", "two"]


@pytest.mark.parametrize(
    ("one_run", "another_run"),
    [
        ("at 2026-05-04T09:00:00.123Z it broke", "at 2027-01-01T23:59:59Z it broke"),
        ("2026-05-04 09:00:00,123 ERROR x", "2026-05-05 10:11:12,000 ERROR x"),
        ("--- FAIL: TestTotal (0.00s)", "--- FAIL: TestTotal (1m12.5s)"),
        ("timed out after 12 ms", "timed out after 3 minutes"),
        ("<Cart object at 0x7f3a>", "<Cart object at 0x55d1ffe0>"),
        ("bad object a74e7e1", "bad object 0123456789abcdef0123456789abcdef01234567"),
        ("no file '/tmp/pytest-of-runner/pytest-0/x.txt'", "no file '/tmp/tmpk3j_a9/y.txt'"),
        ("no file /var/folders/zz/T/abc", "no file /var/folders/aa/T/def"),
        ("cart.py:3:5: F401 unused", "cart.py:13:9: F401 unused"),
        ("cart.ts(3,5): error TS1", "cart.ts(30,15): error TS1"),
        ('File "cart.py", line 3', 'File "cart.py", line 33'),
        ("make: *** [Makefile:3: test] Error 1", "make: *** [Makefile:4: test] Error 1"),
        ("3:5 error unused", "30:5  error  unused"),
        ("see actions/runs/123/job/456", "see actions/runs/9999999999/job/1"),
        ("no answer from localhost:43251", "no answer from localhost:39999"),
        ("thread 'adds' (4711) panicked", "thread 'adds' (99) panicked"),
        ("request 6f9619ff-8b86-d011-b42d-00cf4fc964ff", "request 16fd2706-8baf-433b-82eb-8c7fada847da"),
    ],
)
def test_what_changes_from_run_to_run_is_the_same(one_run: str, another_run: str) -> None:
    """Times, durations, addresses, commits, ports, temporary paths, lines and run ids do not tell errors apart."""
    assert neutral(one_run) == neutral(another_run)


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("assert 3 == 4", "assert 5 == 4"),
        ("exit code 1", "exit code 2"),
        ("coverage 79.12%", "coverage 80.4%"),
        ("HTTP 404", "HTTP 500"),
        ("cart.py:3: error", "shop.py:3: error"),
        ("F401 unused", "F402 unused"),
        ("version 1.2.3", "version 1.2.4"),
        ("defaced", "effaced"),
        ("test_total[3]", "test_total[4]"),
    ],
)
def test_what_makes_another_error_stays(one: str, another: str) -> None:
    """Values, codes, files and names are what an error is about."""
    assert neutral(one) != neutral(another)


changing = st.lists(
    st.sampled_from(
        ["0x", "1", "12", "1234567", "123456789", "abcdef", ":", ".", ",", "/", "-", " ", "(", ")", "[", "]", "ms", "s",
         "h", "T", "Z", "+", "line", "run #", "job/", "port ", "localhost", "::1", ".py", "/tmp/", "2026-05-04",
         "09:00:01", "gw", "thread 'x' ", "Makefile", "error"]
    ),
    max_size=14,
).map("".join)  # fmt: skip


@given(line=changing)
def test_a_neutral_line_is_neutral(line: str) -> None:
    """What was taken out leaves nothing behind that would have to be taken out again."""
    assert neutral(neutral(line)) == neutral(line)
