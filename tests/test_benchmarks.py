"""What the benchmarks make of what they measured: the pace of a machine, times of the reference, medians."""

import pytest

from benchmarks import apart, measure
from benchmarks.__main__ import line
from benchmarks.measure import Cost
from benchmarks.pace import REFERENCE, at_reference, pace_of
from benchmarks.promises import WAITING, Figure, Peer


def test_a_pace_is_the_mean_over_the_time_of_a_run() -> None:
    """A machine that is as fast as the reference for one half and half as fast for the other has done 3/4 of it."""
    assert pace_of([REFERENCE, 2 * REFERENCE]) == pytest.approx(0.75)


def test_waiting_is_not_shortened_by_a_faster_machine() -> None:
    """Only what goes beyond the ideal is work."""
    assert at_reference(10.0, 0.5) == 5.0
    assert at_reference(10.0, 0.5, ideal=6.0) == 8.0


@pytest.mark.parametrize(
    ("unit", "value"), [("CPU s", 2.0), ("CPU s/100 MB", 2.0), (WAITING, 2.5), ("x", 4.0), ("MB", 4.0)]
)
def test_times_are_scaled_and_the_raw_value_can_be_had_back(unit: str, value: float) -> None:
    """CPU time, and wall time beyond waiting; counts, bytes and ratios stay."""
    figure = Figure("a promise", unit, 4.0, 1.0, (Peer("beside", 4.0),)).at(0.5)
    assert (figure.value, figure.peers[0].value, figure.raw) == (value, value, 4.0)


def test_the_cost_in_the_middle_keeps_its_own_pace() -> None:
    """CPU time and pace are of one run, so that the raw time is one that was taken."""
    costs = [Cost(cpu, 1.0, b"", pace, 1.0) for cpu, pace in ((3.0, 0.3), (1.0, 0.1), (2.0, 0.2))]
    assert measure.median(costs) == costs[2]


def test_the_figure_in_the_middle_has_peers_in_the_middle() -> None:
    """A peer is not taken from a run that was odd for it."""
    found = tuple(
        Figure("a promise", "CPU s", value, 5.0, (Peer("beside", peer),), pace=value / 10)
        for value, peer in ((3.0, 7.0), (1.0, 8.0), (2.0, 9.0))
    )
    middle = apart.median(found)
    assert (middle.value, middle.pace, middle.peers) == (2.0, 0.2, (Peer("beside", 8.0),))


def test_a_wall_time_of_a_loaded_machine_is_not_measured() -> None:
    """It is the time of whatever else runs there, so it is neither kept nor broken."""
    figure = Figure("a promise", WAITING, 4.0, 1.0)
    assert "17% of one" in line(figure.unless_loaded(0.17))
    assert figure.unless_loaded(0.9) == figure
