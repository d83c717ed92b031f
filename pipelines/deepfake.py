"""The `deepfake` pipeline: media to trained, calibrated and benchmarked detectors (arXiv 2407.06174).

Faces are found and followed, pseudo-fakes are made of real ones, detectors are trained on them, and all
detectors, trained or not, are measured on every family of forgeries that the media hold.
"""

from kfp import dsl

from components.core.task import spelled
from components.deepfake import component as forensics
from components.publish import component as publishing
from pipelines.config import DeepfakeConfig
from pipelines.fan_out import single, step
from pipelines.start import start

_DEFAULTS = spelled(DeepfakeConfig().model_dump(mode="json"))


@dsl.pipeline(name="deepfake", description="Train, calibrate and benchmark deepfake detectors")
def deepfake(
    inputs: list[str],
    out: str,
    workers: int = 1,
    deepfake: dict = _DEFAULTS["deepfake"],
    run: dict = _DEFAULTS["run"],
):
    """Find faces, synthesize pseudo-fakes, train, detect, calibrate, benchmark, publish.

    Args:
        inputs: folders, files, or data sets as NAME:FOLDER, as URIs.
        out: where everything goes, file:// or s3://.
        workers: workers of each step; each is a pod on a cluster.
        deepfake: parameters of the deepfake family.
        run: how the run is executed; changes no output.
    """
    begun = single(
        "start",
        start,
        pipeline="deepfake",
        inputs=inputs,
        out=out,
        workers=workers,
        deepfake=deepfake,
        run=run,
    )
    fan = {"numbers": begun.output, "workers": workers, "out": out, "run": run}
    own = {"deepfake": deepfake}
    listed = single("media sources", forensics.sources, begun, inputs=inputs, out=out, run=run, **own)
    read = step(
        "read media",
        forensics.read_media,
        forensics.read_media_commit,
        **fan,
        **own,
        sources=listed.outputs["sources"],
    )
    faces = step(
        "faces",
        forensics.extract_faces,
        forensics.extract_faces_commit,
        **fan,
        **own,
        media=read.outputs["media"],
    )
    found = {"samples": faces.outputs["samples"], "crops": faces.outputs["crops"]}
    shared_out = step("splits", forensics.splits, forensics.splits_commit, **fan, **own, **found)
    splits = shared_out.outputs["splits"]
    forged = step(
        "synthesize",
        forensics.synthesize,
        forensics.synthesize_commit,
        **fan,
        **own,
        **found,
        splits=splits,
    )
    found["forged_samples"] = forged.outputs["forged_samples"]
    found["forged_crops"] = forged.outputs["forged_crops"]
    trained = single("train", forensics.train, out=out, run=run, **own, **found, splits=splits)
    model = trained.outputs["model"]
    detected = step(
        "detect", forensics.detect, forensics.detect_commit, **fan, **own, **found, splits=splits, model=model
    )
    corrupted = step(
        "robustness",
        forensics.robustness,
        forensics.robustness_commit,
        **fan,
        **own,
        **found,
        splits=splits,
        model=model,
    )
    samples = {name: found[name] for name in ("samples", "forged_samples")}
    calibrated = step(
        "calibrate",
        forensics.calibrate,
        forensics.calibrate_commit,
        **fan,
        **own,
        **samples,
        splits=splits,
        detections=detected.outputs["detections"],
    )
    calibrations = calibrated.outputs["calibrations"]
    measured = step(
        "benchmark",
        forensics.benchmark,
        forensics.benchmark_commit,
        **fan,
        **own,
        **found,
        splits=splits,
        detections=detected.outputs["detections"],
        corrupted=corrupted.outputs["corrupted"],
        calibrations=calibrations,
    )
    published = single(
        "publish detectors",
        forensics.publish_detectors,
        model=model,
        calibrations=calibrations,
        benchmark=measured.outputs["benchmark"],
        out=out,
        run=run,
        **own,
    )
    single("report", publishing.describe, release=published.outputs["detectors"], out=out)
