"""DF40 (Yan et al. 2024, arXiv 2406.13495): forty methods on FaceForensics++ and Celeb-DF.

Methods, their kinds (10 swaps, 13 reenactments, 12 syntheses, 5 edits) and sources were read in the owners'
README; that the prepared test data hold forged frames only, and real ones for nine methods, too. Folders are
from memory and read leniently: `METHOD/{ff,cdf}/frames/VIDEO/000.png`, `METHOD/{real,fake}/...`; a folder
`train` or `test`, or one that ends so (`DF40_train`), says the split. The frames are faces already, cut out
and aligned by the owners.

The owners count Wav2Lip, SadTalker and HeyGen among reenactments; driven by sound, they are talking heads
here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from components.core.errors import ConfigurationError
from components.core.locations import FoundFile
from components.core.store import Stores
from components.deepfake.datasets.base import LabelledFile, MediaDataset, listing
from components.deepfake.datasets.celeb_df import celebrity
from components.deepfake.datasets.faceforensics import person_group
from components.deepfake.datasets.label_files import is_image, is_video, stem

_METHODS: Final = {
    "swap": "fsgan faceswap simswap inswap inswapper blendface uniface mobileswap e4s facedancer deepfacelab",
    "reenactment": "fomm fsvid2vid facevid2vid mraa oneshot oneshotfree pirender tpsm lia dagan danet "
    "mcnet hyperreenact",
    "talking_head": "wav2lip sadtalker heygen",
    "entire_synthesis": "vqgan stylegan2 stylegan3 styleganxl sd21 ddpm ddim rddm pixart pixartalpha dit "
    "ditxl2 sit sitxl2 midjourney midjourney6 whichisreal whichfaceisreal",
    "editing": "collabdiff e4e stargan starganv2 styleclip",
}
_FAMILIES: Final = {method: family for family, methods in _METHODS.items() for method in methods.split()}
_DOMAINS: Final = frozenset({"ff", "cdf"})
_REAL: Final = frozenset({"real", "original", "originals"})
_FORGED: Final = frozenset({"fake", "forged"})


class DF40(MediaDataset):
    """Adapter of DF40."""

    name = "df40"
    says = "DF40: forty methods of swapping, reenactment, synthesis and editing"
    url = "https://github.com/YZY-stack/DF40"
    licence = "CC BY-NC 4.0"

    def files(self, root: str, stores: Stores) -> Iterator[LabelledFile]:
        """Frames (as images) and videos below a folder named after a method."""
        found = listing(root, stores)
        known = 0
        for path, file in found.items():
            if not (is_image(path) or is_video(path)):
                continue
            folders = path.split("/")[:-1]
            place = next((n for n, folder in enumerate(folders) if _plain(folder) in _FAMILIES), None)
            if place is None:
                yield LabelledFile(file.uri, file.size)
                continue
            known += 1
            yield _file(file, path, folders, place)
        if not known:
            raise ConfigurationError(
                f"{root} has no folder named after a method of DF40, such as fsgan, SimSwap or sd2.1."
            )


def _plain(folder: str) -> str:
    """A folder's name without case, signs and domain: `SimSwap_ff` is simswap."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"_(ff|cdf)$", "", folder.lower()))


def _file(file: FoundFile, path: str, folders: Sequence[str], place: int) -> LabelledFile:
    method = _plain(folders[place])
    words = [folder.lower() for folder in folders]
    domain = next((word for word in words[place + 1 :] if word in _DOMAINS), None)
    if domain is None:
        ending = re.search(r"_(ff|cdf)$", words[place])
        domain = ending.group(1) if ending else None
    forged = not any(word in _REAL for word in words[place + 1 :])
    inner = [
        word for word in words[place + 1 :] if word not in _DOMAINS | _REAL | _FORGED | {"frames", "videos"}
    ]
    video = stem(path) if is_video(path) or not inner else folders[-1]
    attributes = {"domain": domain} if domain else {}
    if is_image(path) and inner:
        attributes["sequence"] = "/".join(folders)
    return LabelledFile(
        file.uri,
        file.size,
        int(forged),
        method if forged else None,
        _FAMILIES[method] if forged else None,
        _split(words),
        _group(domain, video, method),
        None,
        attributes,
    )


def _split(words: Sequence[str]) -> str | None:
    for word in words:
        found = re.search(r"(?:^|_)(train|test)(?:ing)?$", word)
        if found:
            return found.group(1)
    return None


def _group(domain: str | None, video: str, method: str) -> str:
    if domain == "ff" and re.fullmatch(r"\d{3}(_\d{3})?", video):
        return person_group(video)
    if domain == "cdf":
        return celebrity(video) or f"cdf {video}"
    return f"{domain or method} {video}"
