"""Questions, tasks and their work, as the tests of the texts tell them."""

from __future__ import annotations

from ove_gh.agent import Step
from ove_gh.ci import FailureLine, Lap, LapEnd
from ove_gh.comments import Kept, PullLink, StatusView
from ove_gh.questions import Option, Question

ROUNDING = Question(
    "Which rounding should the total use?",
    "Rounding",
    (
        Option("Half even", "what `decimal` does; totals match the invoices"),
        Option("Half up", "what the shop page shows today"),
    ),
)
CHECKS = Question("Which checks should run?", "Checks", (Option("Lint"), Option("Types"), Option("Tests")), True)
RETRIES = Question("How many retries?", "Retries", (Option("1"), Option("3 (default)")))
NAME = Question("What shall it be called?")
TREE = "https://github.com/alice/shop/tree/ove/12-empty-cart"
STEPS = (
    Step("Read `cart.py` and its tests", "completed"),
    Step("Write a failing test", "in_progress"),
    Step("Fix `total()`", "pending"),
)
WORKING = StatusView("ove", 1, 100, 0.12, "ove/12-empty-cart", TREE, "Running `pytest tests/test_cart.py`", STEPS)
DONE = StatusView("ove", 2, 360, 0.41, "ove/12-empty-cart", TREE)
KEPT = Kept(2, "ove/12-empty-cart", TREE)
PULL = PullLink(13, "https://x.y/13", True)

TEST = FailureLine(
    "test (3.12)", "https://x.y/t", message="AssertionError: Decimal('10.005')", where="tests/test_cart.py:41"
)
LINT = FailureLine("lint", "https://x.y/l", message="lint failed")
RED = Lap("3f2a91c0d1", "https://x.y/3f", LapEnd.RED, (TEST,), attempt=1)
GREEN = Lap("8c1d2e0f33", "https://x.y/8c", LapEnd.GREEN, passed=4)
TEST_FAILED = "[`test (3.12)`](https://x.y/t) failed: `AssertionError: Decimal('10.005')` in `tests/test_cart.py:41`"
RED_TOLD = f"[`3f2a91c`](https://x.y/3f): {TEST_FAILED} → attempt 1 of 3"
GREEN_TOLD = "[`8c1d2e0`](https://x.y/8c): all 4 checks passed"


def lines(*text: str) -> str:
    """A text of these lines."""
    return "\n".join(text)
