from __future__ import annotations

import hashlib
from pathlib import Path

from components.publish.caption_release import CONFIGURATIONS, caption_release
from components.publish.export_captions import CORE, DISTILLED
from tests.publish import kale_runs


def test_files_lie_where_the_release_says(tmp_path: Path) -> None:
    made = kale_runs.make(tmp_path / "run", webdataset=True)
    release = caption_release(list(made.values()))
    assert release.step == "export_captions"
    for file in release.files:
        data = (tmp_path / "run" / release.step / file.path).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (file.bytes, file.sha256)
    assert [len(release.of_set(name)) for name in (CORE, DISTILLED)] == [3, 3]
    assert len(release.of_kind("webdataset")) == 3
    assert sum(file.rows for file in release.of_set(CORE)) == release.rows[CORE] == 24
    assert {folder for folders in CONFIGURATIONS.values() for folder in folders} == set(release.rows)


def test_the_digest_stands_for_both_sets(tmp_path: Path) -> None:
    made = kale_runs.make(tmp_path / "run")
    one = caption_release([made[CORE], made[DISTILLED]])
    assert one.digest == caption_release([made[DISTILLED], made[CORE]]).digest
    other = made[DISTILLED].model_copy(update={"digest": "0" * 64})
    assert caption_release([made[CORE], other]).digest != one.digest
    assert one.digest not in (made[CORE].digest, made[DISTILLED].digest)
