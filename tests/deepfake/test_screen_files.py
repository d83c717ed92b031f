"""One file, one verdict: from provenance, from pixels, or none."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from components.core.errors import BadRecord, ConfigurationError
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.screen_files import screen, screen_file
from components.deepfake.screen_params import ScreenParams
from components.deepfake.screener import Screener
from tests.deepfake.declared_files import (
    created,
    encoded,
    make_signer,
    manifest,
    png_with,
    signed,
    stripped,
)
from tests.deepfake.noise_model import noise_file, noise_picture, write_noise_model

SETTINGS = {"parameters": "a fox\nSteps: 20, Sampler: Euler a, CFG scale: 7"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_noise_model(tmp_path_factory.mktemp("model"))


def screener(model: Path | None = None, **params: object) -> Screener:
    wanted: dict[str, object] = {"provenance": {}, "frequency": {}}
    return Screener(
        ScreenParams.model_validate({"detectors": wanted, "model": str(model) if model else None, **params})
    )


def test_a_generated_picture_from_its_settings_and_its_stripped_copy_from_pixels(model: Path) -> None:
    data = png_with(SETTINGS, image=noise_picture(1, enlarged=True))
    verdict, _ = screen(data, screener(model))
    assert verdict.word == "declared_synthetic"
    assert "Stable Diffusion web UI" in verdict.why
    bare, sample = screen(stripped(data), screener(model))
    assert bare.word == "likely_forged"
    assert bare.probability is not None and bare.probability > 0.7
    assert sample.provenance.verdict == "none"
    frequency = bare.findings[1]
    assert frequency.frames and {e.kind for e in frequency.evidence} == {"spectrum", "heat_map"}


def test_a_picture_as_it_was_taken_from_pixels(model: Path) -> None:
    assert screen(noise_file(2, enlarged=False), screener(model))[0].word == "likely_real"


def test_a_stripped_copy_abstains_without_a_calibration(tmp_path: Path) -> None:
    folder = write_noise_model(tmp_path / "m", calibrated=False)
    verdict, _ = screen(noise_file(1, enlarged=True), screener(folder))
    assert (verdict.word, verdict.probability) == ("cannot_tell", None)
    assert "not calibrated: frequency" in verdict.why


def test_content_credentials_with_and_without_a_trust_list(tmp_path: Path) -> None:
    signer = make_signer()
    data = signed(encoded(), manifest(created("digitalCapture")), signer)
    anchors = tmp_path / "anchors.pem"
    anchors.write_text(signer.root)
    assert screen(data, screener(trust_anchors=str(anchors)))[0].word == "declared_captured"
    assert screen(data, screener())[0].word == "cannot_tell"


def test_a_declaration_decides_where_pixels_are_broken() -> None:
    data = png_with(SETTINGS)
    cut = data[: data.index(b"IDAT") + 20]
    assert screen(cut, screener())[0].word == "declared_synthetic"
    bare = stripped(data)
    with pytest.raises(BadRecord):
        screen(bare[: bare.index(b"IDAT") + 20], screener())


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", DeepfakeReason.EMPTY_FILE),
        (b"plain words, no picture" * 9, DeepfakeReason.NOT_MEDIA),
        (b"\0\0\0\x18ftypmp42" + bytes(99), DeepfakeReason.UNDECODABLE),
    ],
)
def test_what_is_no_picture_says_why(data: bytes, reason: DeepfakeReason) -> None:
    with pytest.raises(BadRecord) as caught:
        screen(data, screener())
    assert caught.value.reason == reason


def test_pixels_that_no_detector_looks_at_are_not_decoded(model: Path) -> None:
    bare = stripped(png_with(SETTINGS))
    cut = bare[: bare.index(b"IDAT") + 20]  # its header is whole, its pixels are gone
    alone = screener(detectors={"provenance": {}})
    verdict, sample = screen(cut, alone)
    assert (verdict.word, sample.faces, sample.patches) == ("cannot_tell", (), ())
    assert sample.width > 0
    assert screener(model).reads_pixels and not alone.reads_pixels
    with pytest.raises(BadRecord):
        screen(cut, screener(model))


def test_a_picture_that_is_too_large() -> None:
    out = io.BytesIO()
    Image.new("1", (9000, 9000)).save(out, "PNG")
    with pytest.raises(BadRecord) as caught:
        screen(out.getvalue(), screener())
    assert caught.value.reason == DeepfakeReason.MEDIA_TOO_LARGE


def test_a_file_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a b%.png"
    path.write_bytes(png_with(SETTINGS))
    assert screen_file(str(path), screener())[0].word == "declared_synthetic"
    with pytest.raises(BadRecord, match="no such file"):
        screen_file(str(tmp_path / "none.png"), screener())


def test_what_is_configured_wrongly(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no folder"):
        screener(tmp_path / "none")
    with pytest.raises(ConfigurationError, match="can't be read"):
        screener(trust_anchors=str(tmp_path / "none.pem"))
    (tmp_path / "x.pem").write_text("words")
    with pytest.raises(ConfigurationError, match="no PEM certificate"):
        screener(trust_anchors=str(tmp_path / "x.pem"))
    with pytest.raises(ConfigurationError, match="no detector 'oracle'"):
        screener(detectors={"oracle": {}})
