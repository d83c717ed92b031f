"""`kalemint screen`: a verdict with evidence on every file. The lines it prints and its exit status."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from components.core.store import Stores
    from components.deepfake.detectors.base import Finding
    from components.deepfake.sample import Sample
    from components.deepfake.screen_params import ScreenParams
    from components.deepfake.screener import Screener
    from components.deepfake.verdict import Verdict


class FailOn(StrEnum):
    """Verdicts that can make the command fail."""

    DECLARED_SYNTHETIC = "declared_synthetic"
    LIKELY_FORGED = "likely_forged"


_SUFFIXES = frozenset(
    {"jpg", "jpeg", "jpe", "png", "webp", "gif", "tif", "tiff", "avif", "bmp", "jp2"}
    | {"mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "flv", "wmv", "ogv"}
)
_STYLES = {
    "declared_synthetic": "bold red",
    "likely_forged": "bold red",
    "cannot_tell": "bold yellow",
    "likely_real": "bold green",
    "declared_captured": "bold green",
}


def screen_command(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|FOLDER|GLOB|s3://…",
            help="Images and videos. Of a folder or a prefix, other files are passed over.",
        ),
    ],
    detector: Annotated[
        list[str],
        typer.Option(
            "--detector",
            "-d",
            help="Ask this detector only; may be repeated. Without it all are asked. What a file declares of "
            "itself is always read.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    model: Annotated[
        str | None,
        typer.Option(
            help="Folder with weights and calibration.json, such as publish_detectors of a run of "
            "`kalemint run deepfake`. Without it: the weights that come with the package."
        ),
    ] = None,
    prior: Annotated[
        float,
        typer.Option(
            help="Probability that a file is forged before it is looked at. 0.5 claims to know nothing; of "
            "100 files with 1 forged one it is 0.01.",
            min=0.0001,
            max=0.9999,
        ),
    ] = 0.5,
    trust: Annotated[
        str | None,
        typer.Option(
            help="PEM file of signers whose C2PA signatures are trusted, such as C2PA's trust list. Without "
            "it no 'captured by a camera' is believed."
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a page with the evidence here: heat maps, spectra, series."),
    ] = None,
    fail_on: Annotated[
        list[FailOn],
        typer.Option("--fail-on", help="Exit with status 4 if a file gets this verdict; may be repeated."),
    ] = [],  # noqa: B006 - typer copies it
    json_: Annotated[bool, typer.Option("--json", help="Print JSON lines, one a file.")] = False,
) -> None:
    """Say of images and videos whether they are declared or look synthetic or forged, and why.

    What the file declares decides first: Content Credentials (C2PA), IPTC's digital source type, settings
    that generators write. Else the detectors decide that have a calibration. Verdicts: declared_synthetic,
    likely_forged, cannot_tell, likely_real, declared_captured. `cannot_tell` is an answer: metadata is
    easily stripped, and detectors know only what they were trained on. No verdict is a proof.

    Exit status: 0 done, 1 a file could not be examined, 2 wrong option or input, 4 --fail-on was met.

    Example: kalemint screen photo.jpg clip.mp4
    Example: kalemint screen uploads/ --report evidence.html --fail-on declared_synthetic
    Example: kalemint screen s3://bucket/images/ --model out/publish_detectors --prior 0.01 --json
    """
    from components.core.errors import KalemintError
    from components.core.task import exit_code

    try:
        status = _screen(inputs, _params(detector, model, prior, trust), report, set(fail_on), machine=json_)
    except KalemintError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(exit_code(error)) from None
    if status:
        raise typer.Exit(status)


def _params(detectors: Sequence[str], model: str | None, prior: float, trust: str | None) -> ScreenParams:
    from components.deepfake.detectors import default_detectors
    from components.deepfake.screen_params import ScreenParams, VerdictParams

    return ScreenParams(
        detectors={name: {} for name in detectors or default_detectors()},
        model=model,
        trust_anchors=trust,
        verdict=VerdictParams(prior=prior),
    )


def _screen(
    inputs: Sequence[str], params: ScreenParams, report: Path | None, fail_on: set[FailOn], *, machine: bool
) -> int:
    """Judge every file, one after the other; gives the exit status."""
    from rich.console import Console

    from components.core.errors import BadRecord, BadShard, RetryableError
    from components.core.store import Stores
    from components.deepfake.screen_files import screen_file
    from components.deepfake.screener import Screener
    from pipelines.config import refuse_secrets
    from pipelines.screen_report import ScreenReport

    refuse_secrets(list(inputs))
    if report is not None and not report.absolute().parent.is_dir():
        raise _wrong(f"--report {report}: there is no folder {report.absolute().parent}.")
    screener, stores = Screener(params), Stores()
    page = ScreenReport(params) if report is not None else None
    console = Console(highlight=False, soft_wrap=True)
    counts: dict[str, int] = {}
    failed = 0
    for uri in _files(inputs, stores):
        shown = uri.removeprefix("file://") if "%" not in uri else _local(uri)
        try:
            verdict, sample = screen_file(uri, screener, stores)
        except (BadRecord, BadShard, RetryableError, OSError) as error:
            failed += 1
            reason = str(error.reason) if isinstance(error, BadRecord) else "unreadable"
            detail = error.detail if isinstance(error, BadRecord) else str(error)
            if machine:
                typer.echo(json.dumps({"file": shown, "error": reason, "detail": detail}, ensure_ascii=False))
            else:
                console.print(shown, style="bold", markup=False)
                console.print(f"  not examined  {reason}: {detail}", markup=False)
            if page is not None:
                page.add_failure(shown, reason, detail)
            continue
        counts[verdict.word] = counts.get(verdict.word, 0) + 1
        if machine:
            typer.echo(json.dumps(_as_json(shown, verdict, sample, screener), ensure_ascii=False))
        else:
            _print(console, shown, verdict, screener)
        if page is not None:
            page.add(shown, verdict, sample, screener.families)
    if not machine:
        said = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
        console.print(f"\n{said or 'No verdict'}{f', {failed} not examined' if failed else ''}.")
    if page is not None and report is not None:
        report.write_text(page.render(), encoding="utf-8")
        typer.echo(f"Report: {report}", err=machine)
    if any(counts.get(str(word)) for word in fail_on):
        return 4
    return 1 if failed else 0


def _files(inputs: Sequence[str], stores: Stores) -> Iterator[str]:
    """URIs of the files that inputs name, each once.

    Raises:
        ConfigurationError: for an input that names no file, or an address of the web.
    """
    from components.core.locations import is_web, one_file, several_files

    seen: set[str] = set()
    for given in inputs:
        if is_web(given):
            raise _wrong(f"{given} is an address of the web: download the file first.")
        found = one_file(given, stores)
        wild = any(sign in given for sign in "*?[")
        passed_over = any_file = 0
        for file in [found] if found is not None else several_files(given, stores):
            any_file += 1
            if found is None and not wild and not _is_media(file.uri, stores):
                passed_over += 1
            elif file.uri not in seen:
                seen.add(file.uri)
                yield file.uri
        if any_file == passed_over:
            raise _wrong(
                f"The input {given!r} names no file, no folder and no glob."
                if not any_file
                else f"The input {given!r} holds no image and no video: {passed_over} other files."
            )
        if passed_over:
            typer.echo(
                f"{given}: {passed_over} files that are no images or videos were passed over", err=True
            )


def _is_media(uri: str, stores: Stores) -> bool:
    """Whether a file of a folder has the suffix or the first bytes of an image or a video."""
    from components.deepfake.provenance.blocks import sniff

    if uri.rpartition(".")[2].lower() in _SUFFIXES:
        return True
    with stores.open(uri, 0, 16) as stream:
        return bool(sniff(stream.read(16)))


def _local(uri: str) -> str:
    from components.core.locations import is_local, local_path

    return str(local_path(uri)) if is_local(uri) else uri


def _wrong(message: str) -> Exception:
    from components.core.errors import ConfigurationError

    return ConfigurationError(message)


def _print(console: Console, file: str, verdict: Verdict, screener: Screener) -> None:
    console.print(file, style="bold", markup=False)
    certain = "" if verdict.probability is None else f"  probability {verdict.probability:.2f}"
    console.print(f"  {verdict.word.replace('_', ' ')}{certain}", style=_STYLES[verdict.word])
    console.print(f"  {verdict.why}", markup=False)
    silent: dict[str, list[str]] = {}
    for finding in verdict.findings:
        if finding.abstained is not None and not finding.evidence:
            silent.setdefault(str(finding.abstained).replace("_", " "), []).append(finding.detector)
            continue
        console.print(f"  - {_line(finding, screener)}", markup=False)
        for text in dict.fromkeys(evidence.text for evidence in finding.evidence):
            console.print(f"      {text}", style="dim", markup=False)
    for why, names in silent.items():
        console.print(f"  - no answer, {why}: {', '.join(names)}", markup=False)


def _line(finding: Finding, screener: Screener) -> str:
    """A detector's answer in a line."""
    family = screener.families[finding.detector]
    name = finding.detector if family == finding.detector else f"{finding.detector} ({family})"
    if finding.score is None:
        return f"{name}: no answer, {str(finding.abstained).replace('_', ' ')}"
    calibration = screener.calibrations.get(finding.detector)
    if family == "provenance":
        return f"{name}: log-odds {finding.score:+.1f}"
    if calibration is None or calibration.method == "none":
        return f"{name}: score {finding.score:+.2f}, not calibrated: it counts for nothing"
    return (
        f"{name}: calibrated probability {calibration.apply(finding.score):.2f} (score {finding.score:+.2f})"
    )


def _as_json(file: str, verdict: Verdict, sample: Sample, screener: Screener) -> dict[str, Any]:
    """What is printed of a file for machines; keys stay, new ones may come."""
    from dataclasses import asdict

    return {
        "file": file,
        "sha256": sample.id,
        "kind": sample.kind,
        "verdict": verdict.word,
        "probability": verdict.probability,
        "prior": verdict.prior,
        "likelihood_ratio": verdict.likelihood_ratio,
        "why": verdict.why,
        "provenance": asdict(sample.provenance),
        "coverage": asdict(sample.coverage),
        "findings": [
            {
                "detector": one.detector,
                "family": screener.families[one.detector],
                "score": one.score,
                "abstained": None if one.abstained is None else str(one.abstained),
                "evidence": [{"name": e.name, "kind": e.kind, "text": e.text} for e in one.evidence],
            }
            for one in verdict.findings
        ],
    }
