"""Provenance detector: what the file says of itself, before any pixel is looked at."""

from __future__ import annotations

from pydantic import Field

from components.deepfake.detectors import register
from components.deepfake.detectors.base import Abstained, Detector, DetectorParams, Evidence, Finding
from components.deepfake.sample import Sample

_CAVEATS = {
    "synthetic": "Nobody gains by writing this into a real picture, but anybody can.",
    "edited": "Edits without generative AI are no forgery of a face; which ones were made is not known.",
    "captured": "Only a trusted signature makes this evidence; pixels may differ from what was captured.",
    "none": "That a file declares nothing says nothing: most programs strip metadata.",
}


class ProvenanceParams(DetectorParams):
    """Log-odds of declarations. They are set, not measured: how often people lie is not known."""

    signed_log_odds: float = Field(
        default=8.0,
        ge=0,
        le=20,
        description="Log-odds of a file declared synthetic under a trusted signature, and its negative of "
        "one declared captured: 1 in 3,000 is wrong.",
    )
    unsigned_log_odds: float = Field(
        default=6.0,
        ge=0,
        le=20,
        description="Log-odds of one declared synthetic that nobody trusted vouches for: 1 in 400 is wrong.",
    )


@register(ProvenanceParams)
class ProvenanceDetector(Detector[ProvenanceParams]):
    """Declared synthetic: forged; captured, under a trusted signature: real; anything else: no answer."""

    name = "provenance"
    family = "provenance"
    says = "what the file declares: C2PA, IPTC source type, settings and names of generators"
    needs = ("provenance",)

    def score(self, sample: Sample, *, evidence: bool = False) -> Finding:
        """Judge one sample; the evidence is a sentence and costs nothing."""
        found = sample.provenance
        shown = Evidence(
            "what the file declares",
            "text",
            f"{found.detail or 'The file declares nothing of its origin.'} {_CAVEATS[found.verdict]}",
        )
        if found.verdict == "synthetic":
            odds = self.params.signed_log_odds if found.trusted else self.params.unsigned_log_odds
            return Finding(self.name, odds, evidence=(shown,))
        if found.verdict == "captured" and found.trusted:
            return Finding(self.name, -self.params.signed_log_odds, evidence=(shown,))
        return self.abstain(Abstained.NOTHING_DECLARED, shown)
