"""Compose, Kubernetes, Prometheus and Grafana files, checked by their own tools: what they name
exists, in the tools' eyes and in ours."""

import json
import os
import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.core import metrics
from app.core.clock import SystemClock
from app.recording.feed import Feed
from app.relay.core.counters import Counters
from app.settings import Settings, variable
from app.turn.figures import Health, TurnFigures
from app.turn.usage import UsageBook

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
KUBERNETES = "1.31"


def run(*words: str, **environment: str) -> str:
    tool = shutil.which(words[0])
    assert tool is not None, f"tests/setup/components.sh installs {words[0]}"
    done = subprocess.run(
        [tool, *words[1:]],
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    built = list(yaml.safe_load_all(run("kubectl", "kustomize", "deploy/kubernetes")))
    secret = yaml.safe_load((DEPLOY / "kubernetes/secret.example.yaml").read_text())
    return [*built, secret]


def test_every_manifest_is_of_its_schema(manifests: list[dict[str, Any]]) -> None:
    for manifest in manifests:
        _ = kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    kinds = {manifest["kind"] for manifest in manifests}
    assert {"Deployment", "DaemonSet", "StatefulSet", "Ingress", "Job", "Secret"} <= kinds


def test_a_wrong_manifest_would_be_found() -> None:
    wrong = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "x"},
        "spec": {"prots": []},
    }
    with pytest.raises(kubernetes_validate.ValidationError):
        _ = kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


def containers(manifests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    specs = [manifest["spec"]["template"]["spec"] for manifest in manifests
             if "template" in manifest.get("spec", {})]  # fmt: skip
    return [container for spec in specs for container in spec["containers"]]


def test_manifests_name_settings_and_roles_that_exist(manifests: list[dict[str, Any]]) -> None:
    known = {variable(name) for name in Settings.model_fields} | {"POSTGRES_PASSWORD"}
    named = set()
    for manifest in manifests:
        if manifest["kind"] in {"ConfigMap", "Secret"}:
            named |= set(manifest.get("data") or manifest["stringData"])
    ours = [one for one in containers(manifests) if one["image"].startswith("lectern")]
    for container in ours:
        assert container["args"][0] in {"api", "relay", "turn", "migrate"}
        assert container["image"] == "lectern:0.1.0"
        named |= {one["name"] for one in container["env"]}
    assert len(ours) == 4
    assert named <= known, named - known


def test_nothing_runs_as_root_and_every_process_has_limits(
    manifests: list[dict[str, Any]],
) -> None:
    for container in containers(manifests):
        if container["image"].startswith("lectern"):
            context = container["securityContext"]
            assert (context["runAsNonRoot"], context["allowPrivilegeEscalation"]) == (True, False)
            if container["name"] != "migrate":
                assert container["resources"]["limits"]["memory"]


def test_the_time_to_end_is_longer_than_the_time_to_drain(
    manifests: list[dict[str, Any]],
) -> None:
    settings = next(one for one in manifests if one["kind"] == "ConfigMap")["data"]
    drain = int(settings["LECTERN_DRAIN_SECONDS"])
    for manifest in manifests:
        if manifest["metadata"]["name"] in {"api", "relay"} and "template" in manifest["spec"]:
            assert manifest["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > drain


def test_compose_is_whole() -> None:
    needed = {
        "JWT_SECRET_KEY": "x" * 32,
        "POSTGRES_PASSWORD": "x",
        "LECTERN_ALLOWED_ORIGINS": "https://lectures.example.org",
        "LECTERN_MEDIA_HOST": "192.0.2.7",
    }
    text = run("docker-compose", "-f", "deploy/compose.yaml", "config", **needed)
    services = yaml.safe_load(text)["services"]
    assert {"api", "api-2", "relay", "relay-2", "redis", "postgres", "migrate"} <= set(services)
    known = {variable(name) for name in Settings.model_fields}
    for name, service in services.items():
        if name not in {"redis", "postgres"}:
            assert set(service["environment"]) <= known


def test_prometheus_takes_its_configuration() -> None:
    out = run("promtool", "check", "config", "deploy/prometheus/prometheus.yml")
    assert "10 rules found" in out


def expressions() -> list[str]:
    dashboard = json.loads((DEPLOY / "grafana/lectern.json").read_text())
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())
    shown = [one["expr"] for panel in dashboard["panels"] for one in panel.get("targets", [])]
    return shown + [rule["expr"] for group in rules["groups"] for rule in group["rules"]]


def test_every_expression_of_the_dashboard_is_promql(tmp_path: Path) -> None:
    rules = [{"record": f"a:{n}", "expr": text} for n, text in enumerate(expressions())]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run("promtool", "check", "rules", str(path))


def recording_figures() -> dict[str, int]:
    def nobody(*_: object) -> None:
        raise NotImplementedError

    feed = Feed(nobody, nobody, SystemClock(), nobody)  # type: ignore[arg-type]
    return feed.figures()


def test_every_metric_that_is_looked_at_exists() -> None:
    exposed = set(re.findall(r"^# TYPE (\S+)", metrics.exposition().decode(), re.MULTILINE))
    histograms = r"^# TYPE (\S+) histogram"
    for name in re.findall(histograms, metrics.exposition().decode(), re.MULTILINE):
        exposed.add(f"{name}_bucket")
    exposed |= {f"lectern_relay_{field.name}" for field in fields(Counters)}
    exposed |= {f"lectern_relay_{name.partition('{')[0]}" for name in recording_figures()}
    turn = TurnFigures(UsageBook(), lambda: Health(is_up=True, free_mbps=1.0, restarts=0))
    exposed |= {family.name for family in turn.collect()}
    looked_at = {
        name
        for text in expressions()
        for name in re.findall(r"\b(?:lectern|process)_[a-z0-9_]+", text)
        if not name.endswith("_dropped_")
    }
    assert len(looked_at) > 20
    assert looked_at <= exposed, looked_at - exposed
