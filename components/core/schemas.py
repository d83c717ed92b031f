"""Arrow schemas of every kind of record, versioned and documented field by field.

A schema is named `kind/version`. Every shard carries the name in its Parquet metadata, every
manifest names it, and every stage declares which ones it consumes and produces; `check` compares
them on both sides of every step and names the column, the producer and the consumer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pyarrow as pa

from components.core import forensic_schemas
from components.core.errors import ConfigurationError
from components.core.schema_field import column as _field

SCORES: Final = pa.map_(pa.string(), pa.float64())

ITEM: Final = pa.struct(
    [
        _field("kind", pa.string(), "'text' or 'image'", nullable=False),
        _field("role", pa.string(), "paragraph, heading, list, table, code, quote or figure"),
        _field("text", pa.string(), "text of a text item, UTF-8, NFC; null for an image"),
        _field("level", pa.int8(), "heading level, 1 to 6; null for anything else"),
        _field("image_id", pa.string(), "SHA-256 (hex) of the image's bytes; null while not fetched"),
        _field("url", pa.string(), "absolute URL of an image; null where it has none"),
        _field("alt", pa.string(), "alternative text given by the page's author"),
        _field("caption", pa.string(), "figure caption given by the author"),
        _field("page", pa.int32(), "page of a PDF, counted from 1"),
        _field("bbox", pa.list_(pa.float32(), 4), "x0, y0, x1, y1 in points, origin top left (PDF)"),
        _field("width", pa.int32(), "pixels: of the bytes if known, else as the page declares"),
        _field("height", pa.int32(), "pixels: of the bytes if known, else as the page declares"),
    ]
)

CONSENT: Final = pa.struct(
    [
        _field("robots", pa.string(), "robots.txt verdict: allowed, disallowed, unavailable, unknown"),
        _field("x_robots_tag", pa.string(), "X-Robots-Tag response header, as sent"),
        _field("meta_robots", pa.string(), "content of <meta name=robots>"),
        _field("tdm_reservation", pa.bool_(), "TDMRep: true where text and data mining is reserved"),
        _field("noai", pa.bool_(), "true where noai, noimageai or noml was declared"),
    ]
)

SOURCES: Final = pa.schema(
    [
        _field("id", pa.string(), "SHA-256 (first 32 hex) of kind, URI and range", nullable=False),
        _field(
            "kind",
            pa.string(),
            "warc, wat, arxiv, html, pdf, latex, image or url; pairs_tar, pairs_parquet, pairs_table or "
            "pairs_folder",
            nullable=False,
        ),
        _field("uri", pa.string(), "file://, s3://, http:// or https:// location", nullable=False),
        _field(
            "start",
            pa.int64(),
            "first byte of the range of a WARC or WAT file or a tar; first row group of pairs_parquet",
            nullable=False,
        ),
        _field(
            "stop",
            pa.int64(),
            "end of the range, of the same kind; records that start before it belong to it; 2^63 - 1: "
            "the end of the file",
            nullable=False,
        ),
        _field("bytes", pa.int64(), "size of the file in bytes; -1 where unknown"),
        _field("url", pa.string(), "the web address this came from, where known"),
    ]
)

DOCUMENTS: Final = pa.schema(
    [
        _field(
            "id", pa.string(), "32 hex: from the WARC record id, or from the file's SHA-256", nullable=False
        ),
        _field("source", pa.string(), "html, pdf, latex or image", nullable=False),
        _field("source_uri", pa.string(), "the file the document was read from", nullable=False),
        _field("source_offset", pa.int64(), "byte offset of the record in a WARC file, else 0"),
        _field("url", pa.string(), "address of the page or file"),
        _field("title", pa.string(), "title given by the author"),
        _field("crawl_time", pa.timestamp("us", tz="UTC"), "WARC-Date of the capture"),
        _field("declared_language", pa.string(), "BCP 47 tag the document declares (html lang)"),
        _field("language", pa.string(), "ISO 639 code found by the language identifier"),
        _field("language_score", pa.float64(), "its probability, 0 to 1"),
        _field("license", pa.string(), "URL of the licence the document declares (rel=license)"),
        _field("consent", CONSENT, "evidence of what the publisher allows"),
        _field("items", pa.list_(ITEM), "texts and images in reading order", nullable=False),
        _field("scores", SCORES, "named scores of filters, stored before any threshold is applied"),
    ]
)

IMAGES: Final = pa.schema(
    [
        _field("id", pa.string(), "SHA-256 (hex) of `bytes`", nullable=False),
        _field("bytes", pa.binary(), "the encoded image exactly as found", nullable=False),
        _field("size", pa.int64(), "length of `bytes`", nullable=False),
        _field("format", pa.string(), "jpeg, png, webp, gif, bmp, tiff, avif or jp2", nullable=False),
        _field("width", pa.int32(), "pixels", nullable=False),
        _field("height", pa.int32(), "pixels", nullable=False),
        _field("phash", pa.uint64(), "64-bit DCT perceptual hash; null where not computed"),
        _field("dhash", pa.uint64(), "64-bit difference hash; null where not computed"),
        _field("url", pa.string(), "address it was fetched from; null for PDF and LaTeX"),
        _field("alts", pa.list_(pa.string()), "alternative texts seen with it, sorted, no repeats"),
        _field("source_uri", pa.string(), "the file it was read from"),
        _field("source_offset", pa.int64(), "byte offset of the record in a WARC file, else 0"),
        _field("scores", SCORES, "named scores of filters"),
    ]
)

IMAGE_REFS: Final = pa.schema(
    [
        _field("url", pa.string(), "address of an image that a document shows", nullable=False),
        _field("shard", pa.int32(), "index of the documents shard that shows it", nullable=False),
    ]
)

IMAGE_INDEX: Final = pa.schema(
    [
        _field("url", pa.string(), "address an image was fetched from", nullable=False),
        _field("image_id", pa.string(), "SHA-256 of the bytes found there", nullable=False),
        _field("width", pa.int32(), "pixels", nullable=False),
        _field("height", pa.int32(), "pixels", nullable=False),
    ]
)

IMAGE_LINKS: Final = pa.schema(
    [
        _field("shard", pa.int32(), "index of the documents shard", nullable=False),
        _field("url", pa.string(), "address the document shows", nullable=False),
        _field("image_id", pa.string(), "SHA-256 of the bytes found under that address", nullable=False),
        _field("width", pa.int32(), "pixels", nullable=False),
        _field("height", pa.int32(), "pixels", nullable=False),
    ]
)

# Ids are left out where there is a row for every key of a document: shard and row say which document
# it is in an eighth of the bytes, and the few ids that a person reads are looked up at the end.
DEDUP_KEYS: Final = pa.schema(
    [
        _field(
            "band",
            pa.int16(),
            "-2: address of the page; -1: hash of the whole text; 0 and up: MinHash band",
            nullable=False,
        ),
        _field("key", pa.uint64(), "hash of the address, of the text or of the band", nullable=False),
        _field("shard", pa.int32(), "index of the documents shard", nullable=False),
        _field("row", pa.int32(), "row in that shard", nullable=False),
        _field("time", pa.timestamp("us", tz="UTC"), "of an address: when it was captured; else null"),
    ]
)

DEDUP_EDGES: Final = pa.schema(
    [
        _field("band", pa.int16(), "as in dedup_keys: what the two documents have in common", nullable=False),
        _field("shard_a", pa.int32(), "shard of the document that is kept of the two", nullable=False),
        _field("row_a", pa.int32(), "its row", nullable=False),
        _field("shard_b", pa.int32(), "shard of the other document", nullable=False),
        _field("row_b", pa.int32(), "its row", nullable=False),
    ]
)

KNOWN_MATCHES: Final = pa.schema(
    [
        _field("shard", pa.int32(), "index of the documents shard", nullable=False),
        _field("row", pa.int32(), "row in that shard", nullable=False),
        _field("band", pa.int16(), "as in dedup_keys: what the two documents have in common", nullable=False),
        _field("id", pa.string(), "document that was released", nullable=False),
        _field("run", pa.string(), "run that released it", nullable=False),
    ]
)

DUPLICATES: Final = pa.schema(
    [
        _field("shard", pa.int32(), "index of the documents shard", nullable=False),
        _field("row", pa.int32(), "row in that shard", nullable=False),
        _field("id", pa.string(), "document that is a duplicate", nullable=False),
        _field("duplicate_of", pa.string(), "the document that is kept instead", nullable=False),
        _field("run", pa.string(), "run that released that document; null: this run"),
        _field("reason", pa.string(), "exact_text, near_text, same_url or semantic_text", nullable=False),
    ]
)

EMBEDDINGS: Final = pa.schema(
    [
        _field("cluster", pa.int32(), "k-means cluster; -1 while it has none", nullable=False),
        _field("shard", pa.int32(), "index of the documents shard", nullable=False),
        _field("row", pa.int32(), "row in that shard", nullable=False),
        _field("id", pa.string(), "document id", nullable=False),
        _field("vector", pa.list_(pa.int16()), "its text as a unit vector, times 2048", nullable=False),
    ]
)

CENTROIDS: Final = pa.schema(
    [
        _field("cluster", pa.int32(), "number of a k-means cluster", nullable=False),
        _field("vector", pa.list_(pa.int16()), "its centre as a unit vector, times 2048", nullable=False),
    ]
)

PARAGRAPH_KEYS: Final = pa.schema(
    [
        _field("key", pa.uint64(), "hash of a paragraph; one row a paragraph and document", nullable=False),
        _field("text", pa.string(), "the paragraph, cut to 200 characters", nullable=False),
    ]
)

FETCH_TARGETS: Final = pa.schema(
    [
        _field("url", pa.string(), "absolute http(s) address of a file to fetch", nullable=False),
        _field("host", pa.string(), "host of `url`, lower case: what politeness is kept for", nullable=False),
        _field("kind", pa.string(), "'image' or 'pdf'", nullable=False),
        _field("referrer", pa.string(), "address of a page that links to it"),
        _field("shards", pa.list_(pa.int32()), "indices of the documents shards that show it; sorted"),
    ]
)

FETCHES: Final = pa.schema(
    [
        _field("url", pa.string(), "address asked for", nullable=False),
        _field("final_url", pa.string(), "address that answered, after redirects"),
        _field("kind", pa.string(), "'image' or 'pdf'", nullable=False),
        _field("fetched_at", pa.timestamp("us", tz="UTC"), "when the answer came"),
        _field("outcome", pa.string(), "'captured', or the ledger reason", nullable=False),
        _field("status", pa.int16(), "HTTP status of the last answer; null where there was none"),
        _field("attempts", pa.int16(), "requests made, redirects not counted", nullable=False),
        _field("content_type", pa.string(), "Content-Type header, as sent"),
        _field("size", pa.int64(), "bytes of the body"),
        _field("sha256", pa.string(), "SHA-256 (hex) of the body"),
        _field("consent", CONSENT, "evidence of what the publisher allows"),
    ]
)

IMAGE_USES: Final = pa.schema(
    [
        _field("image_id", pa.string(), "SHA-256 of an image that documents show", nullable=False),
        _field("shard", pa.int32(), "index of the documents shard", nullable=False),
        _field("documents", pa.int32(), "how many documents of that shard show it", nullable=False),
    ]
)

IMAGE_GROUPS: Final = pa.schema(
    [
        _field("image_id", pa.string(), "an image with a near-duplicate", nullable=False),
        _field("group", pa.string(), "least image id of its cluster of near-duplicates", nullable=False),
        _field("documents", pa.int64(), "documents that show an image of the cluster", nullable=False),
    ]
)

IMAGE_TEXT_SCORES: Final = pa.schema(
    [
        _field(
            "row", pa.int32(), "row of the document in the documents shard of the same number", nullable=False
        ),
        _field("item", pa.int32(), "position of the image among the document's items", nullable=False),
        _field("similarity", pa.float32(), "image-text similarity, -1 to 1", nullable=False),
    ]
)

TEXT_DROPS: Final = pa.schema(
    [
        _field("shard", pa.int32(), "index of the documents shard", nullable=False),
        _field("row", pa.int32(), "row in that shard", nullable=False),
        _field("id", pa.string(), "document id", nullable=False),
        _field(
            "item",
            pa.int32(),
            "position of the text among the document's items; -1: the whole document",
            nullable=False,
        ),
        _field("line", pa.int32(), "line of that text, counted from 0; -1: all of it", nullable=False),
        _field("score", pa.float32(), "share of its n-grams that were seen before", nullable=False),
    ]
)

BOILERPLATE: Final = pa.schema(
    [
        _field("key", pa.uint64(), "hash of a paragraph", nullable=False),
        _field("documents", pa.int64(), "documents of the sample that hold it", nullable=False),
        _field("text", pa.string(), "the paragraph, cut to 200 characters", nullable=False),
    ]
)

KNOWN_KEYS: Final = pa.schema(
    [
        _field("band", pa.int16(), "as in dedup_keys", nullable=False),
        _field("key", pa.uint64(), "hash of the band", nullable=False),
        _field("id", pa.string(), "document that was released", nullable=False),
        _field("run", pa.string(), "run that released it", nullable=False),
    ]
)

PAYLOAD_KEYS: Final = pa.schema(
    [
        _field("key", pa.uint64(), "64-bit hash of a page or file that was read to its end", nullable=False),
    ]
)

SEEN_PAYLOADS: Final = pa.schema(
    [
        _field("run", pa.string(), "run that processed these payloads", nullable=False),
        _field("part", pa.int32(), "remainder of the hashes in this file", nullable=False),
        _field("parts", pa.int32(), "files of this run: hashes are divided by it", nullable=False),
        _field("uri", pa.string(), "file of sorted, little-endian 64-bit hashes", nullable=False),
        _field("payloads", pa.int64(), "hashes in it, 8 bytes each", nullable=False),
        _field("sha256", pa.string(), "SHA-256 (hex) of the file", nullable=False),
    ]
)

ITEM_SCORES: Final = pa.schema(
    [
        _field(
            "row", pa.int32(), "row of the document in the documents shard of the same number", nullable=False
        ),
        _field("item", pa.int32(), "position of the text among the document's items", nullable=False),
        _field(
            "line",
            pa.int32(),
            "line of that text, counted from 0; -1: the whole text; blank lines have no row",
            nullable=False,
        ),
        _field(
            "cut", pa.int32(), "of a line: characters of citations ([1], [edit]) left out of it; 0: as it is"
        ),
        _field("cited", pa.bool_(), "of a line: it has citations; it then has a second row, without them"),
        _field("same_as", pa.int32(), "of a line: the first row of the document with the same line"),
        _field("characters", pa.int32(), "of a line: its length without white space at its ends"),
        _field("width", pa.int32(), "the same, a character of a script without spaces counted twice"),
        _field("tokens", pa.int32(), "of a line: words and punctuation marks"),
        _field("words", pa.int32(), "of a line: words between white space, before citations were left out"),
        _field("longest_word", pa.int32(), "of a line: characters of the longest of these words"),
        _field("sentences", pa.int32(), "of a line"),
        _field("uppercase", pa.int32(), "of a line: upper-case letters"),
        _field("digits", pa.int32(), "of a line: digits"),
        _field("ends_sentence", pa.bool_(), "of a line: ends in . ! ? or a quotation mark, not in ... (C4)"),
        _field(
            "ends_terminal", pa.bool_(), "of a line: ends in the terminal punctuation of any script (FineWeb)"
        ),
        _field("lorem_ipsum", pa.bool_(), "of a line: contains these words"),
        _field("javascript", pa.bool_(), "of a line: contains this word"),
        _field("curly_bracket", pa.bool_(), "of a line: contains {"),
        _field("policy", pa.bool_(), "of a line: names terms of use, cookies or a privacy policy (C4)"),
        _field("counter", pa.bool_(), "of a line: counts likes, shares, views, ... and nothing else (DCLM)"),
        _field(
            "navigation",
            pa.bool_(),
            "of a line: starts Sign-in, ends Read more... or has 'items in cart' (DCLM)",
        ),
        # of a whole text (line -1), as components.filter.obelics describes them
        _field("plain_words", pa.int32(), "of a text: words between white space that hold a letter"),
        _field("text_characters", pa.int32(), "of a text: its characters"),
        _field(
            "special_characters",
            pa.int32(),
            "of a text: punctuation, symbols, digits, white space and control characters",
        ),
        _field("punctuation_tokens", pa.int32(), "of a text: words, and punctuation marks , ; : ? ! ."),
        _field("punctuation_marks", pa.int32(), "of a text: marks among these"),
        _field(
            "repeated_characters_share", pa.float32(), "of a text: 10-grams of characters that are repeated"
        ),
        _field("repeated_words_share", pa.float32(), "of a text: 5-grams of words that occur twice"),
        _field(
            "stop_listed_words",
            pa.float32(),
            "of a text: its stop words; null: none are known of its language",
        ),
        _field("flagged_listed_words", pa.float32(), "of a text: its flagged words; null as before"),
        _field("common_listed_words", pa.float32(), "of a text: its common words; null as before"),
        _field(
            "spam_listed_words",
            pa.float32(),
            "of a text: words of share buttons and the like; null as before",
        ),
    ]
)

MINT_IMAGE: Final = pa.struct(
    [
        _field("width", pa.int32(), "pixels: of the bytes if known, else as the page declares"),
        _field("height", pa.int32(), "pixels: of the bytes if known, else as the page declares"),
        _field("format", pa.string(), "jpeg, png, webp, gif, bmp, tiff, avif or jp2; null without bytes"),
        _field("size", pa.int64(), "length of the bytes; null without bytes"),
        _field("alt", pa.string(), "alternative text given by the page's author"),
        _field("caption", pa.string(), "figure caption given by the author"),
        _field("page", pa.int32(), "page of a PDF, counted from 1"),
    ]
)

MINT_METADATA: Final = pa.struct(
    [
        _field("id", pa.string(), "document id, 32 hex; the key of its WebDataset sample", nullable=False),
        _field("source", pa.string(), "html, pdf, latex or image", nullable=False),
        _field("title", pa.string(), "title given by the author"),
        _field("crawl_time", pa.timestamp("us", tz="UTC"), "WARC-Date of the capture"),
        _field("language", pa.string(), "ISO 639 code found by the language identifier"),
        _field("language_score", pa.float64(), "its probability, 0 to 1"),
        _field("license", pa.string(), "URL of the licence the document declares (rel=license)"),
        _field("consent", CONSENT, "evidence of what the publisher allows"),
        _field("tokens", pa.int64(), "tokens of the texts; null where no tokenizer was chosen"),
    ]
)

MINT_DOCUMENTS: Final = pa.schema(
    [
        _field("url", pa.string(), "address of the page or file; null where it has none"),
        _field("cc_dump", pa.string(), "Common Crawl dump it was captured in, e.g. CC-MAIN-2024-18"),
        _field(
            "texts",
            pa.list_(pa.string()),
            "as long as `images`; texts[i] is null exactly where images[i] is not",
            nullable=False,
        ),
        _field(
            "images",
            pa.list_(pa.string()),
            "URL of the image, or its name (page_0_image_3) where it has no URL",
            nullable=False,
        ),
        _field(
            "image_hashes",
            pa.list_(pa.string()),
            "SHA-256 (hex) of the bytes of each non-null entry of `images`; null where there are no bytes",
            nullable=False,
        ),
        _field(
            "images_metadata",
            pa.list_(MINT_IMAGE),
            "one struct for each non-null entry of `images`, in order",
            nullable=False,
        ),
        _field("metadata", MINT_METADATA, "what is known of the document as a whole", nullable=False),
    ]
)

INTERLEAVED_ITEMS: Final = pa.schema(
    [
        _field("sample_id", pa.string(), "document id", nullable=False),
        _field("position", pa.int32(), "place in reading order; -1 for the metadata", nullable=False),
        _field("modality", pa.string(), "metadata, text or image", nullable=False),
        _field("content_type", pa.string(), "media type; null for an image without bytes"),
        _field("text_content", pa.string(), "the text, or the metadata as JSON"),
        _field("binary_content", pa.binary(), "the image exactly as found"),
        _field("source_ref", pa.string(), "address of the image, or its name where it has none"),
        _field("materialize_error", pa.string(), "why an image has no bytes"),
    ]
)

CAPTIONER: Final = pa.struct(
    [
        _field("model", pa.string(), "Hugging Face id, endpoint's model or digest of a local folder"),
        _field("revision", pa.string(), "commit on the hub, or digest of the weights"),
        _field("engine", pa.string(), "vllm, transformers or openai; lexical for rules without a model"),
        _field("engine_version", pa.string(), "version of the engine"),
        _field("prompt", pa.string(), "name and version of the prompt, such as dense-v1"),
        _field("prompt_digest", pa.string(), "first 16 hex digits of the SHA-256 of the prompt's file"),
        _field("sampling", pa.string(), "sampling parameters as JSON with sorted keys"),
    ]
)

CLAIM: Final = pa.struct(
    [
        _field("text", pa.string(), "one claim of the caption, as it stands there", nullable=False),
        _field("source", pa.string(), "pixels, alt_text, page or none: what supports it", nullable=False),
        _field("verdict", pa.string(), "supported, unsupported or contradicted", nullable=False),
        _field("score", pa.float32(), "how sure the judge is, 0 to 1; null where it does not say"),
        _field("removed", pa.bool_(), "whether it was taken out of the caption", nullable=False),
    ]
)

IMAGE_CONTEXTS: Final = pa.schema(
    [
        _field("image_id", pa.string(), "SHA-256 (hex) of the image's bytes", nullable=False),
        _field("document_id", pa.string(), "document that shows it; null for a list of pairs"),
        _field("alt", pa.string(), "alternative text given there"),
        _field("caption", pa.string(), "figure caption given there"),
        _field("title", pa.string(), "title of the page"),
        _field("before", pa.string(), "end of the nearest text before the image"),
        _field("after", pa.string(), "start of the nearest text after the image"),
        _field("url", pa.string(), "address of the image"),
        _field("page_url", pa.string(), "address of the page"),
    ]
)

PAIRS: Final = pa.schema(
    [
        _field("id", pa.string(), "SHA-256 (hex) of the image's bytes", nullable=False),
        _field("url", pa.string(), "address of the image"),
        _field("page_url", pa.string(), "address of the page that shows it"),
        _field("alt", pa.string(), "the alternative text chosen for it; null where there is none"),
        _field("alts", pa.list_(pa.string()), "all alternative texts and captions seen, sorted, no repeats"),
        _field("title", pa.string(), "title of the page"),
        _field("before", pa.string(), "end of the nearest text before the image"),
        _field("after", pa.string(), "start of the nearest text after the image"),
        _field("width", pa.int32(), "pixels", nullable=False),
        _field("height", pa.int32(), "pixels", nullable=False),
        _field("group", pa.string(), "cluster of near-duplicates: its least image id", nullable=False),
        _field("audit", pa.bool_(), "captioned by teacher and student, to compare them", nullable=False),
    ]
)

ALIGNMENTS: Final = pa.schema(
    [
        _field("id", pa.string(), "id of the pair", nullable=False),
        _field("score", pa.float32(), "how well the alternative text fits the image; null without one"),
        _field("method", pa.string(), "encoder, judge or lexical", nullable=False),
    ]
)

CAPTIONS: Final = pa.schema(
    [
        _field("id", pa.string(), "id of the pair: SHA-256 (hex) of the image's bytes", nullable=False),
        _field("kind", pa.string(), "dense, fused, one_pass or student", nullable=False),
        _field("text", pa.string(), "the caption", nullable=False),
        _field("dense", pa.string(), "the caption of the pixels alone; null where none was made"),
        _field("alt", pa.string(), "the alternative text that was given to the model; null where none"),
        _field("url", pa.string(), "address of the image"),
        _field("captioner", CAPTIONER, "what wrote the caption of the pixels, or the whole"),
        _field("fuser", CAPTIONER, "what merged it with the alternative text; null where nothing did"),
        _field("judge", CAPTIONER, "what judged the claims; null before that"),
        _field("claims", pa.list_(CLAIM), "claims of the caption and what supports them; null before that"),
        _field("tokens_in", pa.int32(), "tokens of the last prompt, images included"),
        _field("tokens_out", pa.int32(), "tokens of the last answer"),
        _field("words", pa.int32(), "words of `text`", nullable=False),
    ]
)

TRAINING_PAIRS: Final = pa.schema(
    [
        _field("id", pa.string(), "id of the pair", nullable=False),
        _field("group", pa.string(), "cluster of near-duplicates, whole in one split", nullable=False),
        _field("image", pa.binary(), "the encoded image; null for an example of text alone"),
        _field("alt", pa.string(), "alternative text, as given to the student"),
        _field("system", pa.string(), "system text of the prompt"),
        _field("user", pa.string(), "user text of the prompt, alternative text filled in", nullable=False),
        _field("target", pa.string(), "what the student is to write", nullable=False),
    ]
)

MODEL_FILES: Final = pa.schema(
    [
        _field("name", pa.string(), "file name in the model's folder", nullable=False),
        _field("uri", pa.string(), "where it lies", nullable=False),
        _field("size", pa.int64(), "bytes", nullable=False),
        _field("sha256", pa.string(), "SHA-256 (hex) of the file", nullable=False),
    ]
)

PREDICTIONS: Final = pa.schema(
    [
        _field("id", pa.string(), "id of the pair", nullable=False),
        _field("text", pa.string(), "what the student wrote; null where it failed"),
        _field("problem", pa.string(), "why its caption is degenerate; null where it is not"),
        _field("other_alt", pa.string(), "alternative text of another image, given instead"),
        _field("other_text", pa.string(), "what the student wrote with it"),
        _field("captioner", CAPTIONER, "the student as it was served"),
        _field("tokens_out", pa.int32(), "tokens of the answer"),
    ]
)

EVALUATIONS: Final = pa.schema(
    [
        _field("id", pa.string(), "id of the pair", nullable=False),
        _field("group", pa.string(), "cluster of near-duplicates: the unit of the bootstrap", nullable=False),
        _field("alt", pa.string(), "alternative text, as given to the student"),
        _field("reference", pa.string(), "the teacher's final caption", nullable=False),
        _field("prediction", pa.string(), "the student's caption"),
        _field("other_alt", pa.string(), "alternative text of another image, given instead"),
        _field("other_prediction", pa.string(), "the student's caption with it"),
        _field("problem", pa.string(), "why the prediction is degenerate; null where it is not"),
        _field("scores", SCORES, "metrics of this row by name", nullable=False),
    ]
)

GATE: Final = pa.schema(
    [
        _field("metric", pa.string(), "name of the metric", nullable=False),
        _field("value", pa.float64(), "over the held-out images", nullable=False),
        _field("low", pa.float64(), "lower end of the 95 % interval"),
        _field("high", pa.float64(), "upper end of the 95 % interval"),
        _field("threshold", pa.float64(), "what it is held against; null where it decides nothing"),
        _field("passed", pa.bool_(), "null where it decides nothing"),
        _field("rows", pa.int64(), "held-out images behind it", nullable=False),
    ]
)

AUDITS: Final = pa.schema(
    [
        _field("shard", pa.int32(), "shard whose captions were audited", nullable=False),
        _field("rows", pa.int64(), "images captioned by both", nullable=False),
        _field("agreement", pa.float64(), "mean word F1 of student and teacher", nullable=False),
        _field("expected", pa.float64(), "the same figure at the gate"),
        _field("degenerate", pa.float64(), "share of degenerate captions", nullable=False),
        _field("drifted", pa.bool_(), "whether the alarm went off", nullable=False),
    ]
)

KALE_CAPTIONS: Final = pa.schema(
    [
        _field("url", pa.string(), "address of the image"),
        _field("sha256", pa.string(), "SHA-256 (hex) of the image's bytes", nullable=False),
        _field("caption", pa.string(), "knowledge-augmented dense caption", nullable=False),
        _field("cogvlm_caption", pa.string(), "caption of the pixels alone; the published name (KALE)"),
        _field("alt_text", pa.string(), "alternative text behind the knowledge; null where none was used"),
        _field("captioner", pa.string(), "model that wrote `caption`", nullable=False),
        _field("stage", pa.int8(), "1: teacher and fusion; 2: the distilled student", nullable=False),
        _field("words", pa.int32(), "words of `caption`", nullable=False),
        _field("knowledge", pa.bool_(), "whether a claim is supported by the alternative text or the page"),
        _field("claims", pa.list_(CLAIM), "claims and what supports them; null where none were judged"),
    ]
)

LEDGER: Final = pa.schema(
    [
        _field("step", pa.string(), "stage that decided", nullable=False),
        _field("record_id", pa.string(), "id of the record", nullable=False),
        _field("record_kind", pa.string(), "document, image, pair or source", nullable=False),
        _field("action", pa.string(), "dropped, failed or changed", nullable=False),
        _field("reason", pa.string(), "member of the stage's closed list of reasons", nullable=False),
        _field("score", pa.float64(), "the score that decided, where there is one"),
        _field("threshold", pa.float64(), "the threshold it was held against"),
        _field("detail", pa.string(), "one sentence for a person"),
        _field("locator", pa.string(), "where the record was found: a URL, or a file with its offset"),
    ]
)

SCHEMAS: Final[dict[str, pa.Schema]] = {
    "sources/1": SOURCES,
    "documents/1": DOCUMENTS,
    "images/1": IMAGES,
    "image_refs/1": IMAGE_REFS,
    "image_index/1": IMAGE_INDEX,
    "image_links/1": IMAGE_LINKS,
    "dedup_keys/1": DEDUP_KEYS,
    "dedup_edges/1": DEDUP_EDGES,
    "known_matches/1": KNOWN_MATCHES,
    "duplicates/1": DUPLICATES,
    "embeddings/1": EMBEDDINGS,
    "centroids/1": CENTROIDS,
    "paragraph_keys/1": PARAGRAPH_KEYS,
    "mint_documents/1": MINT_DOCUMENTS,
    "fetch_targets/1": FETCH_TARGETS,
    "fetches/1": FETCHES,
    "image_uses/1": IMAGE_USES,
    "image_groups/1": IMAGE_GROUPS,
    "image_text_scores/1": IMAGE_TEXT_SCORES,
    "text_drops/1": TEXT_DROPS,
    "boilerplate/1": BOILERPLATE,
    "known_keys/1": KNOWN_KEYS,
    "payload_keys/1": PAYLOAD_KEYS,
    "seen_payloads/1": SEEN_PAYLOADS,
    "item_scores/1": ITEM_SCORES,
    "interleaved_items/1": INTERLEAVED_ITEMS,
    "image_contexts/1": IMAGE_CONTEXTS,
    "pairs/1": PAIRS,
    "alignments/1": ALIGNMENTS,
    "captions/1": CAPTIONS,
    "training_pairs/1": TRAINING_PAIRS,
    "model_files/1": MODEL_FILES,
    "predictions/1": PREDICTIONS,
    "evaluations/1": EVALUATIONS,
    "gate/1": GATE,
    "audits/1": AUDITS,
    "kale_captions/1": KALE_CAPTIONS,
    **forensic_schemas.SCHEMAS,
    "ledger/1": LEDGER,
}


def get(name: str) -> pa.Schema:
    """The Arrow schema called `name`, for instance `documents/1`."""
    try:
        return SCHEMAS[name]
    except KeyError:
        known = ", ".join(SCHEMAS)
        raise ConfigurationError(f"There is no schema {name!r}; known schemas are {known}.") from None


def check(
    actual: pa.Schema, name: str, *, producer: str, consumer: str, columns: Sequence[str] | None = None
) -> None:
    """Refuse a table whose columns are not those of schema `name`.

    Args:
        columns: the only columns of the schema that the consumer reads.

    Raises:
        ConfigurationError: naming the first wrong column, the producer and the consumer.
    """
    wanted = get(name)
    if columns is not None:
        wanted = pa.schema([wanted.field(column) for column in columns])
    for field in wanted:
        index = actual.get_field_index(field.name)
        if index < 0:
            raise ConfigurationError(
                f"Column {field.name!r} of {name} is missing: {producer} did not write it "
                f"and {consumer} needs it."
            )
        found = actual.field(index).type
        if found != field.type:
            raise ConfigurationError(
                f"Column {field.name!r} of {name} is {found}, not {field.type}: {producer} wrote it "
                f"and {consumer} can't read it."
            )
    extra = [field.name for field in actual if wanted.get_field_index(field.name) < 0]
    if extra:
        raise ConfigurationError(
            f"Column {extra[0]!r} is not part of {name}: {producer} wrote it and {consumer} does not know it."
        )
