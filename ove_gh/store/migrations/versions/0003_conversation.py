"""Priorities and kinds of tasks, messages to a running turn, answers in review threads, and traces."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "thread_pulls",
        sa.Column("repository_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("thread_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_thread_pulls_thread_id_threads")),
        sa.PrimaryKeyConstraint("repository_id", "number", name=op.f("pk_thread_pulls")),
    )
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("thread_id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("writer_id", sa.BigInteger(), nullable=False),
        sa.Column("writer_login", sa.String(length=255), nullable=False),
        sa.Column("source_kind", sa.String(length=16), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("source_url", sa.Text(), nullable=False),
        sa.Column("asks", sa.Boolean(), server_default="1", nullable=False),
        sa.Column("written_at", sa.Double(), nullable=False),
        sa.Column("taken_at", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_messages_task_id_tasks")),
        sa.ForeignKeyConstraint(["thread_id"], ["threads.id"], name=op.f("fk_messages_thread_id_threads")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_messages")),
    )
    op.create_index(op.f("ix_messages_thread_id"), "messages", ["thread_id"], unique=False)

    op.create_table(
        "replies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("comment_id", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_replies_task_id_tasks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_replies")),
        sa.UniqueConstraint("task_id", "comment_id", name=op.f("uq_replies_task_id_comment_id")),
    )
    op.create_index(op.f("ix_replies_task_id"), "replies", ["task_id"], unique=False)

    op.create_table(
        "traces",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("turn_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_traces_task_id_tasks")),
        sa.ForeignKeyConstraint(["turn_id"], ["turns.id"], name=op.f("fk_traces_turn_id_turns")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_traces")),
    )
    op.create_index(op.f("ix_traces_at"), "traces", ["at"], unique=False)
    op.create_index(op.f("ix_traces_task_id"), "traces", ["task_id"], unique=False)

    op.add_column("tasks", sa.Column("kind", sa.String(length=16), server_default="work", nullable=False))
    op.add_column("tasks", sa.Column("started_again", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("tasks", sa.Column("afresh", sa.Boolean(), server_default="0", nullable=False))
    op.add_column("tasks", sa.Column("priority", sa.Integer(), server_default="2", nullable=False))

    op.add_column("threads", sa.Column("model", sa.String(length=100), nullable=True))
    op.add_column("threads", sa.Column("budget_usd", sa.Double(), nullable=True))
    op.add_column("threads", sa.Column("reviewed_sha", sa.String(length=64), nullable=True))
    op.add_column("threads", sa.Column("fork_pull", sa.Integer(), nullable=True))
    op.create_table(
        "remarks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("start_line", sa.Integer(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("suggestion", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_remarks_task_id_tasks")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remarks")),
    )
    op.create_index(op.f("ix_remarks_task_id"), "remarks", ["task_id"], unique=False)
    op.execute(
        "INSERT INTO thread_pulls (repository_id, number, thread_id) "
        "SELECT repository_id, pull_number, id FROM threads WHERE pull_number IS NOT NULL"
    )
