"""How good detectors are: by data set, family, method, corruption and slice, each with its interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.core import schemas
from components.core.errors import ConfigurationError
from components.core.progress import emit
from components.core.stage import Output, Stage, Unit
from components.deepfake.benchmark_figures import Figures, Settings, Subjects
from components.deepfake.benchmark_params import BenchmarkParams
from components.deepfake.benchmark_samples import (
    CLEAN,
    DETECTION_COLUMNS,
    SAMPLE_COLUMNS,
    Key,
    Said,
    read_said,
)
from components.deepfake.calibration import Calibration
from components.deepfake.detectors import registry
from components.deepfake.judges import declarations_alone
from components.deepfake.leaderboard import as_json, boards, markdown
from components.deepfake.protocols import Against, Cell, cells, comparisons, slices
from components.deepfake.pseudo_fakes import PSEUDO_FAKES
from components.deepfake.reasons import DeepfakeReason
from components.deepfake.source_confounding import confounding, file_facts
from components.deepfake.split_leaks import clusters, spanning

FILE_FACTS: Final = "file_facts"
"""In the place of a detector: what a model of file facts alone achieves, without a look at a pixel."""


class BenchmarkStage(Stage[BenchmarkParams]):
    """Measures every detector on the test split.

    Before any number it looks for persons and sources that are in training and in test, which stop it, and
    asks how well file facts alone tell forged from real, the first rows of the table. It derives a table,
    of a figure a row: nothing to conserve. Samples without a label are counted and left out. Files that
    could not be read at all (`read_media`) or examined (`faces`) are in no table that it reads, and so not
    among `lost`, which counts samples that a detector has no score for: those steps and their ledgers count
    them. Beside the
    table it writes leader boards, `leaderboard.md` and `leaderboard.json`.
    """

    name = "benchmark"
    consumes = {
        "detections": "detections/1",
        "samples": "samples/1",
        "crops": "crops/1",
        "splits": "splits/1",
        "calibrations": "calibrations/1",
    }
    produces = {"benchmark": "benchmark/1"}
    reasons = DeepfakeReason
    grouping = "all"
    conserves = False
    columns = {
        "detections": DETECTION_COLUMNS,
        "samples": SAMPLE_COLUMNS,
        "crops": ("media_id", "kind", "face_pixels"),
        "splits": ("media_id", "split", "cluster"),
    }

    def run(self, unit: Unit, out: Output) -> None:
        """Check, then measure.

        Raises:
            ConfigurationError: for a leak or source confounding where they are to stop the run.
        """
        samples = unit.tables["samples"].sort_by("id").to_pylist()
        given = {row["media_id"]: row for row in unit.tables["splits"].to_pylist()}
        for row in samples:  # pseudo-fakes are made after the split and carry that of their source
            row["split"] = given[row["id"]]["split"] if row["id"] in given else row["split"]
        leaks = self._leaks(samples, given)
        tested = [row for row in samples if row["split"] == "test" and row["label"] is not None]
        out.count("tested", len(tested))
        out.count("without_label", sum(row["label"] is None for row in samples))
        wholes = comparisons(tested)
        labels = np.array([row["label"] for row in tested], np.int64)
        remarks: dict[tuple[str, str], list[str]] = {}
        subjects = Subjects(labels, [row["group"] for row in tested], remarks)
        params = self.params
        figures = Figures(subjects, Settings(params.resamples, params.seed, params.prior, params.min_samples))
        for whole in wholes:
            remarks[whole.dataset, whole.family] = ["leak"] * bool(leaks)
        rows = list(self._confounding(tested, wholes, unit.tables["crops"], figures, subjects))
        out.count("source_confounded", sum("source_confounded" in found for found in remarks.values()))
        numbers = {row["id"]: number for number, row in enumerate(tested)}
        ordered = unit.tables["detections"].sort_by("media_id")
        said = read_said((row for batch in ordered.to_batches() for row in batch.to_pylist()), numbers)
        calibrations = {
            row["detector"]: Calibration.from_row(row) for row in unit.tables["calibrations"].to_pylist()
        }
        trained_on = self._trained_on(samples, said)
        untrained = {name for name, found in registry().items() if not found.detector.trained}
        declared = {name for name, found in registry().items() if declarations_alone(found.detector)}
        for cell in cells(wholes, said.keys(), untrained, trained_on):
            if cell.against.dataset == PSEUDO_FAKES and cell.detector in declared:
                continue  # was not asked, which is no loss
            rows += self._measured(cell, figures, said, calibrations, tested)
        found = boards(rows)
        out.attach("leaderboard.md", markdown(found).encode())
        out.attach("leaderboard.json", as_json(found).encode())
        out.keep("benchmark", pa.Table.from_pylist(rows, schema=schemas.get("benchmark/1")))

    def _leaks(
        self, samples: Sequence[Mapping[str, Any]], given: Mapping[str, Mapping[str, Any]]
    ) -> dict[str, list[str]]:
        """Clusters in several splits: those made anew of groups and sources, and those of the split."""
        splits = [row["split"] for row in samples]
        found = {
            **spanning(clusters(samples), splits),
            **spanning(
                [given[row["id"]]["cluster"] if row["id"] in given else row["group"] for row in samples],
                splits,
            ),
        }
        if found:
            shown = "; ".join(f"{name}: {' and '.join(of)}" for name, of in list(found.items())[:5])
            line = f"{len(found)} persons or sources are in several splits ({shown})"
            if self.params.on_leak == "stop":
                raise ConfigurationError(
                    f"No figure is made: {line}. Run the step splits with deepfake.splits.on_leak move, or "
                    "set deepfake.benchmark.on_leak to remark."
                )
            emit("leak", step=self.name, line=f"{self.name}: {line}; every figure is remarked as leak")
        return found

    def _confounding(
        self,
        tested: Sequence[Mapping[str, Any]],
        wholes: Sequence[Against],
        crops: pa.Table,
        figures: Figures,
        subjects: Subjects,
    ) -> Iterator[dict[str, Any]]:
        """Rows of what file facts alone achieve; the remarks of what they achieve too well."""
        facts = file_facts(tested, _face_pixels(crops))
        for whole in wholes:
            if whole.method is not None:
                continue
            numbers = whole.all
            found = confounding(
                facts[numbers],
                subjects.labels[numbers],
                [subjects.groups[number] for number in numbers.tolist()],
                seed=self.params.seed,
                resamples=self.params.resamples,
            )
            if found is None:
                continue
            if found.value > self.params.max_confounding:
                line = (
                    f"file facts alone tell {whole.family} of {whole.dataset} from real with an AUC of "
                    f"{found.value:.2f}: forged and real come from different sources"
                )
                if self.params.on_confounding == "stop":
                    raise ConfigurationError(
                        f"No figure is made: {line}. Match the sources, or set "
                        "deepfake.benchmark.on_confounding to remark."
                    )
                emit("source_confounded", step=self.name, line=f"{self.name}: {line}")
                subjects.remarks[whole.dataset, whole.family].append("source_confounded")
            yield figures.alone(whole, FILE_FACTS, found)

    def _trained_on(
        self, samples: Sequence[Mapping[str, Any]], said: Mapping[Key, Said]
    ) -> Mapping[str, Sequence[str]]:
        if self.params.trained_on is not None:
            return self.params.trained_on
        datasets = sorted({row["dataset"] for row in samples if row["split"] == "train"})
        # one that is not registered came from elsewhere with its weights
        return {name: datasets for name, _, _ in said if name in registry()}

    def _measured(
        self,
        cell: Cell,
        figures: Figures,
        said: Mapping[Key, Said],
        calibrations: Mapping[str, Calibration],
        tested: Sequence[Mapping[str, Any]],
    ) -> Iterator[dict[str, Any]]:
        mine = said[cell.detector, cell.fold, cell.variant]
        calibration = calibrations.get(cell.detector, Calibration.none(cell.detector))
        if not mine.tried[cell.against.all].any():
            return
        if cell.variant != CLEAN:
            clean = said.get((cell.detector, None, CLEAN))
            if clean is not None:
                yield from figures.variant(cell, mine, clean, calibration)
            return
        yield from figures.media(cell, mine, calibration)
        yield from figures.frames(cell, mine)
        reference = said.get((self.params.reference or "", None, CLEAN))
        if reference is not None and cell.fold is None and cell.detector != self.params.reference:
            yield from figures.versus(cell, mine, reference)
        if self.params.slices and cell.fold is None and cell.against.method is None:
            for part in slices(cell.against, tested, self.params.slice_values):
                one = Cell(cell.detector, cell.protocol, None, CLEAN, part)
                yield from figures.media(one, mine, calibration, brief=True)


def _face_pixels(crops: pa.Table) -> dict[str, float]:
    """Mean width of the faces of each sample, by its id."""
    faces = crops.filter(pc.equal(crops.column("kind"), "face"))
    means = faces.group_by("media_id").aggregate([("face_pixels", "mean")])
    return dict(
        zip(means.column("media_id").to_pylist(), means.column("face_pixels_mean").to_pylist(), strict=True)
    )
