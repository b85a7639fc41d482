"""The Kubernetes form: its manifests against Kubernetes' own schemas, and against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster_k8s
import kubernetes_validate
import pytest
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config
from dagster_k8s.job import UserDefinedDagsterK8sConfig

from sandbox.meltano_project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORCHESTRATE = ROOT / "orchestrate"
FOLDER = ORCHESTRATE / "kubernetes"
MADE_BY_HAND = {"ayra-accounts", "ayra-databases"}
LIMITS = ("concurrency", "run_retries")


def _manifests() -> list[dict[str, Any]]:
    listed = _load(FOLDER / "kustomization.yaml")["resources"]
    return [
        manifest for name in listed for manifest in yaml.safe_load_all((FOLDER / name).read_text())
    ]


def _load(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(file.read_text())
    return document


def _named(node: object, *keys: str) -> Iterator[str]:
    """Yield what stands under any of these keys, wherever it is."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in keys and isinstance(value, str):
                yield value
            yield from _named(value, *keys)
    elif isinstance(node, list):
        for value in node:
            yield from _named(value, *keys)


@pytest.mark.parametrize(
    "manifest", _manifests(), ids=lambda m: f"{m['kind']}-{m['metadata']['name']}"
)
def test_each_manifest_is_valid(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_a_misspelt_field_would_be_noticed() -> None:
    manifest = _manifests()[-1]
    manifest["spec"]["port"] = 3000
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, kubernetes_validate.latest_version(), strict=True)


def test_what_a_manifest_names_is_there() -> None:
    manifests, kustomization = _manifests(), _load(FOLDER / "kustomization.yaml")
    made = MADE_BY_HAND | {config["name"] for config in kustomization["configMapGenerator"]}
    for manifest in manifests:
        for reference in ("configMapRef", "secretRef"):
            assert set(_names_under(manifest, reference)) <= made
        assert (
            set(_names_under(manifest, "configMap")) | set(_named(manifest, "secretName")) <= made
        )
    accounts = {m["metadata"]["name"] for m in manifests if m["kind"] == "ServiceAccount"}
    assert set(_named(manifests, "serviceAccountName")) <= accounts
    [image] = kustomization["images"]
    tagged = {f"{name}:{image['newTag']}" for name in _named(manifests, "image")}
    assert set(_named(manifests, "value")) == tagged == {f"{image['name']}:{image['newTag']}"}
    [server] = _load(FOLDER / "workspace.yaml")["load_from"]
    services = {
        m["metadata"]["name"]: m["spec"]["ports"][0]["port"]
        for m in manifests
        if m["kind"] == "Service"
    }
    assert services[server["grpc_server"]["host"]] == server["grpc_server"]["port"]


def _names_under(node: object, key: str) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get(key), dict) and "name" in node[key]:
            yield node[key]["name"]
        for value in node.values():
            yield from _names_under(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _names_under(value, key)


def test_the_instance_is_one_that_dagster_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql+psycopg2://nobody@localhost/dagster")
    (tmp_path / "dagster.yaml").write_text((FOLDER / "instance.yaml").read_text())
    dagster_instance_config(str(tmp_path))
    launcher = _load(FOLDER / "instance.yaml")["run_launcher"]["config"]
    schema = resolve_to_config_type(dagster_k8s.K8sRunLauncher.config_type())
    result = process_config(schema, launcher)
    assert result.success, result.errors
    UserDefinedDagsterK8sConfig.from_dict(launcher["run_k8s_config"])
    kustomization = _load(FOLDER / "kustomization.yaml")
    made = MADE_BY_HAND | {config["name"] for config in kustomization["configMapGenerator"]}
    assert {launcher["instance_config_map"], *launcher["env_config_maps"]} <= made
    assert set(launcher["env_secrets"]) | set(_named(launcher, "secretName")) <= made
    assert launcher["job_namespace"] == kustomization["namespace"]


@pytest.mark.parametrize("form", ["celery/dagster.yaml", "kubernetes/instance.yaml"])
def test_a_cluster_has_the_limits_of_one_machine_but_for_the_number_of_runs(form: str) -> None:
    alone, clustered = _load(ORCHESTRATE / "instance" / "dagster.yaml"), _load(ORCHESTRATE / form)
    for instance in (alone, clustered):
        del instance["concurrency"]["runs"]["max_concurrent_runs"]
    for part in LIMITS:
        assert clustered[part] == alone[part]


def test_what_the_image_copies_is_there_and_in_its_context() -> None:
    lines = (FOLDER / "Dockerfile").read_text().splitlines()
    copied = [part for line in lines if line.startswith("COPY ") for part in line.split()[1:-1]]
    allowed = (FOLDER / "Dockerfile.dockerignore").read_text().splitlines()
    assert copied
    for source in copied:
        assert (ROOT / source).exists()
        assert f"!{source}" in allowed
