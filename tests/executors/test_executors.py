"""Facts about executors: each gives the same results, whoever dies, and names what went wrong."""

from __future__ import annotations

import dataclasses
import gc
import mmap
import multiprocessing
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from runback_gate.errors import InputError
from runback_gate.executors import MAX_TRIES, Executor, Here, LostWorkerError
from runback_gate.executors.memory import resident
from runback_gate.executors.processes import Processes
from runback_gate.executors.ray import Ray
from tests.executors.jobs import Squares
from tests.extras import needs


@pytest.fixture(scope="module")
def cluster() -> Iterator[Executor]:
    """A cluster of Ray on this machine, with two workers."""
    ray = needs("ray")
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    try:
        yield Ray()
    finally:
        ray.shutdown()
        # It does not wait for the processes that it ends.
        for item in gc.get_objects():
            if isinstance(item, subprocess.Popen):
                item.wait(30)


PROCESSES = pytest.param("processes", marks=pytest.mark.integration)
RAY = pytest.param("ray", marks=pytest.mark.contract)


@pytest.fixture(params=["here", PROCESSES, RAY])
def executor(request: pytest.FixtureRequest) -> Executor:
    """Each of them."""
    if request.param == "ray":
        found: Executor = request.getfixturevalue("cluster")
        return found
    return Here() if request.param == "here" else Processes(2)


def test_results_of_all_tasks(executor: Executor, tmp_path: Path) -> None:
    """Each task once, with its number; the job is begun once in each worker."""
    job = Squares(tmp_path)
    assert dict(executor.run(job, list(range(20)))) == {number: number**2 for number in range(20)}
    assert [job.tries(number) for number in range(20)] == [1] * 20
    assert 1 <= job.begun() <= 2
    assert list(executor.run(job, [])) == []


def test_the_first_error_by_number(executor: Executor, tmp_path: Path) -> None:
    """Of several errors the one of the first task is raised, whole; tasks far behind it are not begun."""
    job = Squares(tmp_path, fails=(3, 4))
    with pytest.raises(InputError) as raised:
        list(executor.run(job, list(range(60))))
    assert str(raised.value) == "numbers:3: 3 is no number (take another)"
    assert job.tries(40) == 0


@pytest.mark.parametrize("executor", [PROCESSES, RAY], indirect=True)
def test_a_task_whose_worker_dies_is_done_again(
    executor: Executor, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Killed in the middle, nothing is lost, nothing is there twice, and nothing is printed."""
    job = Squares(tmp_path, dies=5)
    assert sorted(executor.run(job, list(range(12)))) == [(number, number**2) for number in range(12)]
    assert job.tries(5) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("executor", [PROCESSES, RAY], indirect=True)
def test_a_task_that_kills_is_named(executor: Executor, tmp_path: Path) -> None:
    """After `MAX_TRIES` it is an error."""
    job = Squares(tmp_path, dies=5, times=99)
    with pytest.raises(LostWorkerError, match=r"^the worker of 5 died 3 times"):
        list(executor.run(job, list(range(12))))
    assert job.tries(5) == MAX_TRIES


@pytest.mark.integration
def test_workers_that_grow_are_replaced(tmp_path: Path) -> None:
    """What a worker leaks ends with it."""
    job = Squares(tmp_path, grows=4 << 20)
    assert len(dict(Processes(2, max_growth=10 << 20).run(job, list(range(12))))) == 12
    assert job.begun() > 2
    steady = dataclasses.replace(job, folder=tmp_path / "steady", grows=0)
    steady.folder.mkdir()
    assert len(dict(Processes(2, max_growth=10 << 20).run(steady, list(range(12))))) == 12
    assert steady.begun() == 2


@pytest.mark.integration
def test_nothing_runs_on(tmp_path: Path) -> None:
    """Whoever stops reading ends the workers."""
    results = Processes(2).run(Squares(tmp_path), list(range(1000)))
    next(results)
    assert len(multiprocessing.active_children()) == 2
    results.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


def test_resident_memory() -> None:
    """It grows by what is taken."""
    before = resident()
    # A mapping of its own: memory that an earlier test gave back is resident already.
    with mmap.mmap(-1, 32 << 20) as held:
        for page in range(0, len(held), mmap.PAGESIZE):
            held[page] = 1
        assert 24 << 20 <= resident() - before <= 64 << 20
