"""What branches are called."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ove_gh.branches import branch_name, next_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Empty cart", "ove/12-empty-cart"),
        ("The total isn't `NaN` & wrong!", "ove/12-the-total-isnt-nan-wrong"),
        ("Smörgås på Ærø – größer", "ove/12-smorgas-pa-aero-grosser"),
        ("The total is wrong when the cart is empty", "ove/12-the-total-is-wrong-when-the-cart-is"),
        ("合計が違う", "ove/12-task"),
        ("", "ove/12-task"),
        ("x" * 99, "ove/12-" + "x" * 40),
        ("../../.lock @{-1}", "ove/12-lock-1"),
    ],
)
def test_a_branch_has_the_number_and_the_words_of_its_issue(title: str, name: str) -> None:
    """The title's words in plain letters, up to forty characters of whole words; never nothing."""
    assert branch_name(12, title) == name


@given(st.integers(1, 10**9), st.text())
def test_every_branch_name_is_safe(number: int, title: str) -> None:
    """Any title gives a name of letters, digits and single hyphens, which git, shells and links take as it is."""
    assert re.fullmatch(rf"ove/{number}(-[a-z0-9]+)+", branch_name(number, title))
    assert len(branch_name(number, title)) <= 60


@pytest.mark.parametrize(
    ("used", "name"),
    [
        ("ove/12-empty-cart", "ove/12-empty-cart-2"),
        ("ove/12-empty-cart-2", "ove/12-empty-cart-3"),
        ("ove/12-empty-cart-9", "ove/12-empty-cart-10"),
        ("ove/12-empty-cart-fast", "ove/12-empty-cart"),
        ("ove/12-old-title", "ove/12-empty-cart"),
        ("alices-own", "ove/12-empty-cart"),
    ],
)
def test_a_branch_that_is_done_with_is_followed_by_another(used: str, name: str) -> None:
    """It counts up from the one before; a branch of another name is not in the way."""
    assert next_name("ove/12-empty-cart", used) == name


@given(st.integers(1, 10**9), st.text(), st.integers(1, 50))
def test_no_branch_is_used_twice(number: int, title: str, times: int) -> None:
    """However often a thread begins anew, also when its title ends with a number: each branch has a name of its own."""
    first = used = branch_name(number, title)
    names = {first}
    for _ in range(times):
        used = next_name(first, used)
        assert used not in names
        names.add(used)
