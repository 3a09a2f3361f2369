"""How long each step's audio is: its longest clip and a drawn margin, a pure function of seed and step."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acento.data.utterance import SAMPLE_RATE
from acento.training.data.contexts import ALIKE, Contexts, batches_of, fit_of, keeps_full
from acento.training.data.prepared import Example
from acento.training.recipe import Recipe

WINDOW_S = 30.0
SAMPLES = st.integers(1, int(WINDOW_S * SAMPLE_RATE))
MARGINS = st.tuples(st.floats(0.001, 30), st.floats(0.001, 30)).map(lambda pair: (min(pair), max(pair)))


def clips(seconds: Sequence[float]) -> list[Example]:
    return [Example(f"c{n}", "text", (1,), None, None, "es", round(one * SAMPLE_RATE)) for n, one in enumerate(seconds)]


def fitted(**values: object) -> Recipe:
    return Recipe.checked({"window": "fit", **values})


def contexts(**values: object) -> Contexts:
    found = Contexts.of(fitted(**values), WINDOW_S)
    assert found is not None
    return found


@given(SAMPLES, MARGINS, st.integers(0, 2**31), st.integers(0, 10**6))
def test_a_context_holds_its_longest_clip_and_a_margin_in_whole_pairs_of_mel_frames(
    longest: int, margins: tuple[float, float], seed: int, step: int
) -> None:
    made = contexts(margins=margins, seed=seed)
    context = made.at(step, longest)
    assert context % 320 == 0
    assert context >= longest
    assert context <= made.most(longest) <= WINDOW_S * SAMPLE_RATE
    low, high = (round(margin * SAMPLE_RATE) for margin in margins)
    assert context >= min(longest + low, WINDOW_S * SAMPLE_RATE)
    assert context <= longest + max(high, 360) + 320


@given(st.integers(0, 2**31), st.integers(0, 10**6))
def test_a_context_depends_on_seed_and_step_alone(seed: int, step: int) -> None:
    made, longest = contexts(seed=seed), 3 * SAMPLE_RATE
    assert contexts(seed=seed).at(step, longest) == made.at(step, longest)
    many = {made.at(one, longest) for one in range(step, step + 30)}
    assert len(many) > 5, "margins are drawn anew for each step"


def test_margins_are_uniform_between_their_bounds() -> None:
    made, longest = contexts(margins=(0.5, 2.5)), 2 * SAMPLE_RATE
    margins = [(made.at(step, longest) - longest) / SAMPLE_RATE for step in range(2000)]
    assert min(margins) >= 0.5
    assert max(margins) <= 2.52
    assert sum(margins) / len(margins) == pytest.approx(1.5, abs=0.05)
    assert sum(margin < 1.0 for margin in margins) / len(margins) == pytest.approx(0.25, abs=0.04)


@pytest.mark.parametrize("window_s", [2.0, 30.0])
def test_at_the_models_window_there_is_no_room_for_a_margin(window_s: float) -> None:
    made = Contexts.of(fitted(), window_s)
    assert made is not None
    assert made.at(3, round(window_s * SAMPLE_RATE)) == window_s * SAMPLE_RATE
    assert made.at(3, round((window_s - 0.1) * SAMPLE_RATE)) == window_s * SAMPLE_RATE


def test_full_windows_and_models_of_any_length_have_no_contexts() -> None:
    assert Contexts.of(Recipe(), WINDOW_S) is None
    assert Contexts.of(fitted(), None) is None
    assert fit_of(Recipe(), clips([2.0]), WINDOW_S) is None


def test_the_full_window_is_kept_in_the_share_of_steps_that_was_asked_for() -> None:
    kept = [keeps_full(fitted(keep_full=0.25, seed=5), step) for step in range(4000)]
    assert sum(kept) / len(kept) == pytest.approx(0.25, abs=0.03)
    assert kept == [keeps_full(fitted(keep_full=0.25, seed=5), step) for step in range(4000)]
    assert kept != [keeps_full(fitted(keep_full=0.25, seed=6), step) for step in range(4000)]
    assert not any(keeps_full(fitted(), step) for step in range(1000))
    assert all(keeps_full(fitted(keep_full=1.0), step) for step in range(1000))


@pytest.mark.parametrize(
    ("margins", "margin_s"), [((0.3, 2.0), 1.0), ((1.0, 1.0), 1.0), ((0.2, 0.6), 0.4), ((2.0, 3.0), 2.5)]
)
def test_what_is_taught_is_a_margin_of_a_second_or_the_middle_of_what_was_shown(
    margins: tuple[float, float], margin_s: float
) -> None:
    found = fit_of(fitted(margins=margins), clips([2.0] * 8), WINDOW_S)
    assert found is not None
    assert found.margin_s == margin_s


def test_the_shortest_context_is_that_of_a_whole_batch_and_not_of_its_shortest_clip() -> None:
    found = fit_of(fitted(margins=(0.5, 0.5), batch_size=2), clips([0.5, 1.0, 4.0, 5.0, 6.0]), WINDOW_S)
    assert found is not None
    assert found.shortest_s == 1.5
    capped = fit_of(fitted(margins=(0.5, 0.5)), clips([30.0]), WINDOW_S)
    assert capped is not None
    assert capped.shortest_s == 30.0


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=60), st.integers(1, 16), st.integers(0, 99))
def test_every_context_of_the_first_epoch_is_at_least_the_one_that_is_called_the_shortest(
    seconds: list[float], size: int, seed: int
) -> None:
    recipe, examples = fitted(batch_size=size, seed=seed), clips(seconds)
    batches, made = batches_of(recipe, examples, ALIKE), contexts(seed=seed)
    shown = [
        made.at(step, max(examples[row].samples for row in batches.at(step))) for step in range(batches.steps_per_epoch)
    ]
    found = fit_of(recipe, examples, WINDOW_S)
    assert found is not None
    assert found.shortest_s == pytest.approx(min(shown) / SAMPLE_RATE, abs=0.005)


def test_clips_of_like_length_share_a_batch_and_epochs_mix_them_anew() -> None:
    examples = clips([1.0 + 0.01 * n for n in range(40)] + [8.0 + 0.01 * n for n in range(40)])
    batches = batches_of(fitted(batch_size=8), examples, ALIKE)
    dealt = [batches.at(step) for step in range(2 * batches.steps_per_epoch)]
    for rows in dealt:
        lengths = [examples[row].samples for row in rows]
        assert max(lengths) - min(lengths) < 2 * ALIKE
    first, second = ({frozenset(rows) for rows in dealt[at : at + 10]} for at in (0, 10))
    assert first != second
