import pytest
from pydantic import ValidationError

from components.dedup.params import DedupFamilyParams, DedupParams


def test_defaults_are_the_published_numbers() -> None:
    params = DedupFamilyParams().text
    assert (params.shingle, params.bands, params.rows) == (5, 14, 8)
    assert params.boilerplate.sample == 0.02


def test_every_parameter_is_described() -> None:
    for model in (DedupFamilyParams, *(f.annotation for f in DedupFamilyParams.model_fields.values())):
        assert [n for n, f in model.model_fields.items() if not f.description] == []


@pytest.mark.parametrize(
    "values", [{"url": False, "exact": False, "near": False}, {"bands": 0}, {"shingles": 5}, {"keep": "all"}]
)
def test_senseless_values_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        DedupParams.model_validate(values)
