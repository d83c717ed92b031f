"""KFP components of the deepfake family: the typed interface and a call, nothing else."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components.core.task import BASE_IMAGE, TORCH_IMAGE


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def sources(
    inputs: list[str], out: str, deepfake: dict, run: dict, sources: Output[Dataset], metrics: Output[Metrics]
):
    """List images and videos with their labels and cut them into units."""
    from components.deepfake.media_sources import publish_media_sources

    publish_media_sources(inputs, out, deepfake["media_sources"], run, sources, metrics)


@dsl.component(base_image=TORCH_IMAGE, install_kfp_package=False)
def train(
    samples: Input[Dataset],
    forged_samples: Input[Dataset],
    crops: Input[Dataset],
    forged_crops: Input[Dataset],
    splits: Input[Dataset],
    out: str,
    deepfake: dict,
    run: dict,
    model: Output[Dataset],
    metrics: Output[Metrics],
):
    """Train the detectors that have weights, from the last checkpoint on where one is there."""
    from components.deepfake.train_task import train_task

    inputs = {
        "samples": [samples.path, forged_samples.path],
        "crops": [crops.path, forged_crops.path],
        "splits": splits.path,
    }
    train_task(inputs, out, deepfake["train"], run, model, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def publish_detectors(
    model: Input[Dataset],
    calibrations: Input[Dataset],
    benchmark: Input[Dataset],
    out: str,
    deepfake: dict,
    run: dict,
    detectors: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish weights, calibrations and card as one folder that screening takes."""
    from components.deepfake.publish_task import publish_task

    inputs = {"model": model.path, "calibrations": calibrations.path, "benchmark": benchmark.path}
    publish_task(inputs, out, deepfake["publish"], run, detectors, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def read_media(
    sources: Input[Dataset], out: str, deepfake: dict, run: dict, worker: int, workers: int
) -> str:
    """Hash and probe files, and read what they declare of their origin."""
    from components.core.task import work

    inputs = {"sources": sources.path}
    params = deepfake["read_media"]
    return work("components.deepfake.read_media:ReadMediaStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def read_media_commit(
    sources: Input[Dataset],
    done: list[str],
    out: str,
    deepfake: dict,
    run: dict,
    media: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the media."""
    from components.core.task import commit

    inputs = {"sources": sources.path}
    outputs = {"media": media}
    params = deepfake["read_media"]
    commit("components.deepfake.read_media:ReadMediaStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def extract_faces(
    media: Input[Dataset], out: str, deepfake: dict, run: dict, worker: int, workers: int
) -> str:
    """Decode, find and follow faces, align them."""
    from components.core.task import work

    inputs = {"media": media.path}
    params = deepfake["faces"]
    return work(
        "components.deepfake.extract_faces:ExtractFacesStage", inputs, out, params, run, worker, workers
    )


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def extract_faces_commit(
    media: Input[Dataset],
    done: list[str],
    out: str,
    deepfake: dict,
    run: dict,
    samples: Output[Dataset],
    crops: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish samples and their crops."""
    from components.core.task import commit

    inputs = {"media": media.path}
    outputs = {"samples": samples, "crops": crops}
    params = deepfake["faces"]
    commit("components.deepfake.extract_faces:ExtractFacesStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def splits(
    samples: Input[Dataset],
    crops: Input[Dataset],
    out: str,
    deepfake: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Share samples out to training, validation and test; look for leaks."""
    from components.core.task import work

    inputs = {"samples": samples.path, "crops": crops.path}
    params = deepfake["splits"]
    return work("components.deepfake.splits:SplitsStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def splits_commit(
    samples: Input[Dataset],
    crops: Input[Dataset],
    done: list[str],
    out: str,
    deepfake: dict,
    run: dict,
    splits: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the splits."""
    from components.core.task import commit

    inputs = {"samples": samples.path, "crops": crops.path}
    outputs = {"splits": splits}
    params = deepfake["splits"]
    commit("components.deepfake.splits:SplitsStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def synthesize(
    samples: Input[Dataset],
    crops: Input[Dataset],
    splits: Input[Dataset],
    out: str,
    deepfake: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Make pseudo-fakes of real samples."""
    from components.core.task import work

    inputs = {"samples": samples.path, "crops": crops.path, "splits": splits.path}
    params = deepfake["synthesize"]
    return work("components.deepfake.synthesize:SynthesizeStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def synthesize_commit(
    samples: Input[Dataset],
    crops: Input[Dataset],
    splits: Input[Dataset],
    done: list[str],
    out: str,
    deepfake: dict,
    run: dict,
    forged_samples: Output[Dataset],
    forged_crops: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the pseudo-fakes."""
    from components.core.task import commit

    inputs = {"samples": samples.path, "crops": crops.path, "splits": splits.path}
    outputs = {"samples": forged_samples, "crops": forged_crops}
    params = deepfake["synthesize"]
    commit("components.deepfake.synthesize:SynthesizeStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=TORCH_IMAGE, install_kfp_package=False)
def detect(
    samples: Input[Dataset],
    forged_samples: Input[Dataset],
    crops: Input[Dataset],
    forged_crops: Input[Dataset],
    splits: Input[Dataset],
    model: Input[Dataset],
    out: str,
    deepfake: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Have every detector judge every sample."""
    from components.core.task import work

    inputs = {
        "samples": [samples.path, forged_samples.path],
        "crops": [crops.path, forged_crops.path],
        "splits": splits.path,
        "model": model.path,
    }
    params = {**deepfake["detect"], "detectors": deepfake["detectors"]}
    return work("components.deepfake.detect:DetectStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=TORCH_IMAGE, install_kfp_package=False)
def detect_commit(
    samples: Input[Dataset],
    forged_samples: Input[Dataset],
    crops: Input[Dataset],
    forged_crops: Input[Dataset],
    splits: Input[Dataset],
    model: Input[Dataset],
    done: list[str],
    out: str,
    deepfake: dict,
    run: dict,
    detections: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the detections."""
    from components.core.task import commit

    inputs = {
        "samples": [samples.path, forged_samples.path],
        "crops": [crops.path, forged_crops.path],
        "splits": splits.path,
        "model": model.path,
    }
    outputs = {"detections": detections}
    params = {**deepfake["detect"], "detectors": deepfake["detectors"]}
    commit("components.deepfake.detect:DetectStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=TORCH_IMAGE, install_kfp_package=False)
def robustness(
    samples: Input[Dataset],
    forged_samples: Input[Dataset],
    crops: Input[Dataset],
    forged_crops: Input[Dataset],
    splits: Input[Dataset],
    model: Input[Dataset],
    out: str,
    deepfake: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Judge corrupted copies of test samples."""
    from components.core.task import work

    inputs = {
        "samples": [samples.path, forged_samples.path],
        "crops": [crops.path, forged_crops.path],
        "splits": splits.path,
        "model": model.path,
    }
    params = {**deepfake["robustness"], "detectors": deepfake["detectors"], "faces": deepfake["faces"]}
    return work("components.deepfake.robustness:RobustnessStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=TORCH_IMAGE, install_kfp_package=False)
def robustness_commit(
    samples: Input[Dataset],
    forged_samples: Input[Dataset],
    crops: Input[Dataset],
    forged_crops: Input[Dataset],
    splits: Input[Dataset],
    model: Input[Dataset],
    done: list[str],
    out: str,
    deepfake: dict,
    run: dict,
    corrupted: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the detections of corrupted copies."""
    from components.core.task import commit

    inputs = {
        "samples": [samples.path, forged_samples.path],
        "crops": [crops.path, forged_crops.path],
        "splits": splits.path,
        "model": model.path,
    }
    outputs = {"detections": corrupted}
    params = {**deepfake["robustness"], "detectors": deepfake["detectors"], "faces": deepfake["faces"]}
    commit("components.deepfake.robustness:RobustnessStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def calibrate(
    detections: Input[Dataset],
    samples: Input[Dataset],
    forged_samples: Input[Dataset],
    splits: Input[Dataset],
    out: str,
    deepfake: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Fit probabilities, thresholds and abstention on the validation split."""
    from components.core.task import work

    inputs = {
        "detections": detections.path,
        "samples": [samples.path, forged_samples.path],
        "splits": splits.path,
    }
    params = deepfake["calibrate"]
    return work("components.deepfake.calibrate:CalibrateStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def calibrate_commit(
    detections: Input[Dataset],
    samples: Input[Dataset],
    forged_samples: Input[Dataset],
    splits: Input[Dataset],
    done: list[str],
    out: str,
    deepfake: dict,
    run: dict,
    calibrations: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the calibrations."""
    from components.core.task import commit

    inputs = {
        "detections": detections.path,
        "samples": [samples.path, forged_samples.path],
        "splits": splits.path,
    }
    outputs = {"calibrations": calibrations}
    params = deepfake["calibrate"]
    commit("components.deepfake.calibrate:CalibrateStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def benchmark(
    detections: Input[Dataset],
    corrupted: Input[Dataset],
    samples: Input[Dataset],
    forged_samples: Input[Dataset],
    crops: Input[Dataset],
    forged_crops: Input[Dataset],
    splits: Input[Dataset],
    calibrations: Input[Dataset],
    out: str,
    deepfake: dict,
    run: dict,
    worker: int,
    workers: int,
) -> str:
    """Measure every detector for each family, data set, method and corruption."""
    from components.core.task import work

    inputs = {
        "detections": [detections.path, corrupted.path],
        "samples": [samples.path, forged_samples.path],
        "crops": [crops.path, forged_crops.path],
        "splits": splits.path,
        "calibrations": calibrations.path,
    }
    params = deepfake["benchmark"]
    return work("components.deepfake.benchmark:BenchmarkStage", inputs, out, params, run, worker, workers)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def benchmark_commit(
    detections: Input[Dataset],
    corrupted: Input[Dataset],
    samples: Input[Dataset],
    forged_samples: Input[Dataset],
    crops: Input[Dataset],
    forged_crops: Input[Dataset],
    splits: Input[Dataset],
    calibrations: Input[Dataset],
    done: list[str],
    out: str,
    deepfake: dict,
    run: dict,
    benchmark: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish the benchmark."""
    from components.core.task import commit

    inputs = {
        "detections": [detections.path, corrupted.path],
        "samples": [samples.path, forged_samples.path],
        "crops": [crops.path, forged_crops.path],
        "splits": splits.path,
        "calibrations": calibrations.path,
    }
    outputs = {"benchmark": benchmark}
    params = deepfake["benchmark"]
    commit("components.deepfake.benchmark:BenchmarkStage", inputs, out, params, run, outputs, metrics)


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def screen(found: Input[Dataset], out: str, screen: dict, run: dict, worker: int, workers: int) -> str:
    """Say which images are declared, or look, synthetic or forged; decides nothing."""
    from components.core.task import work

    inputs = {"images": found.path}
    return work(
        "components.deepfake.screen_images:ScreenImagesStage", inputs, out, screen, run, worker, workers
    )


@dsl.component(base_image=BASE_IMAGE, install_kfp_package=False)
def screen_commit(
    found: Input[Dataset],
    done: list[str],
    out: str,
    screen: dict,
    run: dict,
    screenings: Output[Dataset],
    metrics: Output[Metrics],
):
    """Publish what was found of images."""
    from components.core.task import commit

    inputs = {"images": found.path}
    outputs = {"screenings": screenings}
    commit("components.deepfake.screen_images:ScreenImagesStage", inputs, out, screen, run, outputs, metrics)
