"""What deployments ask of the gate: nothing that a person has to decide for each model."""

from pathlib import Path

import yaml

PROJECT = yaml.safe_load((Path(__file__).resolve().parents[2] / "deployments" / "prefect.yaml").read_text())


def test_no_deployment_lets_few_speakers_decide() -> None:
    specializing = [one for one in PROJECT["deployments"] if one["entrypoint"] == "flows.specialize.specialize"]
    assert {one["name"] for one in specializing} == {"local", "on-new-data"}
    for one in specializing:
        asked = [one.get("parameters", {}), *(trigger.get("parameters", {}) for trigger in one.get("triggers", []))]
        assert not any("allow_few_speakers" in parameters for parameters in asked)
