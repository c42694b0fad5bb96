"""What the simulated GitHub remembers of files that people attach to what they write."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ove_gh.demo.github.records import Repository, User


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file, found by its `uuid`; who may read the repository may see it."""

    id: int
    uuid: str
    repository: Repository
    author: User
    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class AttachmentLink:
    """A link to the storage, good until `expires_at`."""

    attachment: Attachment
    expires_at: datetime
