"""From pictures to tensors, from outputs to log-odds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.core.errors import ConfigurationError
from components.deepfake.classifier_card import ClassifierCard, Platt, centre

CARD = {"side": 16, "licence": "CC0-1.0"}


def test_a_tensor_has_the_order_and_scale_of_the_card() -> None:
    image = np.zeros((32, 32, 3), np.uint8)
    image[..., 0] = 255
    rgb = ClassifierCard(**CARD, mean=(0.5, 0.25, 0), std=(0.5, 0.5, 1)).tensor([image])
    bgr = ClassifierCard(**CARD, mean=(0.5, 0.25, 0), std=(0.5, 0.5, 1), colour="bgr").tensor([image])
    assert rgb.shape == (1, 3, 16, 16) and rgb.dtype == np.float32
    assert rgb[0, :, 3, 3].tolist() == [1, -0.5, 0]
    assert bgr[0, :, 3, 3].tolist() == [-1, -0.5, 1]


def test_only_the_centre_is_seen() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    image[25:75, 25:75] = 255
    assert centre(image, 0.5).shape == (50, 50, 3) and centre(image, 0.5).min() == 255
    card = ClassifierCard(**CARD, centre_share=0.5, mean=(0, 0, 0), std=(1, 1, 1))
    assert card.tensor([image]).min() == 1


@given(st.floats(-12, 12), st.floats(-5, 5))
def test_logits_and_probabilities_of_the_same_model_agree(odds: float, shift: float) -> None:
    forged = 1 / (1 + np.exp(-odds))
    cases = [
        (ClassifierCard(**CARD), [odds]),
        (ClassifierCard(**CARD, class_index=0), [-odds]),
        (ClassifierCard(**CARD, output="probability"), [forged]),
        (ClassifierCard(**CARD, output="probability", class_index=0), [1 - forged, 0][:1]),
        (ClassifierCard(**CARD, output="probability", class_index=1), [1 - forged, forged]),
        (ClassifierCard(**CARD, output="two_logits"), [shift, shift + odds]),
        (ClassifierCard(**CARD, output="two_logits", class_index=0), [shift + odds, shift]),
    ]
    for card, given_row in cases:
        found = card.log_odds(np.array([given_row]), "x")
        assert found.shape == (1,)
        assert found[0] == pytest.approx(odds, abs=1e-3)


def test_three_classes_and_calibration() -> None:
    card = ClassifierCard(**CARD, output="two_logits", class_index=2, calibration=Platt(slope=2, intercept=1))
    logits = np.array([[1.0, 2.0, 3.0]])
    share = np.exp(3) / np.exp(logits).sum()
    assert card.log_odds(logits, "x")[0] == pytest.approx(2 * np.log(share / (1 - share)) + 1)


@pytest.mark.parametrize(
    ("values", "row", "message"),
    [
        ({"output": "two_logits"}, [1.0], "card: output: two_logits, but"),
        ({"output": "logit"}, [1.0, 2.0], "card: output: logit with class_index: 1 does not fit"),
        ({"output": "two_logits", "class_index": 2}, [1.0, 2.0], "class_index: 2 does not fit"),
        ({"output": "probability"}, [1.5], "card: output: probability, but"),
        ({}, [float("nan")], "card: the model gives numbers that are not finite"),
    ],
)
def test_outputs_that_do_not_fit(values: dict[str, object], row: list[float], message: str) -> None:
    card = ClassifierCard.model_validate({**CARD, **values})
    with pytest.raises(ConfigurationError, match=message):
        card.log_odds(np.array([row]), "card")


def test_a_card_needs_a_licence_and_knows_its_keys() -> None:
    for values in ({"side": 16}, {**CARD, "licence": ""}, {**CARD, "sides": 1}, {**CARD, "std": (1, 0, 1)}):
        with pytest.raises(ValidationError):
            ClassifierCard.model_validate(values)
