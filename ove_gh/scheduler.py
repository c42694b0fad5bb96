"""The clock's side: APScheduler fires, and what is due stands in our own tables."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger


async def run_every(seconds: float, job: Callable[[], Awaitable[None]]) -> None:
    """Run a job now and then every so many seconds, never twice at once, until cancelled.

    A run that was missed is made up for once. An exception in the job is raised here: nothing fails unseen.
    """
    failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def on_error(event: JobExecutionEvent) -> None:
        if not failed.done():
            failed.set_exception(event.exception)

    await job()
    scheduler = AsyncIOScheduler(timezone="UTC")
    scheduler.add_listener(on_error, EVENT_JOB_ERROR)
    scheduler.add_job(job, IntervalTrigger(seconds=seconds), misfire_grace_time=None, coalesce=True, max_instances=1)
    scheduler.start()
    try:
        await failed
    finally:
        scheduler.shutdown(wait=False)
