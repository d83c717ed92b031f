from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from components.core.errors import ConfigurationError
from components.core.stage import Output, Unit
from components.core.store import Stores
from components.publish.export import ExportStage
from components.publish.params import PublishParams
from components.publish.tokens import TokenCounter
from tests.publish import samples

TEXTS = ["The planets move around the sun.", "The moon moves around the earth.", "Stars are far away."]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real byte-pair tokenizer, trained on a few sentences."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    made.train_from_iterator(TEXTS * 5, trainer)
    file = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    made.save(str(file))
    return file


def test_the_count_is_the_tokenizer_s(tokenizer: Path) -> None:
    by_hand = Tokenizer.from_file(str(tokenizer))
    wanted = sum(len(by_hand.encode(text).ids) for text in TEXTS)
    assert TokenCounter(str(tokenizer), Stores()).count(TEXTS) == wanted > len(TEXTS)
    assert TokenCounter(tokenizer.as_uri(), Stores()).count([]) == 0


def test_documents_carry_their_tokens(tokenizer: Path) -> None:
    documents = samples.documents_table([samples.document(n, [samples.text(t)]) for n, t in enumerate(TEXTS)])
    stage = ExportStage(PublishParams(tokenizer=str(tokenizer)))
    out = Output(step=stage.name, reasons=stage.reasons)
    stage.run(Unit(0, {"documents": documents, "images": samples.images_table([])}, Stores()), out)
    tokens = [row["metadata"]["tokens"] for row in out.tables["release"][0].to_pylist()]
    counter = TokenCounter(str(tokenizer), Stores())
    assert tokens == [counter.count([text]) for text in TEXTS]
    assert out.counters["tokens"] == sum(tokens)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no file"):
        TokenCounter(str(tmp_path / "none.json"), Stores())
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(ConfigurationError, match=r"bad\.json is no tokenizer\.json"):
        TokenCounter(str(tmp_path / "bad.json"), Stores())
