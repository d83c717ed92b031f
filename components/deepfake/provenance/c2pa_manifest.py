"""C2PA manifests (Content Credentials), read and verified by c2pa-python without any network."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any, Final

from components.deepfake.provenance.blocks import Blocks
from components.deepfake.provenance.source_types import in_bytes, source_type
from components.deepfake.sample import Provenance

_MIME: Final = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "avif": "image/avif",
    "heic": "image/heic",
    "mp4": "video/mp4",
    "mov": "video/quicktime",
    "avi": "video/x-msvideo",
}
_HARMLESS: Final = frozenset(
    "c2pa." + name
    for name in (
        "created",
        "opened",
        "converted",
        "published",
        "repackaged",
        "transcoded",
        "resized.proportional",
        "edited.metadata",
        "watermarked",
        "watermarked.bound",
        "watermarked.unbound",
        "redacted",
    )
)
"""Actions that change nothing one could see (C2PA conformance programme, asset rubrics, 2026-08-06, less
`enhanced`, of which nobody says what it did to a face)."""
_MAX_MANIFESTS: Final = 64
_JUMBF: Final = 1 << 22
"""Bytes after the start of the JUMBF box in which an unreadable manifest's source types are looked for."""


def read_c2pa(data: bytes, blocks: Blocks, trust_anchors: str | None) -> list[Provenance]:
    """What the C2PA manifest of a file declares: nothing or one claim.

    The source types of the active manifest's actions count, and those of the manifests it was made from
    (`parentOf`, `componentOf`), because an edited copy of a synthetic picture is one.

    Args:
        trust_anchors: PEM of the certificates that are trusted; None: none is.
    """
    if blocks.c2pa < 0:
        return []
    try:
        store = _verified(data, _MIME.get(blocks.format, ""), trust_anchors)
        return [_claim(store)]
    except Exception as error:  # noqa: BLE001 - hostile bytes: the library raises many kinds
        return [_unverified(data, blocks.c2pa, error)]


def _verified(data: bytes, mime: str, trust_anchors: str | None) -> dict[str, Any]:
    """The manifest store as c2pa-python reports it, with `validation_state`."""
    import c2pa

    settings: dict[str, Any] = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_timestamp_trust": True},
        "core": {"allowed_network_hosts": []},
    }
    if trust_anchors:
        settings["trust"] = {"user_anchors": trust_anchors}
    with (
        c2pa.Context.from_dict(settings) as context,
        c2pa.Reader(mime, io.BytesIO(data), context=context) as reader,
    ):
        found: dict[str, Any] = json.loads(reader.json())
    return found


def _unverified(data: bytes, start: int, error: Exception) -> Provenance:
    """C2PA data that could not be read: a declaration of synthesis in it still counts, unverified."""
    why = "c2pa-python is not installed" if isinstance(error, ImportError) else "it can't be read"
    types = [found for name in in_bytes(data[start : start + _JUMBF]) if (found := source_type(name))]
    synthetic = next((found for found in types if found[1] == "synthetic"), None)
    detail = f"C2PA data present, not verified ({why})"
    if synthetic is None:
        return Provenance("none", "c2pa", None, None, f"{detail}.")
    return Provenance("synthetic", "c2pa", None, None, f"{detail}; it names {synthetic[0]}: {synthetic[2]}.")


def _claim(store: dict[str, Any]) -> Provenance:
    manifests = store.get("manifests") or {}
    active = manifests[store["active_manifest"]]
    state = store.get("validation_state")
    trusted = state == "Trusted"
    signature = active.get("signature_info") or {}
    signer = signature.get("issuer") or signature.get("common_name") or "an unnamed signer"
    says = {
        "Trusted": "the signature holds and its signer is trusted",
        "Valid": "the signature holds, but its signer is on no list of trusted ones that was given",
    }.get(str(state), f"the signature does not hold ({_failures(store)})")
    found = [(*kind, tool) for manifest in _lineage(manifests, active) for kind, tool in _declared(manifest)]
    generator = _generator(active)
    best = min(found, key=lambda one: ("synthetic", "edited", "captured", "none").index(one[1]), default=None)
    if best is None:
        detail = f"A C2PA manifest of {signer} declares no source type; {says}."
        return Provenance("none", "c2pa", trusted, generator, detail)
    name, verdict, meaning, tool = best
    detail = f"A C2PA manifest of {signer} declares {name}: {meaning}; {says}."
    if verdict == "captured" and (actions := _edits(manifests, active)):
        verdict = "edited"
        detail += f" It was edited since: {', '.join(actions)}."
    if verdict == "captured" and state not in {"Trusted", "Valid"}:
        verdict = "none"  # a manifest that is not this file's says nothing of it
    return Provenance(verdict, "c2pa", trusted, tool or generator, detail)


def _lineage(manifests: dict[str, Any], active: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The active manifest and all that it was made from, each once."""
    waiting, seen = [active], set[int]()
    while waiting and len(seen) < _MAX_MANIFESTS:
        manifest = waiting.pop(0)
        if id(manifest) in seen:
            continue
        seen.add(id(manifest))
        yield manifest
        waiting += [
            manifests[ingredient["active_manifest"]]
            for ingredient in manifest.get("ingredients") or []
            if ingredient.get("relationship") in {"parentOf", "componentOf"}
            and ingredient.get("active_manifest") in manifests
        ]


def _declared(manifest: dict[str, Any]) -> Iterator[tuple[tuple[str, Any, str], str | None]]:
    """Source types in a manifest's assertions, with the software named beside them."""
    for assertion in manifest.get("assertions") or []:
        waiting: list[Any] = [assertion.get("data")]
        while waiting:
            value = waiting.pop(0)
            if isinstance(value, dict):
                for key, inner in value.items():
                    if isinstance(inner, str) and key.rpartition(":")[2].lower() == "digitalsourcetype":
                        if kind := source_type(inner):
                            yield kind, _agent(value)
                    else:
                        waiting.append(inner)
            elif isinstance(value, list):
                waiting += value


def _agent(action: dict[str, Any]) -> str | None:
    agent = action.get("softwareAgent")
    if isinstance(agent, dict):
        agent = agent.get("name")
    return agent if isinstance(agent, str) else None


def _generator(manifest: dict[str, Any]) -> str | None:
    for info in manifest.get("claim_generator_info") or []:
        if isinstance(info, dict) and isinstance(info.get("name"), str):
            return str(info["name"])
    generator = manifest.get("claim_generator")
    return generator if isinstance(generator, str) else None


def _edits(manifests: dict[str, Any], active: dict[str, Any]) -> list[str]:
    """Actions of the lineage that change what is seen, sorted."""
    return sorted(
        {
            str(action.get("action"))
            for manifest in _lineage(manifests, active)
            for assertion in manifest.get("assertions") or []
            if str(assertion.get("label", "")).startswith("c2pa.actions")
            for action in (assertion.get("data") or {}).get("actions") or []
            if action.get("action") not in _HARMLESS
        }
    )


def _failures(store: dict[str, Any]) -> str:
    codes = [
        status["code"]
        for status in store.get("validation_status") or []
        if status.get("code") != "signingCredential.untrusted"
    ]
    return ", ".join(list(dict.fromkeys(codes))[:3]) or "no reason given"
