"""The tables.

Times are seconds since the epoch (UTC) as floating point numbers; JSON columns hold plain values; GitHub's ids have
outgrown 32 bits.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("guid", String(64), nullable=False, unique=True),
    Column("event", String(64), nullable=False),
    Column("lane", String(80), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", Double, nullable=False),
    Column("due_at", Double, nullable=False),
    Column("tries", Integer, nullable=False, default=0),
    Column("handled_at", Double),
    Column("problem", Text),
)
"""Deliveries, recorded before they are acknowledged. `problem` says why one was given up, or is tried again."""

Index("ix_inbox_waiting", inbox.c.handled_at, inbox.c.lane, inbox.c.id)

threads = Table(
    "threads",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("installation_id", BigInteger, nullable=False),
    Column("full_name", String(255), nullable=False),
    Column("title", Text, nullable=False, default=""),
    Column("session_id", String(64)),
    Column("branch", String(255)),
    Column("base_branch", String(255)),
    Column("pushed_sha", String(64)),
    Column("pull_number", Integer),
    Column("pull_url", Text),
    Column("model", String(100)),
    Column("budget_usd", Double),
    Column("reviewed_sha", String(64)),
    Column("fork_pull", Integer),
    UniqueConstraint("repository_id", "number"),
)
"""`model` and `budget_usd` are what somebody said for this thread; None: what the operator decided."""

thread_pulls = Table(
    "thread_pulls",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("thread_id", ForeignKey("threads.id"), nullable=False),
)
"""Every pull request that came of a thread: what is said there reaches it, also when a later one followed."""

tasks = Table(
    "tasks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("thread_id", ForeignKey("threads.id"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("kind", String(16), nullable=False, server_default="work"),
    Column("priority", Integer, nullable=False, server_default="2"),
    Column("afresh", Boolean, nullable=False, server_default="0"),
    Column("started_again", Boolean, nullable=False, server_default="0"),
    Column("request", Text, nullable=False),
    Column("source_kind", String(16), nullable=False),
    Column("source_id", BigInteger, nullable=False),
    Column("source_url", Text, nullable=False),
    Column("requester_id", BigInteger, nullable=False),
    Column("requester_login", String(255), nullable=False),
    Column("schedule_id", ForeignKey("schedules.id"), index=True),
    Column("cost_usd", Double, nullable=False, default=0.0),
    Column("created_at", Double, nullable=False),
    Column("started_at", Double),
    Column("ended_at", Double),
    Column("failure", String(64)),
    Column("stop_asked_by", String(255)),
)
"""`number` is the issue or pull request where the task was asked for, and where its comments go. `schedule_id` is set
when a schedule asked. `stop_asked_by` is the login of who wants a running task to stop."""

turns = Table(
    "turns",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", ForeignKey("tasks.id"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("status", String(16), nullable=False, index=True),
    Column("answers_question", ForeignKey("questions.id")),
    Column("answers_wait", ForeignKey("waits.id")),
    Column("due_at", Double, nullable=False),
    Column("claimed_by", String(64)),
    Column("starts", Integer, nullable=False, default=0),
    Column("clean_stops", Integer, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0),
    Column("outcome", JSON(none_as_null=True)),
    Column("pushing", String(64)),
    Column("cost_usd", Double, nullable=False, default=0.0),
    Column("started_at", Double),
    Column("ended_at", Double),
    UniqueConstraint("task_id", "position"),
)
"""`pushing` is the commit that the turn was about to push, or has pushed. `claimed_by` names the run of the service
that works on a turn; a claim of another run is left over from a crash."""

questions = Table(
    "questions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", ForeignKey("tasks.id"), nullable=False, index=True),
    Column("tool_use_id", String(128), nullable=False),
    Column("questions", JSON, nullable=False),
    Column("open", Boolean, nullable=False),
    Column("asked_at", Double, nullable=False),
    Column("reminded_at", Double),
    Column("expired_at", Double),
    Column("answers", JSON, nullable=False),
    Column("answered_at", Double),
    Column("answered_by_id", BigInteger),
    Column("answered_by_login", String(255)),
    Column("answered_url", Text),
)
"""AskUserQuestion calls. `answers` grows while some of its questions are still open."""

waits = Table(
    "waits",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", ForeignKey("tasks.id"), nullable=False, index=True),
    Column("sha", String(64), nullable=False),
    Column("base_sha", String(64), nullable=False),
    Column("previous_sha", String(64), nullable=False),
    Column("pushed_at", Double, nullable=False),
    Column("hints", Integer, nullable=False, default=1),
    Column("seen_hints", Integer, nullable=False, default=0),
    Column("due_at", Double),
    Column("looked_at", Double),
    Column("tries", Integer, nullable=False, default=0),
    Column("end", String(16)),
    Column("ended_at", Double),
    Column("lap", JSON(none_as_null=True)),
    Column("report", JSON(none_as_null=True)),
    Column("attempt", Integer),
    Column("asks", Boolean, nullable=False, default=False),
)
"""Pushed commits whose checks decide about a task. A wait is looked at while `hints` is ahead of `seen_hints`, or when
it is due. `attempt` counts the turn that answers a red one; `asks` says that this turn is to put a question instead."""

Index("ix_waits_sha", waits.c.sha)

schedules = Table(
    "schedules",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("repository_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("installation_id", BigInteger, nullable=False),
    Column("full_name", String(255), nullable=False),
    Column("issue", Integer, nullable=False),
    Column("issue_title", Text, nullable=False, default=""),
    Column("owner_id", BigInteger, nullable=False),
    Column("owner_login", String(255), nullable=False),
    Column("url", Text, nullable=False),
    Column("name", String(255)),
    Column("words", Text, nullable=False),
    Column("cron", String(255)),
    Column("zone", String(64), nullable=False),
    Column("request", Text, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("due_at", Double),
    Column("tries", Integer, nullable=False, default=0),
    Column("last_run_at", Double),
    Column("last_task_id", Integer),
    Column("last_outcome", String(16)),
    Column("last_note", Text),
    Column("last_url", Text),
    Column("created_at", Double, nullable=False),
    UniqueConstraint("repository_id", "number"),
)
"""What starts tasks by itself. `number` is how people name a schedule in its repository, `name` its name in the
repository's own settings, None for one that was asked for in a comment at `url`. `cron` is None until it was read."""

repository_settings = Table(
    "repository_settings",
    metadata,
    Column("repository_id", BigInteger, primary_key=True, autoincrement=False),
    Column("content", JSON, nullable=False),
    Column("read_at", Double, nullable=False),
)
"""The last `.github/ove.yml` of each repository that could be read without a mistake."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(128), nullable=False, unique=True),
    Column("lane", String(80), nullable=False),
    Column("installation_id", BigInteger, nullable=False),
    Column("repository_id", BigInteger, nullable=False),
    Column("full_name", String(255), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("content", JSON, nullable=False),
    Column("version", Integer, nullable=False),
    Column("sent_version", Integer, nullable=False, default=0),
    Column("remote_id", BigInteger),
    Column("remote_url", Text),
    Column("due_at", Double, nullable=False),
    Column("begun_at", Double),
    Column("tries", Integer, nullable=False, default=0),
    Column("given_up_at", Double),
    Column("problem", Text),
    Column("created_at", Double, nullable=False),
)
"""What is to stand on GitHub. A row is sent while `version` is ahead of `sent_version`."""

Index("ix_outbox_waiting", outbox.c.lane, outbox.c.id)

messages = Table(
    "messages",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("thread_id", ForeignKey("threads.id"), nullable=False, index=True),
    Column("task_id", ForeignKey("tasks.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("writer_id", BigInteger, nullable=False),
    Column("writer_login", String(255), nullable=False),
    Column("source_kind", String(16), nullable=False),
    Column("source_id", BigInteger, nullable=False),
    Column("source_url", Text, nullable=False),
    Column("asks", Boolean, nullable=False, server_default="1"),
    Column("written_at", Double, nullable=False),
    Column("taken_at", Double),
)
"""What people said while the agent worked on a task. One that `asks` for something, and that the agent did not take any
more, becomes a task; what was only said in the thread stands there for the next turn."""

replies = Table(
    "replies",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", ForeignKey("tasks.id"), nullable=False, index=True),
    Column("comment_id", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    UniqueConstraint("task_id", "comment_id"),
)
"""What the agent answers in review threads, posted when its turn has been published."""

remarks = Table(
    "remarks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", ForeignKey("tasks.id"), nullable=False, index=True),
    Column("path", Text, nullable=False),
    Column("line", Integer, nullable=False),
    Column("start_line", Integer),
    Column("text", Text, nullable=False),
    Column("suggestion", Text),
)
"""What the agent remarks on lines of a pull request, posted as one review when its turn has ended."""

traces = Table(
    "traces",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("task_id", ForeignKey("tasks.id"), nullable=False, index=True),
    Column("turn_id", ForeignKey("turns.id"), nullable=False),
    Column("at", Double, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("summary", Text, nullable=False),
    Column("detail", Text, nullable=False),
)
"""The steps of a task, as they happened."""

transcripts = Table(
    "transcripts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project_key", String(255), nullable=False),
    Column("session_id", String(64), nullable=False),
    Column("subpath", String(255), nullable=False, default=""),
    Column("uuid", String(64)),
    Column("entry", JSON, nullable=False),
    Column("written_at", Double, nullable=False),
    UniqueConstraint("project_key", "session_id", "subpath", "uuid"),
)
"""Claude's session transcripts, one row an entry, in the order of `id`. Entries without a uuid may repeat."""
