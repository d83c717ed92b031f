"""The mark that kalemint's own pseudo-fakes carry in their metadata."""

from __future__ import annotations

from components.deepfake.provenance.blocks import Blocks
from components.deepfake.provenance.iptc_xmp import properties
from components.deepfake.provenance.source_types import source_type
from components.deepfake.sample import Provenance

_NAME = "kalemint"


def read_watermark(blocks: Blocks) -> list[Provenance]:
    """A claim where a file says that kalemint made it, beside a source type that is synthetic."""
    texts = [pair for packet in blocks.xmp for pair in properties(packet)] + blocks.texts + blocks.tags
    types = [source_type(value) for key, value in texts if "digitalsourcetype" in key.lower()]
    if any(kind and kind[1] == "synthetic" for kind in types) and any(
        _NAME in value.lower() or _NAME in key.lower() for key, value in texts
    ):
        detail = "It carries kalemint's mark of a pseudo-fake, made for training and testing."
        return [Provenance("synthetic", "watermark", None, _NAME, detail)]
    return []
