"""The Pareto front: nothing on it is beaten, and everything off it is."""

from hypothesis import given
from hypothesis import strategies as st

from acento.scoring.boards.pareto import pareto_front

POINTS = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)).map(lambda one: (one[0] / 10, float(one[1]))))


def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] >= other[1] and one != other


@given(POINTS)
def test_a_point_is_on_it_if_no_other_beats_it(points: list[tuple[float, float]]) -> None:
    front = pareto_front(points)
    assert sorted(front) == [at for at, point in enumerate(points) if not any(beats(other, point) for other in points)]
