"""What a file says of its own origin: C2PA, IPTC, generators' settings, camera metadata, our own mark.

A declaration is believed when it speaks against its author's interest: whoever writes "made by AI" into a
file need not be checked. "Taken by a camera" is worth something only under a signature that is trusted.
Every declaration can be stripped by saving the file again: that there is none says nothing.
"""

from __future__ import annotations

from typing import Final

from components.deepfake.provenance.blocks import Blocks, read_blocks
from components.deepfake.provenance.c2pa_manifest import read_c2pa
from components.deepfake.provenance.exif_tags import read_exif
from components.deepfake.provenance.iptc_xmp import read_xmp
from components.deepfake.provenance.text_tags import read_text
from components.deepfake.provenance.watermark import read_watermark
from components.deepfake.sample import Provenance

_VERDICTS: Final = ("synthetic", "edited", "captured", "none")
_STANDARDS: Final = ("watermark", "c2pa", "iptc", "png_text", "container", "xmp", "exif")
_READERS: Final = (read_watermark, read_xmp, read_text, read_exif)
_DETAIL: Final = 1000
"""Characters of a detail that are kept: a hostile file must not fill a ledger."""


def read_provenance(
    data: bytes, format_hint: str | None = None, *, trust_anchors: str | None = None
) -> Provenance:
    """What a file declares; of several declarations the gravest: synthetic, edited, captured.

    Reads bytes only: nothing is ever fetched, and no pixel is decoded. Any bytes will do; time grows with
    their number, not with what they claim.

    Args:
        data: the whole file; a truncated one gives what is left.
        format_hint: format or extension, used only where the bytes do not say what they are.
        trust_anchors: PEM certificates whose signatures are trusted, such as C2PA's trust list
            (github.com/c2pa-org/conformance-public, trust-list/C2PA-TRUST-LIST.pem). None: no signer is,
            and a signature that holds is still not `trusted`.

    Returns:
        `trusted` is true where a signature holds and its signer is trusted, false where there is one and
        it does not hold or nobody vouches for the signer, None where there is none.
    """
    blocks = read_blocks(data, format_hint)
    found = read_c2pa(data, blocks, trust_anchors)
    for reader in _READERS:
        found += reader(blocks)
    if not found:
        return Provenance()
    found.sort(key=_order)
    first = found[0]
    others = [claim.detail for claim in found[1:] if claim.detail and claim.detail != first.detail]
    detail = " ".join([first.detail or "", *dict.fromkeys(others)]).strip()
    tool = first.tool[:200] if first.tool else None
    return Provenance(first.verdict, first.standard, first.trusted, tool, detail[:_DETAIL] or None)


def _order(claim: Provenance) -> tuple[int, bool, int]:
    return (
        _VERDICTS.index(claim.verdict),
        not claim.trusted,
        _STANDARDS.index(claim.standard) if claim.standard in _STANDARDS else len(_STANDARDS),
    )


__all__ = ["Blocks", "read_provenance"]
