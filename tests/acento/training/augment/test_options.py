"""Augmentation is off until it is asked for, and refuses what makes no sense in a sentence."""

import pytest
from pydantic import ValidationError

from acento.training.augment.options import Augmentation


def test_everything_is_off_by_default() -> None:
    options = Augmentation()
    assert not options.changes_audio
    assert not options.masks


@pytest.mark.parametrize("effect", ["speed", "pitch", "reverb", "noise", "gain"])
def test_one_probability_switches_one_effect_on(effect: str) -> None:
    assert Augmentation.model_validate({effect: 0.5}).changes_audio
    assert not Augmentation.model_validate({effect: 0.5}).masks


@pytest.mark.parametrize("masks", ["time_masks", "frequency_masks"])
def test_masks_do_not_change_audio(masks: str) -> None:
    assert Augmentation.model_validate({masks: 2}).masks
    assert not Augmentation.model_validate({masks: 2}).changes_audio


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"noise": 1.5}, "less than or equal to 1"),
        ({"noise_snr_db": (30, 5)}, "30 is above 5: exchange them"),
        ({"speed_range": (0.1, 1.0)}, "between 0.5 and 2 times the speed"),
        ({"pitch_semitones": (-20, 0)}, "between -12 and 12 semitones"),
        ({"reverb_s": (0, 0.5)}, "between 0.02 and 3 seconds"),
        ({"reverb_s": (float("nan"), 0.5)}, "from low to high"),
        ({"noise_colors": ()}, "at least 1 item"),
        ({"noise_colors": ("purple",)}, "'white', 'pink' or 'brown'"),
        ({"time_masks": -1}, "greater than or equal to 0"),
        ({"frequency_mask": 0.9}, "less than or equal to 0.5"),
        ({"nois": 0.5}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused(given: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Augmentation.model_validate(given)


def test_options_survive_json() -> None:
    options = Augmentation(noise=0.5, noise_folder="cafe", time_masks=2)
    assert Augmentation.model_validate_json(options.model_dump_json()) == options
