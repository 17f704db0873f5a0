"""What is deployed with cannot be run here: it is parsed, checked against the code, and linted."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from contextlib import closing
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from rag import cli
from rag.accounts import Accounts
from rag.config import CONFIG_VARIABLE, PREFIX, Settings, load_settings
from rag.errors import SettingError
from rag.people import open_people

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
DOCKERFILES = ("Dockerfile", "Dockerfile.gpu")
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields} | {CONFIG_VARIABLE}


def instructions(name: str) -> list[tuple[str, str]]:
    """Each instruction of a Dockerfile with its arguments on one line."""
    lines = [x for x in (DEPLOY / name).read_text("utf-8").splitlines() if not x.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(found[1], found[2]) for found in re.finditer(r"^([A-Z]+) (.+)$", joined, re.MULTILINE)]


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return loaded


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_copies_what_is_there_and_lets_through(name: str) -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    let_through = [line[1:] for line in ignored if line.startswith("!")]
    for kind, arguments in instructions(name):
        if kind == "COPY" and "--from" not in arguments:
            *sources, _ = shlex.split(arguments)
            for source in sources:
                assert (ROOT / source).exists(), source
                top = source.split("/")[0]
                assert any(fnmatch(top, pattern) for pattern in let_through), source


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_runs_a_known_command_as_nobody_special(name: str) -> None:
    found = instructions(name)
    kinds = [kind for kind, _ in found]
    assert ("USER", "10001") in found
    assert kinds.index("USER") < kinds.index("CMD") and kinds[-1] == "CMD"
    command = yaml.safe_load(found[-1][1])
    known = {c.name or c.callback.__name__ for c in cli.app.registered_commands if c.callback}
    assert command[0] == "footnote" and command[1] in known
    bases = [arguments.split()[0] for kind, arguments in found if kind == "FROM"]
    assert all(re.fullmatch(r"[a-z/]+:[0-9][\w.-]+", base) for base in bases)


@pytest.mark.parametrize("name", [*DOCKERFILES, "compose.yaml", "footnote.service"])
def test_every_setting_that_is_named_exists(name: str) -> None:
    named = set(re.findall(r"\bFOOTNOTE_[A-Z_]+", (DEPLOY / name).read_text("utf-8")))
    assert named and named <= SETTINGS


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_lets_nobody_in_unknown(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own settings, with folders that are here: it refuses until there is an account."""
    said = " ".join(text for kind, text in instructions(name) if kind == "ENV")
    given = dict(re.findall(r"\b(FOOTNOTE_[A-Z_]+)=(\S+)", said))
    for kept in ("FOOTNOTE_ACCOUNTS", "FOOTNOTE_API_KEYS"):  # the home is gone with the container
        assert Path(given[kept]).is_relative_to(given["FOOTNOTE_INDEX"])
    for variable, value in given.items():
        monkeypatch.setenv(variable, value.replace("/", f"{tmp_path}/", 1))
    command = yaml.safe_load(instructions(name)[-1][1])
    settings = load_settings(host=command[command.index("--host") + 1])
    with pytest.raises(SettingError, match="users add"):
        open_people(settings, lambda _: None)
    with closing(Accounts(settings.accounts)) as accounts:
        accounts.add("anna", "a long password", [], admin=True)
    open_people(settings, lambda _: None).close()


def test_the_composition_publishes_loopback_alone() -> None:
    services = compose()["services"]
    assert set(services) == {"footnote", "vllm", "redis", "prometheus", "grafana"}
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert service.get("privileged") is None and service.get("network_mode") is None
        assert re.search(r":[v\d]", service["image"]) or "build" in service
    assert "profiles" not in services["footnote"]


def test_the_composition_mounts_what_is_there() -> None:
    loaded = compose()
    for service in loaded["services"].values():
        for volume in service.get("volumes", ()):
            source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", volume).split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
            else:
                assert source in loaded["volumes"], source
        if build := service.get("build"):
            assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_what_is_scraped_and_shown_is_a_service() -> None:
    services = compose()["services"]
    scraped = yaml.safe_load((DEPLOY / "prometheus.compose.yml").read_text("utf-8"))
    for job in scraped["scrape_configs"]:
        for config in job["static_configs"]:
            assert {target.split(":")[0] for target in config["targets"]} <= set(services)
    shown = yaml.safe_load((DEPLOY / "grafana" / "datasource.yaml").read_text("utf-8"))
    assert re.fullmatch(r"http://(\w+):9090", shown["datasources"][0]["url"])[1] in services  # type: ignore[index]


def test_prometheus_has_the_key_of_the_metrics() -> None:
    """Where it is told to look, from a file that is made by hand and never committed."""
    scraped = yaml.safe_load((DEPLOY / "prometheus.compose.yml").read_text("utf-8"))
    (job,) = (one for one in scraped["scrape_configs"] if one["job_name"] == "footnote")
    given = job["authorization"]
    folder, name = given["credentials_file"].rsplit("/", 1)
    assert (given["type"], folder) == ("Bearer", "/run/secrets")
    assert compose()["services"]["prometheus"]["secrets"] == [name]
    file = compose()["secrets"][name]["file"].removeprefix("./")
    assert f"deploy/{file}" in (ROOT / ".gitignore").read_text("utf-8").split()
    group = Settings.model_fields["metrics_group"].default
    how = f"footnote keys create prometheus --groups {group} > "
    assert how + f"deploy/{file}" in (DEPLOY / "compose.yaml").read_text("utf-8")
    bare = (DEPLOY / "prometheus.yml").read_text("utf-8")
    told = yaml.safe_load(bare.replace("# authorization", "authorization"))
    (job,) = told["scrape_configs"]
    assert how + job["authorization"]["credentials_file"] in bare


def test_grafana_finds_the_dashboards() -> None:
    volumes = compose()["services"]["grafana"]["volumes"]
    inside = {target: source for source, target, *_ in (volume.split(":") for volume in volumes)}
    provisioning = "/etc/grafana/provisioning"
    for kind, name in {"datasources": "datasource", "dashboards": "dashboards"}.items():
        assert inside[f"{provisioning}/{kind}/footnote.yaml"] == f"./grafana/{name}.yaml"
    provided = yaml.safe_load((DEPLOY / "grafana" / "dashboards.yaml").read_text("utf-8"))
    (provider,) = provided["providers"]
    assert inside[provider["options"]["path"]] == "./grafana"


@pytest.mark.parametrize("name", DOCKERFILES)
def test_models_of_a_hub_outlive_the_container(name: str) -> None:
    """The composition's home is in memory, and a model takes gigabytes."""
    found = instructions(name)
    (volumes,) = (yaml.safe_load(arguments) for kind, arguments in found if kind == "VOLUME")
    (home,) = re.findall(r"\bHF_HOME=(\S+)", " ".join(a for kind, a in found if kind == "ENV"))
    assert any(Path(home).is_relative_to(volume) for volume in volumes)
    mounted = [volume.split(":")[1] for volume in compose()["services"]["footnote"]["volumes"]]
    assert set(volumes) <= set(mounted)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Its programs and folders are not here, so they are replaced; unknown keys would be said."""
    text = (DEPLOY / "footnote.service").read_text("utf-8")
    text = text.replace("/opt/footnote/.venv/bin/footnote chat", "/bin/true chat")
    unit = tmp_path / "footnote.service"
    unit.write_text(text.replace("WorkingDirectory=/opt/footnote", "WorkingDirectory=/"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "footnote.service" in line]
    assert ours == []


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="there is no hadolint")
@pytest.mark.parametrize("name", DOCKERFILES)
def test_hadolint_finds_nothing(name: str) -> None:
    done = subprocess.run(
        ["hadolint", str(DEPLOY / name)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "" and done.returncode == 0
