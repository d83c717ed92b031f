from __future__ import annotations

import base64
import io

import PIL.Image as PilImage

from components.core import report_pictures as kit


def test_thumbnails_are_small_upright_and_only_of_pictures() -> None:
    wide = PilImage.new("RGB", (1600, 400), "red")
    exif = wide.getexif()
    exif[274] = 6  # turn by 90 degrees
    buffer = io.BytesIO()
    wide.save(buffer, "JPEG", exif=exif)
    figure = kit.thumbnail(buffer.getvalue(), side=200)
    assert figure
    assert (figure.width, figure.height) == (50, 200)
    data = base64.b64decode(figure.src.removeprefix("data:image/webp;base64,"))
    with PilImage.open(io.BytesIO(data)) as small:
        assert small.size == (50, 200)
    assert kit.thumbnail(b"no picture") is None
    assert kit.thumbnail(buffer.getvalue()[:300]) is None
