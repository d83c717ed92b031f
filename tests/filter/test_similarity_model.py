"""The similarity step with real models of small size: random weights, a trained tokenizer, real pictures."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image as PilImage

from components.core.errors import ConfigurationError
from components.core.manifest import Counts
from components.core.records import table
from components.core.runner import publish, run_step
from components.core.shards import read
from components.core.stage import Output, Unit
from components.core.store import open_store
from components.filter.params import SimilarityParams
from components.filter.similarity import SimilarityStage
from tests.filter.pictures import PHOTOGRAPHS, record
from tests.filter.samples import ENGLISH, document, documents, image, output, text

torch = pytest.importorskip("torch", reason="torch is not installed: the extra `torch` has it")
transformers = pytest.importorskip(
    "transformers", reason="transformers is not installed: see the extra `torch`"
)

PICTURES = [record(path.read_bytes()) for path in PHOTOGRAPHS]
TEXTS = ["Penguins on the ice", "A monkey drawn among stars", "The Eta Carinae nebula", "Pictures stitched"]


def tokenizer(length: int):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.normalizer, made.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.Whitespace()
    special = ["<pad>", "</s>", "<unk>"]
    made.train_from_iterator([ENGLISH, *TEXTS], trainers.BpeTrainer(vocab_size=300, special_tokens=special))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=length
    )


SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
TOKENS = {"vocab_size": 300, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
PATCHES = {"image_size": 32, "patch_size": 8}


def siglip(folder: Path) -> None:
    config = transformers.SiglipConfig(
        text_config={**SMALL, **TOKENS, "max_position_embeddings": 16, "projection_size": 32},
        vision_config={**SMALL, **PATCHES},
    )
    torch.manual_seed(1)
    transformers.SiglipModel(config).save_pretrained(folder)
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    processor = SiglipImageProcessorPil(size={"height": 32, "width": 32})
    transformers.SiglipProcessor(processor, tokenizer(16)).save_pretrained(folder)


def clip(folder: Path) -> None:
    config = transformers.CLIPConfig(
        text_config={**SMALL, **TOKENS, "max_position_embeddings": 20},
        vision_config={**SMALL, **PATCHES},
        projection_dim=24,
    )
    torch.manual_seed(2)
    transformers.CLIPModel(config).save_pretrained(folder)
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    transformers.CLIPProcessor(processor, tokenizer(20)).save_pretrained(folder)


@pytest.fixture(scope="module", params=[siglip, clip], ids=["siglip", "clip"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param.__name__)
    request.param(folder)
    return folder


def by_hand(folder: Path, data: bytes, texts: list[str]) -> list[float]:
    """Cosines out of the whole model's own forward pass."""
    network = transformers.AutoModel.from_pretrained(folder).eval()
    processor = transformers.AutoProcessor.from_pretrained(folder, backend="pil")
    length = network.config.text_config.max_position_embeddings
    inputs = processor(
        images=PilImage.open(io.BytesIO(data)).convert("RGB"),
        text=texts,
        padding="max_length",
        truncation=True,
        max_length=length,
        return_tensors="pt",
    )
    with torch.no_grad():
        answer = network(**inputs)
    return (answer.text_embeds @ answer.image_embeds.T)[:, 0].tolist()


def compare(docs: pa.Table, images: pa.Table, model: Path, **params: object) -> tuple[list[dict], Output]:
    stage = SimilarityStage(SimilarityParams(model=str(model), **params))  # type: ignore[arg-type]
    out = output("similarity")
    tables = {"documents": docs, "images": images.select(stage.columns["images"])}
    stage.run(Unit(0, tables, None), out)  # type: ignore[arg-type]
    return pa.concat_tables(out.tables["scores"]).to_pylist(), out


def test_scores_are_those_of_the_model_for_the_best_text(model: Path) -> None:
    docs = []
    for number, picture in enumerate(PICTURES):
        shown = image(None, image_id=picture.id)
        shown.alt, shown.caption = TEXTS[number], "A caption"
        docs.append(document(number, text("The text before."), shown, text("The text after.")))
    found, out = compare(documents(*docs), table(PICTURES, "images/1"), model, batch=3)
    assert [(row["row"], row["item"]) for row in found] == [(n, 1) for n in range(4)]
    for number, row in enumerate(found):
        texts = [TEXTS[number], "A caption", "The text before.", "The text after."]
        wanted = by_hand(model, PICTURES[number].bytes, texts)
        assert row["similarity"] == pytest.approx(max(wanted), abs=2e-4)
        assert max(wanted) - min(wanted) > 1e-3  # else it would not matter which one was taken
    assert out.counters == {"images_compared": 4}
    assert out.ledger == []


def test_batches_change_nothing_and_long_texts_are_cut(model: Path) -> None:
    shown = [image(None, image_id=picture.id) for picture in PICTURES]
    docs = documents(document(0, *(item for one in shown for item in (text(ENGLISH), one))))
    pictures = table(PICTURES, "images/1")
    one, _ = compare(docs, pictures, model, batch=1, context_characters=1000)
    many, _ = compare(docs, pictures, model, batch=64, context_characters=1000)
    assert len(one) == 4
    assert [row["similarity"] for row in one] == pytest.approx([row["similarity"] for row in many], abs=2e-4)
    wanted = by_hand(model, PICTURES[0].bytes, [ENGLISH])
    assert one[0]["similarity"] == pytest.approx(wanted[0], abs=2e-4)


def test_broken_and_missing_images_are_counted_and_have_no_row(model: Path) -> None:
    broken = dataclasses.replace(PICTURES[1], bytes=b"cut off")
    docs = documents(
        document(
            0,
            text("Words."),
            image(None, image_id=PICTURES[0].id),
            image(None, image_id=broken.id),
            image("https://x/gone.jpg"),
        )
    )
    found, out = compare(docs, table([PICTURES[0], broken], "images/1"), model)
    assert [(row["row"], row["item"]) for row in found] == [(0, 1)]
    assert out.counters == {"images_compared": 1, "images_undecodable": 1, "images_not_stored": 1}
    alone = documents(document(0, text("Words."), image(None, image_id=broken.id)))
    found, out = compare(alone, table([broken], "images/1"), model)
    assert (found, out.counters) == ([], {"images_undecodable": 1, "images_compared": 0})


def test_the_runner_gives_the_same_bytes_twice(model: Path, tmp_path) -> None:
    digests = []
    for name in ("one", "two"):
        root = (tmp_path / name).as_uri()
        shards = [
            documents(document(n, text(TEXTS[n]), image(None, image_id=PICTURES[n].id))) for n in range(3)
        ]
        inputs = {
            "documents": publish(
                "given", "documents", "documents/1", shards, [], Counts(rows_in=3, kept=3), root, params={}
            ),
            "images": publish(
                "found", "images", "images/1", [table(PICTURES, "images/1")], [],
                Counts(rows_in=4, kept=4), root, params={},
            ),
        }  # fmt: skip
        found = run_step(SimilarityStage(SimilarityParams(model=str(model))), inputs, root)["scores"]
        store = open_store(root)
        assert [read(store, shard).column("item").to_pylist() for shard in found.shards] == [[1], [1], [1]]
        digests.append([shard.sha256 for shard in found.shards])
    assert digests[0] == digests[1]


def test_what_is_no_dual_encoder_is_refused(tmp_path) -> None:
    shown = documents(document(0, text("A dome."), image(None, image_id=PICTURES[0].id)))
    pictures = table(PICTURES, "images/1")
    with pytest.raises(ConfigurationError, match="no folder or Hugging Face id that can be loaded"):
        compare(shown, pictures, tmp_path / "nothing")
    config = transformers.SiglipVisionConfig(**SMALL, **PATCHES)
    transformers.SiglipVisionModel(config).save_pretrained(tmp_path / "vision")
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    SiglipImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(tmp_path / "vision")
    with pytest.raises(ConfigurationError, match="no dual encoder"):
        compare(shown, pictures, tmp_path / "vision")


def test_rounded_to_four_digits(model: Path) -> None:
    docs = documents(document(0, text(ENGLISH), image(None, image_id=PICTURES[0].id)))
    ((row,), _) = compare(docs, table(PICTURES, "images/1"), model)
    assert row["similarity"] == np.float32(round(row["similarity"], 4))
