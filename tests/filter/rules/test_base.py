import components.filter.rules as registry
from components.filter.params import DecideParams
from components.filter.rules import COUNT_RULES, DOCUMENT_RULES, IMAGE_RULES
from tests.filter.samples import document_facts, image_facts


def test_every_rule_takes_the_flat_parameters() -> None:
    """A rule whose parameters were left out of `RuleParams` fails here, not in a run."""
    params = DecideParams()
    facts = document_facts(words=100)
    assert [rule(facts, params) for rule in DOCUMENT_RULES] == [None] * len(DOCUMENT_RULES)
    picture = image_facts("https://example.com/a.jpg", 400, 300)
    assert [rule(picture, params) for rule in IMAGE_RULES] == [None] * len(IMAGE_RULES)
    assert [rule(facts, 3, params) for rule in COUNT_RULES] == [None] * len(COUNT_RULES)


def test_no_parameter_of_two_rules_has_the_same_name() -> None:
    names: list[str] = []
    for base in registry.RuleParams.__bases__:
        names += base.model_fields
    assert len(names) == len(set(names))


def test_every_parameter_is_described() -> None:
    assert [name for name, field in DecideParams.model_fields.items() if not field.description] == []
