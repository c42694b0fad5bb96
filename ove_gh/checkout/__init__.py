"""From GitHub to the agent's clone and back: mirror, clone, collect, push.

The service owns a bare mirror of each repository and alone speaks to GitHub. The agent owns a clone that borrows the
mirror's objects, knows no remote and holds no token. What it commits crosses back as a bundle, is checked, and is
pushed from the mirror.
"""

from ove_gh.checkout.checkouts import Checkouts, Clone, Collected
from ove_gh.checkout.errors import (
    AgentSideFailed,
    BranchMissing,
    CheckoutError,
    EmptyRepository,
    GitFailed,
    PushRejected,
    Rejection,
    RemoteDenied,
    RemoteUnavailable,
    UnexpectedHistory,
)
from ove_gh.checkout.git import Completed, RunInside, run
from ove_gh.checkout.mirror import Changes, Commit, Remote

__all__ = [
    "AgentSideFailed",
    "BranchMissing",
    "Changes",
    "CheckoutError",
    "Checkouts",
    "Clone",
    "Collected",
    "Commit",
    "Completed",
    "EmptyRepository",
    "GitFailed",
    "PushRejected",
    "Rejection",
    "Remote",
    "RemoteDenied",
    "RemoteUnavailable",
    "RunInside",
    "UnexpectedHistory",
    "run",
]
