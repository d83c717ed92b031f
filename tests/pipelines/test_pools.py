"""The file of pools: what it may say, and that every mistake is named with the file and the field."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils import parse_quantity

from components.core.errors import ConfigurationError
from pipelines.pools import DEFAULT_POOLS, ClusterConfig, Pool, amount, read_pools

GPU: dict[str, Any] = {
    "selector": {"kind": "gpu"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
    "accelerator": {"count": 1},
}


def read(tmp_path: Path, values: Any) -> ClusterConfig:
    file = tmp_path / "pools.yaml"
    file.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
    return read_pools(file)


def refusal(tmp_path: Path, values: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, values)
    message = str(caught.value)
    assert str(tmp_path / "pools.yaml") in message
    return message


def pool_refusal(tmp_path: Path, **pool: Any) -> str:
    message = refusal(tmp_path, {"pools": {"cpu": pool}})
    assert "pools.yaml.pools.cpu" in message
    return message


@given(
    st.from_regex(r"\A[0-9]{1,12}(\.[0-9]{1,6})?\Z"),
    st.sampled_from(["", "n", "u", "m", *"kMGTPE", *(f"{unit}i" for unit in "KMGTPE")]),
)
def test_an_amount_is_what_kubernetes_reads(number: str, unit: str) -> None:
    wanted = float(parse_quantity(number + unit))
    assert amount(number + unit) == pytest.approx(wanted, rel=1e-12, abs=0)


@pytest.mark.parametrize("wrong", ["", "8 Gi", "8gi", "Gi", "-1", "1.2.3", "1e3", "8Gi\n", "٣"])
def test_what_is_no_amount_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="no quantity"):
        amount(wrong)


def test_the_pools_that_come_along() -> None:
    config = read_pools()
    assert config == read_pools(DEFAULT_POOLS)
    assert {"cpu", "gpu-caption", "gpu-train", "spot"} <= set(config.pools)
    assert config.pool_of("train")[0] == "gpu-train"
    name, pool = config.pool_of("a step that nobody names")
    assert (name, pool) == ("cpu", config.pools["cpu"])
    assert pool.accelerator is None


def test_numbers_of_cores_need_no_quotes(tmp_path: Path) -> None:
    config = read(tmp_path, "pools:\n  cpu: {cpu: 2, cpu_limit: 2.5}\n")
    assert (config.pools["cpu"].cpu, config.pools["cpu"].cpu_limit) == ("2", "2.5")


def test_pools_that_are_alike_may_share_an_anchor(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        "pools:\n  cpu: &small {cpu: 2, memory: 4Gi}\n  large: {<<: *small, memory: 64Gi}\n",
    )
    assert config.pools["large"] == Pool(cpu="2", memory="64Gi")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pools:\n  cpu: {cpu: 1}\n  cpu: {cpu: 2}\n", "'cpu' is said twice"),
        ("pools:\n  cpu: {memory: 1Gi, cpu: 1, memory: 2Gi}\n", "'memory' is said twice"),
        ("pools: [", "is no YAML"),
        ("- cpu\n", "holds no mapping"),
        ("", "holds no mapping"),
        ("{}", "pools.yaml.pools: Field required"),
        ("pools: {}\n", "default names the pool 'cpu'"),
        ("pools: {CPU: {}}\n", "String should match"),
        ("pools: {cpu: {}}\ndefault: spot\n", "default names the pool 'spot'; there are cpu"),
        ("pools: {cpu: {}}\nsteps: {fetch: spot}\n", "steps.fetch names the pool 'spot'"),
        ("pools: {cpu: {}}\nsteps: {fletch: cpu}\n", "steps names fletch, which no pipeline has"),
        ("pools: {cpu: {}}\nsteps: {embed: cpu}\n", "steps.embed is part of the task semantic"),
        ("pools: {cpu: {}}\nspots: 1\n", "pools.yaml.spots: Extra inputs"),
        ("pools: {cpu: {}}\nuser_id: 0\n", "pools.yaml.user_id: Input should be greater"),
        ("pools: {cpu: {}}\nstore_secret: My Secret\n", "pools.yaml.store_secret: String should match"),
        ("pools: {cpu: {}}\nmodel_cache: {path: models}\n", "pools.yaml.model_cache.path"),
    ],
)
def test_mistakes_of_a_file_are_named(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(tmp_path, text)


@pytest.mark.parametrize("step", ["embed", "semantic_centroids", "semantic_assign"])
def test_a_part_of_a_task_has_no_pool_of_its_own(tmp_path: Path, step: str) -> None:
    assert "task semantic" in refusal(tmp_path, {"pools": {"cpu": {}}, "steps": {step: "cpu"}})


def test_bytes_that_are_no_text_are_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "pools.yaml").write_bytes(b"pools: {cpu: \xff}")
    with pytest.raises(ConfigurationError, match="is no YAML"):
        read_pools(tmp_path / "pools.yaml")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.yaml can't be read: No such file"):
        read_pools(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("pool", "message"),
    [
        ({"colour": "red"}, ".colour: Extra inputs"),
        ({"cpu": "2 cores"}, ".cpu: String should match"),
        ({"cpu": True}, ".cpu: Input should be a valid string"),
        ({"cpu": "0"}, "cpu 0 is nothing"),
        ({"cpu": "500m", "cpu_limit": "0.4"}, "cpu_limit 0.4 is below cpu 500m"),
        ({"memory": 8}, ".memory: Input should be a valid string"),
        ({"memory": "8"}, ".memory: String should match"),
        ({"memory": "1.5Gi"}, ".memory: String should match"),
        ({"memory": "0Gi"}, ".memory: String should match"),
        ({"memory": "1Gi", "shared_memory": "1Gi"}, "shared_memory 1Gi is not below memory 1Gi"),
        ({"scratch": "20Gi", "ephemeral_storage": "10Gi"}, "ephemeral_storage 10Gi is below scratch 20Gi"),
        ({"timeout_s": 0}, ".timeout_s: "),
        ({"retry": {"attempts": -1}}, ".retry.attempts: "),
        ({"retry": {"backoff_s": 60, "max_backoff_s": 30}}, "max_backoff_s 30 is below backoff_s 60"),
        ({"priority_class": "Very High"}, ".priority_class: "),
        ({"selector": {"a b": "c"}}, ".selector.a b"),
        ({"selector": {"gpu": True}}, ".selector.gpu: Input should be a valid string"),
        ({"selector": {"gpu": "a b"}}, ".selector.gpu: String should match"),
        ({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}, "Exists has no value"),
        ({"tolerations": [{"value": "b"}]}, "without a key needs operator Exists"),
        ({"tolerations": [{"key": "a", "effect": "NoSchedule", "seconds": 3}]}, "need effect NoExecute"),
        ({"tolerations": [{"key": "a", "effect": "Never"}]}, ".tolerations.0.effect: "),
        ({"affinity": [{"key": "a"}]}, "operator In needs values"),
        ({"affinity": [{"key": "a", "operator": "NotIn"}]}, "operator NotIn needs values"),
        ({"affinity": [{"key": "a", "operator": "Exists", "values": ["b"]}]}, "Exists takes no values"),
        ({"affinity": [{"key": "a", "operator": "Gt", "values": ["b"]}]}, "Gt needs one whole number"),
        ({"affinity": [{"key": "a", "operator": "Lt", "values": ["1", "2"]}]}, "Lt needs one whole number"),
        ({"affinity": [{"key": "a", "operator": "Lt"}]}, "Lt needs one whole number"),
        ({"affinity": [{"key": "a", "values": ["b"], "weight": 101}]}, ".affinity.0.weight: "),
        ({**GPU, "selector": {}}, "needs a selector, or an affinity that is more than a wish"),
        (
            {**GPU, "selector": {}, "affinity": [{"key": "a", "values": ["b"], "weight": 1}]},
            "needs a selector, or an affinity that is more than a wish",
        ),
        ({**GPU, "tolerations": []}, "needs a toleration"),
        ({**GPU, "accelerator": {"count": 0}}, ".accelerator.count: "),
        ({**GPU, "accelerator": {"resource": "gpu"}}, ".accelerator.resource: String should match"),
    ],
)
def test_mistakes_of_a_pool_are_named(tmp_path: Path, pool: dict[str, Any], message: str) -> None:
    assert message in pool_refusal(tmp_path, **pool)


def test_a_pool_with_devices(tmp_path: Path) -> None:
    by_affinity = {**GPU, "selector": {}, "affinity": [{"key": "a", "operator": "Exists"}]}
    config = read(tmp_path, {"pools": {"cpu": {}, "gpu": GPU, "other": by_affinity}})
    assert config.pools["gpu"].accelerator == config.pools["other"].accelerator
    assert config.pools["gpu"].accelerator is not None
    assert config.pools["gpu"].accelerator.resource == "nvidia.com/gpu"


@pytest.mark.parametrize("good", ["", "registry.example.org", "localhost:5000/a/b-c", "ghcr.io/team"])
def test_registries(tmp_path: Path, good: str) -> None:
    assert read(tmp_path, {"pools": {"cpu": {}}, "image_registry": good}).image_registry == good


@pytest.mark.parametrize("wrong", ["https://ghcr.io", "ghcr.io/", "ghcr.io/Team", "ghcr.io/a:latest", "a b"])
def test_what_is_no_registry(tmp_path: Path, wrong: str) -> None:
    message = refusal(tmp_path, {"pools": {"cpu": {}}, "image_registry": wrong})
    assert "pools.yaml.image_registry: String should match" in message


def test_every_field_is_described() -> None:
    schema = ClusterConfig.model_json_schema()
    models = {"ClusterConfig": schema, **schema["$defs"]}
    undescribed = [
        f"{name}.{field}"
        for name, model in models.items()
        for field, of in model["properties"].items()
        if "description" not in of
    ]
    assert undescribed == []
