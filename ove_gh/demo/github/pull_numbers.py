"""What a pull request adds up to: its commits, its files, whether it merges."""

from __future__ import annotations

from ove_gh.demo.github.bare import Comparison, MergeConflict
from ove_gh.demo.github.records import Pull
from ove_gh.demo.github.shapes import Json
from ove_gh.demo.github.world import World


def comparison(pull: Pull) -> Comparison:
    """What a pull request changes, as GitHub counts it: from where it left its base."""
    git = pull.repository.git
    base = pull.base_sha if pull.merged else git.branch(pull.base) or pull.base_sha
    return git.compare(base, pull.head_sha)


def pull_shape(world: World, pull: Pull) -> Json:
    """A pull request in full, with its numbers."""
    review_comments = len(world.review_comments_of(pull))
    return world.shapes.pull(pull, comparison(pull), _mergeable(pull), review_comments)


def _mergeable(pull: Pull) -> bool | None:
    base = pull.repository.git.branch(pull.base)
    if pull.state == "closed" or base is None:
        return None
    try:
        pull.repository.git.merged_tree(base, pull.head_sha)
    except MergeConflict:
        return False
    return True
