"""Parameters of the dedup family."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class BoilerplateParams(BaseModel):
    """Which short paragraphs are stripped because many documents hold them.

    MINT-1T: exact paragraph deduplication on 2 % of each snapshot, to find short boilerplate; what is
    short and how often is often was not published. OBELICS: whatever occurs more than once in a domain
    (`scope: domain`, `sample: 1`, `min_documents: 2`, a large `max_characters`).

    A small run finds little: of 100 documents, 2 % are two, and no paragraph can reach the 10 documents
    it takes. Nothing is stripped then; set `sample` to 1 below some ten thousands of documents.

    Memory: every worker that strips holds 16 bytes for each paragraph that was found.
    """

    model_config = ConfigDict(extra="forbid")

    enabled: bool = Field(default=True, description="Whether boilerplate is looked for and stripped.")
    sample: float = Field(
        default=0.02, gt=0, le=1, description="Share of the documents that are looked at (MINT-1T: 0.02)."
    )
    min_documents: int = Field(
        default=10,
        ge=2,
        description="Documents of the sample that a paragraph must be in (unpublished; OBELICS: 2).",
    )
    max_characters: int = Field(
        default=200,
        ge=1,
        le=1_000_000,
        description="Longest paragraph that can be boilerplate (MINT-1T says short; unpublished).",
    )
    scope: Literal["snapshot", "domain"] = Field(
        default="snapshot",
        description="Compare paragraphs of all documents, or of those of one host (OBELICS: domain).",
    )


class DedupParams(BaseModel):
    """How texts are compared: by address, as a whole, and by MinHash over word n-grams.

    With b bands of r rows, two documents whose sets of shingles have Jaccard similarity s share a
    band with probability 1 - (1 - s^r)^b: 0.92 at s = 0.8 and 0.05 at s = 0.5 with the defaults.

    Memory with the defaults (of match and cluster measured, of the others by their columns):

    - `dedup_keys`: a shard of documents, and 1 KB for each of them.
    - `dedup_match`: 950 bytes for each document of the run, over run.partitions; and 60 bytes
      and the run's name for each key that the registry knows (16 a document), over that number too.
    - `dedup_cluster`: 13 bytes of scratch file for each document of the run; 450 bytes for each
      duplicate of one of the `cluster_spans`. 10 million edges of 74 million documents took 54 MB.
    - `dedup`: a shard of documents.
    """

    model_config = ConfigDict(extra="forbid")

    url: bool = Field(
        default=True, description="Of captures of the same address, keep one (OBELICS, OmniCorpus)."
    )
    keep: Literal["earliest", "latest"] = Field(
        default="earliest",
        description=(
            "Which capture of an address is kept, by crawl time (OBELICS, OmniCorpus: latest); captures "
            "without a time are kept last. Of documents alike in text, the first of the dataset is kept."
        ),
    )
    exact: bool = Field(default=True, description="Drop documents with the same text as an earlier one.")
    near: bool = Field(default=True, description="Drop near-duplicates of an earlier document.")
    shingle: int = Field(default=5, ge=1, le=64, description="Words in an n-gram (FineWeb: 5).")
    bands: int = Field(default=14, ge=1, le=1024, description="Bands, also called buckets (FineWeb: 14).")
    rows: int = Field(default=8, ge=1, le=256, description="MinHash values in a band (FineWeb: 8).")
    seed: int = Field(
        default=1, ge=0, lt=2**63, description="Chooses the hash functions. Keys of two seeds never match."
    )
    cluster_spans: int = Field(
        default=1,
        ge=1,
        le=10_000,
        description=(
            "Runs of shards that duplicates are listed for one after the other. Clustering takes 13 bytes "
            "of scratch file (TMPDIR) a document, whatever the number of pairs, and about 450 bytes of "
            "memory for each duplicate of one run; each run reads all pairs again."
        ),
    )
    boilerplate: BoilerplateParams = Field(
        default_factory=BoilerplateParams, description="short paragraphs that many documents share"
    )

    @model_validator(mode="after")
    def _does_something(self) -> DedupParams:
        if not (self.url or self.exact or self.near):
            raise ValueError("url, exact and near are all off: leave the dedup steps out instead")
        return self


class BloomParams(BaseModel):
    """Bloom deduplication of lines and documents by their n-grams (BFF with DCLM's settings).

    The defaults are those of MINT-1T (13-grams, threshold 0.8, false positive rate 0.01). Its shortest
    n-gram is not published: 13 is DCLM's, whose code it used; 5 is the default of BFF itself.
    """

    model_config = ConfigDict(extra="forbid")

    enabled: bool = Field(default=False, description="Whether the step runs; without it nothing is dropped.")
    ngram: int = Field(default=13, ge=1, le=64, description="Tokens in an n-gram (MINT-1T, DCLM: 13).")
    min_ngram: int = Field(
        default=13,
        ge=1,
        le=64,
        description=(
            "A line with fewer tokens than an n-gram but at least so many is one n-gram by itself; one with "
            "fewer is always kept (DCLM: 13, so that lines of 13 tokens and more are deduplicated; BFF: 5)."
        ),
    )
    threshold: float = Field(
        default=0.8,
        ge=0,
        le=1,
        description=(
            "Drop a line, or a document, where more than this share of its n-grams was seen before "
            "(MINT-1T, DCLM: 0.8)."
        ),
    )
    false_positive_rate: float = Field(
        default=0.01,
        gt=1e-9,
        lt=0.5,
        description="Share of new n-grams that a full filter takes for seen ones (MINT-1T, DCLM: 0.01).",
    )
    filters: int = Field(
        default=1,
        ge=1,
        le=100_000,
        description=(
            "Filters, each for a run of consecutive shards and worked on by one process. Repetitions "
            "between the documents of two filters are not found (DCLM calls them shards)."
        ),
    )
    max_memory_bytes: int = Field(
        default=4 << 30,
        ge=1 << 16,
        description="Most memory of one filter, in bytes; about 1.27 for each n-gram at a rate of 0.01.",
    )
    seed: int = Field(default=1, ge=0, lt=2**63, description="Chooses the hash function.")


class ImageDedupParams(BaseModel):
    """How images are made unique."""

    model_config = ConfigDict(extra="forbid")

    phash: bool = Field(
        default=True, description="Compute the 64-bit pHash and dHash of every image that is kept."
    )


class ImageGroupParams(BaseModel):
    """When two images are near-duplicates.

    With the defaults, of 150 photographs and diagrams 93 to 100 % of copies are found that were saved at
    quality 30, made small, grey or brighter, marked, or cropped by 5 %; 57 % turned by 3 degrees; 14 %
    cropped by 15 %; and of 11,175 pairs of other pictures one is near (two diagrams of eclipses)
    (benchmarks/image_hash_speed.py). With a radius of 8 that is 89 % cropped by 5 %, 45 % turned.
    """

    model_config = ConfigDict(extra="forbid")

    enabled: bool = Field(default=True, description="Whether near-duplicate images are looked for.")
    radius: int = Field(
        default=10,
        ge=0,
        le=24,
        description="Most bits of 64 in which two pHashes may differ; 0: equal (imagededup, pHash.org: 10).",
    )
    dhash_radius: int = Field(
        default=14,
        ge=0,
        le=64,
        description=(
            "Most bits of 64 in which the dHashes may differ too: 1 % of unlike pictures differ in so few, "
            "so that chance agreement of pHashes, certain among 10^7 images, seldom counts; 64: any."
        ),
    )
    mirrored: bool = Field(
        default=False, description="Whether copies mirrored left to right are near-duplicates too."
    )


class RegistryParams(BaseModel):
    """The registry of released documents, against which later runs are deduplicated."""

    model_config = ConfigDict(extra="forbid")

    uri: str | None = Field(
        default=None,
        pattern=r"^(file|s3)://.",
        description="Folder of the registry, file:// or s3://. None: neither read nor written.",
    )
    run: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        description="Name under which this run is registered and by which ledgers of later runs call it.",
    )
    skip_seen: bool = Field(
        default=True,
        description=(
            "Drop, before they are parsed, payloads that an earlier run has processed with the same "
            "extraction and filter parameters and the same version of kalemint, released or not."
        ),
    )

    @model_validator(mode="after")
    def _is_named(self) -> RegistryParams:
        if self.uri is not None and self.run is None:
            raise ValueError("a registry needs a name for this run: set dedup.registry.run")
        return self


class SemanticParams(BaseModel):
    """Semantic deduplication: documents whose embeddings are nearly the same (SemDeDup, arXiv 2303.09540).

    It runs where a model is given. The paper clusters 440 million pairs into 50,000 clusters and drops all
    but one of those that are within epsilon of one another there.
    """

    model_config = ConfigDict(extra="forbid")

    model: str | None = Field(
        default=None,
        description=(
            "Folder, as path or URI, with model.onnx (a text encoder that gives last_hidden_state) and "
            "tokenizer.json; null: no semantic deduplication."
        ),
    )
    max_tokens: int = Field(
        default=256, ge=8, le=8192, description="Tokens of a document that the model sees (MiniLM-L6: 256)."
    )
    batch: int = Field(default=32, ge=1, le=4096, description="Documents that the model sees at a time.")
    epsilon: float = Field(
        default=0.05,
        gt=0,
        lt=1,
        description=(
            "Drop a document where its cosine similarity with a kept one of its cluster is above "
            "1 - epsilon. The paper chooses it by the share that is to go; it depends on the model."
        ),
    )
    documents_per_cluster: int = Field(
        default=8800,
        ge=1,
        le=1_000_000,
        description="Documents in a cluster on average (SemDeDup: 440 million in 50,000).",
    )
    sample: int = Field(
        default=100_000,
        ge=1,
        le=10_000_000,
        description="Documents that the clusters are made from, each of 1.5 kB for 384 dimensions.",
    )
    iterations: int = Field(default=20, ge=1, le=1000, description="Most rounds of k-means.")


class DedupFamilyParams(BaseModel):
    """Parameters of the dedup family's stages."""

    model_config = ConfigDict(extra="forbid")

    text: DedupParams = Field(default_factory=DedupParams, description="documents, by their text")
    bloom: BloomParams = Field(default_factory=BloomParams, description="lines, by their n-grams")
    registry: RegistryParams = Field(
        default_factory=RegistryParams, description="documents, against those that earlier runs released"
    )
    images: ImageDedupParams = Field(default_factory=ImageDedupParams, description="images, by their bytes")
    semantic: SemanticParams = Field(
        default_factory=SemanticParams, description="documents, by their meaning"
    )
    image_groups: ImageGroupParams = Field(
        default_factory=ImageGroupParams, description="images, by what they show"
    )


class PairDedupParams(BaseModel):
    """Parameters of the dedup family's stages that images with captions go through."""

    model_config = ConfigDict(extra="forbid")

    images: ImageDedupParams = Field(default_factory=ImageDedupParams, description="images, by their bytes")
    image_groups: ImageGroupParams = Field(
        default_factory=ImageGroupParams, description="images, by what they show"
    )
