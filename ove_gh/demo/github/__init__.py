"""A GitHub in this process, for the demo and the tests: honest about what GitHub accepts, refuses and sends."""

from ove_gh.demo.github.bare import Commit
from ove_gh.demo.github.check_records import (
    Annotation,
    Button,
    CheckRun,
    CheckState,
    CheckSuite,
    CommitStatus,
    JobStep,
)
from ove_gh.demo.github.clock import Clock
from ove_gh.demo.github.deliveries import Delivery, Disturbance, signature
from ove_gh.demo.github.faults import (
    Fault,
    Hang,
    Request,
    call,
    drop_connection,
    rate_limited,
    respond,
    secondarily_limited,
)
from ove_gh.demo.github.happenings import Happening, Kind
from ove_gh.demo.github.records import App, Comment, Issue, Pull, Reaction, Repository, User
from ove_gh.demo.github.refusals import Refused
from ove_gh.demo.github.review_records import InlineComment, Review, ReviewComment
from ove_gh.demo.github.simulated import SimulatedGitHub, WaitedInVain

__all__ = [
    "Annotation",
    "App",
    "Button",
    "CheckRun",
    "CheckState",
    "CheckSuite",
    "Clock",
    "Comment",
    "Commit",
    "CommitStatus",
    "Delivery",
    "Disturbance",
    "Fault",
    "Hang",
    "Happening",
    "InlineComment",
    "Issue",
    "JobStep",
    "Kind",
    "Pull",
    "Reaction",
    "Refused",
    "Repository",
    "Request",
    "Review",
    "ReviewComment",
    "SimulatedGitHub",
    "User",
    "WaitedInVain",
    "call",
    "drop_connection",
    "rate_limited",
    "respond",
    "secondarily_limited",
    "signature",
]
