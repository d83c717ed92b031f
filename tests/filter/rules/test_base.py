import components.filter.rules as registry
from components.filter.params import DecideParams
from components.filter.rules import COUNT_RULES, QUALITY_RULES, STORED_IMAGE_RULES, TEXT_RULES
from tests.filter.samples import ENGLISH, document_facts, image_facts, judged, text_facts


def test_every_rule_takes_the_flat_parameters() -> None:
    """A rule whose parameters were left out of `RuleParams` fails here, not in a run."""
    params = DecideParams(language=[])
    seen = text_facts(ENGLISH)
    for rule in (*TEXT_RULES, *QUALITY_RULES):
        assert judged(rule, seen, params) == [None], rule
    picture = image_facts("https://example.com/a.jpg", 400, 300)
    assert [rule(picture, params) for rule in STORED_IMAGE_RULES] == [None] * len(STORED_IMAGE_RULES)
    assert [rule(document_facts(), 3, params) for rule in COUNT_RULES] == [None] * len(COUNT_RULES)


def test_sums_are_over_what_is_left() -> None:
    lines = text_facts(f"{ENGLISH}\nsecond line", "third").lines
    assert lines.total().tolist() == [2, 1]
    lines.left[0] = False
    assert lines.total().tolist() == [1, 1]
    assert lines.total(lines["words"]).tolist() == [2, 1]
    assert lines.any(lines["words"] > 5).tolist() == [False, False]


def test_no_parameter_of_two_rules_has_the_same_name() -> None:
    names: list[str] = []
    for base in registry.RuleParams.__bases__:
        names += base.model_fields
    assert len(names) == len(set(names))


def test_every_parameter_is_described() -> None:
    assert [name for name, field in DecideParams.model_fields.items() if not field.description] == []
