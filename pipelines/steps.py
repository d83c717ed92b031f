"""The steps of every pipeline, in order: what a person sees of a run, and where its parameters are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a pipeline.

    Attributes:
        name: the step's folder in the run's output and its name in the ledger.
        family: folder under `components/`.
        stage: import path of its stage; None for a step that is not run in units.
        section: dotted place of its parameters in the configuration.
        says: what it does, in a few words.
        inputs: input port → the datasets it reads, as `step.port`; several are read as one.
        ports: output ports of a step without a stage.
        shared: names of parameters of the whole family (its engines) that are added to the step's own.
    """

    name: str
    family: str
    stage: str | None
    section: str
    says: str
    inputs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ports: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()


def _step(
    name: str,
    stage: str,
    section: str,
    says: str,
    *,
    shared: tuple[str, ...] = (),
    **inputs: str | tuple[str, ...],
) -> Step:
    """A step that runs in units; its family is the package of its stage."""
    given = {port: (names,) if isinstance(names, str) else names for port, names in inputs.items()}
    return Step(name, stage.partition(".")[0], f"components.{stage}", section, says, given, (), shared)


def _screen(images: str) -> Step:
    """Whether images are declared, or look, synthetic or forged."""
    return _step(
        "screen",
        "deepfake.screen_images:ScreenImagesStage",
        "screen",
        "declared origin of images, and what calibrated detectors find",
        images=images,
    )


_DOCUMENTS: Final = (
    Step(
        "sources",
        "crawl",
        None,
        "crawl.sources",
        "tell inputs apart, cut them into units",
        ports=("sources",),
    ),
    Step(
        "registry",
        "dedup",
        None,
        "dedup.registry",
        "freeze what earlier runs released and saw",
        ports=("known_keys", "seen_payloads"),
    ),
    _step(
        "find_pdfs",
        "crawl.find_pdfs:FindPdfsStage",
        "crawl.find_pdfs",
        "list the PDF files that WAT files link to",
        sources="sources.sources",
    ),
    _step(
        "fetch",
        "crawl.fetch:FetchStage",
        "crawl.fetch",
        "fetch addresses politely to WARC",
        sources="sources.sources",
    ),
    _step(
        "fetch_pdfs",
        "crawl.fetch_pdfs:FetchPdfsStage",
        "crawl.pdfs",
        "fetch the listed PDF files politely to WARC",
        targets="find_pdfs.targets",
    ),
    _step(
        "extract",
        "crawl.extract:ExtractStage",
        "crawl.extract",
        "pages, PDFs, LaTeX to interleaved documents",
        sources=("fetch.sources", "fetch_pdfs.sources"),
        seen="registry.seen_payloads",
    ),
    _step(
        "annotate",
        "filter.annotate:AnnotateStage",
        "filter.annotate",
        "store scores of texts",
        documents="extract.documents",
    ),
    _step(
        "decide",
        "filter.decide:DecideStage",
        "filter.decide",
        "apply the rules on texts and addresses",
        documents="annotate.documents",
        item_scores="annotate.item_scores",
    ),
    _step(
        "dedup_keys",
        "dedup.keys:KeysStage",
        "dedup.text",
        "hash texts, addresses and MinHash bands",
        documents="decide.documents",
    ),
    _step(
        "dedup_match",
        "dedup.match:MatchStage",
        "dedup.text",
        "find shared keys, boilerplate",
        keys="dedup_keys.keys",
        paragraphs="dedup_keys.paragraphs",
        known="registry.known_keys",
    ),
    _step(
        "dedup_cluster",
        "dedup.cluster:ClusterStage",
        "dedup.text",
        "join pairs",
        documents="decide.documents",
        edges="dedup_match.edges",
        known_matches="dedup_match.known_matches",
        kept="decide.documents",
    ),
    _step(
        "bloom",
        "dedup.bloom:BloomStage",
        "dedup.bloom",
        "find lines whose n-grams were seen (optional)",
        documents="decide.documents",
    ),
    _step(
        "embed",
        "dedup.semantic:EmbedStage",
        "dedup.semantic",
        "embed texts (optional)",
        documents="decide.documents",
        duplicates="dedup_cluster.duplicates",
        drops="bloom.drops",
    ),
    _step(
        "semantic_centroids",
        "dedup.semantic:CentroidsStage",
        "dedup.semantic",
        "k-means of a sample (optional)",
        embeddings="embed.embeddings",
    ),
    _step(
        "semantic_assign",
        "dedup.semantic:AssignStage",
        "dedup.semantic",
        "nearest centroids (optional)",
        embeddings="embed.embeddings",
        centroids="semantic_centroids.centroids",
    ),
    _step(
        "semantic",
        "dedup.semantic:SemanticStage",
        "dedup.semantic",
        "find repetitions in other words (optional)",
        embeddings="semantic_assign.embeddings",
    ),
    _step(
        "dedup",
        "dedup.apply:DropDuplicatesStage",
        "dedup.text",
        "drop duplicates, repeated lines, boilerplate",
        documents="decide.documents",
        duplicates=("dedup_cluster.duplicates", "semantic.duplicates"),
        drops="bloom.drops",
        boilerplate="dedup_match.boilerplate",
    ),
    _step(
        "link_images",
        "crawl.link:LinkImagesStage",
        "crawl.images",
        "find shown images",
        image_refs="dedup.image_refs",
        image_index="extract.image_index",
    ),
    _step(
        "fetch_images",
        "crawl.fetch_images:FetchImagesStage",
        "crawl.images",
        "fetch shown images politely (optional)",
        targets="link_images.targets",
    ),
    _step(
        "unique_images",
        "dedup.images:UniqueImagesStage",
        "dedup.images",
        "one row for every image, with its hashes",
        images=("extract.images", "fetch_images.images"),
    ),
    _step(
        "assemble",
        "crawl.link:AssembleStage",
        "",
        "put found images into documents",
        documents="dedup.documents",
        image_links=("link_images.image_links", "fetch_images.image_links"),
    ),
    _step(
        "annotate_images",
        "filter.annotate_images:AnnotateImagesStage",
        "filter.annotate_images",
        "store scores of images that are shown",
        images="unique_images.images",
        uses="assemble.uses",
    ),
    _screen("annotate_images.images"),
    _step(
        "image_groups",
        "dedup.image_groups:ImageGroupsStage",
        "dedup.image_groups",
        "group images that look alike",
        images="annotate_images.images",
    ),
    _step(
        "similarity",
        "filter.similarity:SimilarityStage",
        "filter.similarity",
        "compare images with their texts (optional)",
        documents="assemble.documents",
        images="annotate_images.images",
    ),
    _step(
        "decide_images",
        "filter.decide_images:DecideImagesStage",
        "filter.decide",
        "apply the rules on images",
        documents="assemble.documents",
        images="annotate_images.images",
        groups="image_groups.groups",
        similarity="similarity.scores",
        screenings="screen.screenings",
    ),
)
"""From any input to the documents that are to be released."""

_RELEASE_DOCUMENTS: Final = (
    _step(
        "export",
        "publish.export:ExportStage",
        "publish",
        "write the release",
        documents="decide_images.documents",
        images="annotate_images.images",
    ),
    _step(
        "released_keys",
        "dedup.released_keys:ReleasedKeysStage",
        "dedup.registry",
        "register the run for later ones (optional)",
        documents="decide.documents",
        released="decide_images.documents",
        keys="dedup_keys.keys",
    ),
)

_REPORT: Final = Step(
    "report", "publish", None, "publish", "data card, Croissant metadata, statistics, report"
)


def _captions(images: str, contexts: str, groups: str) -> tuple[Step, ...]:
    """From images, what was said of them and clusters of near-duplicates to released captions (KALE)."""
    return (
        _step(
            "pairs",
            "caption.pairs:PairsStage",
            "caption.pairs",
            "choose alternative texts; share images out to teacher and student",
            images=images,
            contexts=contexts,
            groups=groups,
            screenings="screen.screenings",
        ),
        _step(
            "align",
            "caption.align:AlignStage",
            "caption.align",
            "score how well alternative texts fit their images",
            shared=("teacher",),
            pairs="pairs.pairs",
            images=images,
        ),
        _step(
            "dense",
            "caption.dense:DenseStage",
            "caption.dense",
            "dense captions by the teacher",
            shared=("teacher",),
            pairs="pairs.pairs",
            images=images,
            alignments="align.alignments",
        ),
        _step(
            "augment",
            "caption.augment:AugmentStage",
            "caption.augment",
            "merge captions with what alternative texts know",
            shared=("teacher", "fuser"),
            captions="dense.captions",
            pairs="pairs.pairs",
            alignments="align.alignments",
        ),
        _step(
            "verify",
            "caption.verify:VerifyStage",
            "caption.verify",
            "attribute every claim; take out what nothing supports",
            shared=("teacher", "fuser"),
            captions="augment.captions",
            pairs="pairs.pairs",
            images=images,
        ),
        _step(
            "training_set",
            "distill.training_set:TrainingSetStage",
            "distill.training_set",
            "training and held-out pairs, split by cluster, decontaminated",
            captions="verify.captions",
            pairs="pairs.pairs",
            images=images,
        ),
        Step(
            "train",
            "distill",
            None,
            "distill.train",
            "distil the student",
            {"train": ("training_set.train",), "heldout": ("training_set.heldout",)},
            ("model", "log"),
        ),
        _step(
            "predict",
            "caption.predict:PredictStage",
            "caption.predict",
            "the student captions held-out images",
            shared=("student",),
            heldout="training_set.heldout",
            model="train.model",
        ),
        _step(
            "evaluate",
            "distill.evaluate:EvaluateStage",
            "distill.evaluate",
            "metrics of the student against the teacher",
            predictions="predict.predictions",
            heldout="training_set.heldout",
        ),
        _step(
            "gate",
            "distill.gate:GateStage",
            "distill.gate",
            "stop here where the student falls short",
            evaluations="evaluate.evaluations",
        ),
        _step(
            "scale",
            "caption.scale:ScaleStage",
            "caption.scale",
            "the student captions the rest, audited by the teacher",
            shared=("student",),
            rest="pairs.rest",
            pairs="pairs.pairs",
            images=images,
            captions="verify.captions",
            model="train.model",
            gate="gate.gate",
        ),
        _step(
            "export_captions",
            "publish.export_captions:ExportCaptionsStage",
            "publish.kale",
            "write the released captions",
            captions=("verify.captions", "scale.captions"),
            images=images,
        ),
    )


KALE: Final = (
    Step(
        "pair_sources",
        "caption",
        None,
        "caption.pair_sources",
        "tell lists of pairs apart, cut them into units",
        ports=("sources",),
    ),
    _step(
        "read_pairs",
        "caption.read_pairs:ReadPairsStage",
        "caption.read_pairs",
        "images and what their files say of them",
        sources="pair_sources.sources",
    ),
    _step(
        "unique_images",
        "dedup.images:UniqueImagesStage",
        "dedup.images",
        "one row for every image, with its hashes",
        images="read_pairs.images",
    ),
    _screen("unique_images.images"),
    _step(
        "image_groups",
        "dedup.image_groups:ImageGroupsStage",
        "dedup.image_groups",
        "group images that look alike",
        images="unique_images.images",
    ),
    *_captions("unique_images.images", "read_pairs.contexts", "image_groups.groups"),
    _REPORT,
)

FULL: Final = (
    *_DOCUMENTS,
    *_RELEASE_DOCUMENTS,
    _step(
        "contexts",
        "caption.contexts:ContextsStage",
        "caption.contexts",
        "what documents say of the images they show",
        documents="decide_images.documents",
    ),
    *_captions("annotate_images.images", "contexts.contexts", "image_groups.groups"),
    _REPORT,
)

MINT: Final = (*_DOCUMENTS, *_RELEASE_DOCUMENTS, _REPORT)

DEEPFAKE: Final = (
    Step(
        "media_sources",
        "deepfake",
        None,
        "deepfake.media_sources",
        "list images and videos with their labels, cut them into units",
        ports=("sources",),
    ),
    _step(
        "read_media",
        "deepfake.read_media:ReadMediaStage",
        "deepfake.read_media",
        "hash and probe files, read what they declare of their origin",
        sources="media_sources.sources",
    ),
    _step(
        "faces",
        "deepfake.extract_faces:ExtractFacesStage",
        "deepfake.faces",
        "decode, find and follow faces, align them",
        media="read_media.media",
    ),
    _step(
        "splits",
        "deepfake.splits:SplitsStage",
        "deepfake.splits",
        "training, validation and test; a test for leaks",
        samples="faces.samples",
        crops="faces.crops",
    ),
    _step(
        "synthesize",
        "deepfake.synthesize:SynthesizeStage",
        "deepfake.synthesize",
        "pseudo-fakes of real samples",
        samples="faces.samples",
        crops="faces.crops",
        splits="splits.splits",
    ),
    Step(
        "train",
        "deepfake",
        None,
        "deepfake.train",
        "train the detectors that have weights",
        {
            "samples": ("faces.samples", "synthesize.samples"),
            "crops": ("faces.crops", "synthesize.crops"),
            "splits": ("splits.splits",),
        },
        ("model", "log"),
    ),
    _step(
        "detect",
        "deepfake.detect:DetectStage",
        "deepfake.detect",
        "every detector judges every sample",
        shared=("detectors",),
        samples=("faces.samples", "synthesize.samples"),
        crops=("faces.crops", "synthesize.crops"),
        splits="splits.splits",
        model="train.model",
    ),
    _step(
        "robustness",
        "deepfake.robustness:RobustnessStage",
        "deepfake.robustness",
        "detectors judge corrupted copies",
        shared=("detectors", "faces"),
        samples=("faces.samples", "synthesize.samples"),
        crops=("faces.crops", "synthesize.crops"),
        splits="splits.splits",
        model="train.model",
    ),
    _step(
        "calibrate",
        "deepfake.calibrate:CalibrateStage",
        "deepfake.calibrate",
        "probabilities, thresholds and abstention",
        detections="detect.detections",
        samples=("faces.samples", "synthesize.samples"),
        splits="splits.splits",
    ),
    _step(
        "benchmark",
        "deepfake.benchmark:BenchmarkStage",
        "deepfake.benchmark",
        "figures by family, data set, method and corruption",
        detections=("detect.detections", "robustness.detections"),
        samples=("faces.samples", "synthesize.samples"),
        crops=("faces.crops", "synthesize.crops"),
        splits="splits.splits",
        calibrations="calibrate.calibrations",
    ),
    Step(
        "publish_detectors",
        "deepfake",
        None,
        "deepfake.publish",
        "weights, calibrations and card in one folder",
        {
            "model": ("train.model",),
            "calibrations": ("calibrate.calibrations",),
            "benchmark": ("benchmark.benchmark",),
        },
        ("detectors",),
    ),
    _REPORT,
)

PIPELINES: Final = {"mint": MINT, "kale": KALE, "full": FULL, "deepfake": DEEPFAKE}
"""Pipelines by name; each has a module of its own in this package."""
