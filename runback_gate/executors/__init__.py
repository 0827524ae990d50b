"""Where tasks run: in this process, in processes of this machine, on a cluster. What comes out is the same.

In: a `Job` and its tasks. Out: the number of each task with its result, as they are done, in no order.

    for number, result in Here().run(job, tasks): ...

A job is begun once in each worker, since compiled programs do not travel. A task whose worker dies is done again, by
another; after `MAX_TRIES` it is an error that names the task. An error that a task raises ends the run: no new task is
begun, those that run are waited for, and the error of the first task by number is raised, whoever was faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from runback_gate.errors import RunbackError

MAX_TRIES = 3
"""How often a task is begun whose worker dies."""

Task = TypeVar("Task")
Result = TypeVar("Result")
TaskIn = TypeVar("TaskIn", contravariant=True)
ResultOut = TypeVar("ResultOut", covariant=True)


class Job(Protocol[TaskIn, ResultOut]):
    """What is to be done; it travels to each worker."""

    def begin(self) -> Callable[[TaskIn], ResultOut]:
        """What does one task, made once in each worker."""


class Executor(Protocol):
    """Runs the tasks of a job."""

    def run(self, job: Job[Task, Result], tasks: Sequence[Task]) -> Iterator[tuple[int, Result]]:
        """The results by the number of their task, as they are done.

        Raises:
            RunbackError: that of the first task that raised one, or a task was begun `MAX_TRIES` times in vain.
        """


class Here:
    """Runs them one after the other, in this process."""

    def run(self, job: Job[Task, Result], tasks: Sequence[Task]) -> Iterator[tuple[int, Result]]:
        """As `Executor.run`."""
        do = job.begin()
        for number, task in enumerate(tasks):
            yield number, do(task)


class LostWorkerError(RunbackError):
    """A task was begun several times, and each time its worker died."""

    def __init__(self, task: object) -> None:
        super().__init__(
            f"the worker of {task} died {MAX_TRIES} times",
            hint="it may need more memory than the machine has; --jobs 1 shows what ends it",
        )


class TimeOverError(RunbackError):
    """No task was done in the time that was left."""

    def __init__(self) -> None:
        super().__init__("no task was done in time")


def first_error(errors: dict[int, RunbackError]) -> RunbackError:
    """Of the errors of several tasks, that of the first by number."""
    return errors[min(errors)]
