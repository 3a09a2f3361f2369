"""Which systems are worth choosing from, where two things count: the error rate and the speed."""

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the points (error rate, speed) than which none is both no worse and faster or better.

    In the order of the error rate; of equal points all are on it.

    >>> pareto_front([(0.10, 50.0), (0.20, 200.0), (0.15, 40.0), (0.30, 100.0)])
    [0, 1]
    """
    order = sorted(range(len(points)), key=lambda at: (points[at][0], -points[at][1], at))
    front: list[int] = []
    for at in order:
        if not front or points[at][1] > points[front[-1]][1] or points[at] == points[front[-1]]:
            front.append(at)
    return front
