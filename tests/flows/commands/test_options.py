"""What users have written down: the options of verbs and the parameters of flows keep their names."""

from importlib import import_module
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from acento import requests
from acento.core.errors import InputError
from flows.cli import app
from flows.search import search

OPTIONS = {
    "stage": (
        "--allow-pipes --audio-column --channel --config --encoding --into-split --language --max-duration "
        "--name --revision --seed --source-split --split-by --text-column --untranscribed --verbose --write-splits -v "
        "SOURCE"
    ),
    "validate": (
        "--columns --doctor --language --model --model-language --suite --verbose --write-suite -m -v DATASET"
    ),
    "benchmark": (
        "--allow-invalid --batch-check --beam-size --budget --by --compute --dataset --device --diarize --diarizer "
        "--dry-run --dtype "
        "--engine --engine-bound --gpu-batch-size --gpu-type --job-id --json --language --limit --model "
        "--model-language --normalizer --num-requests --quantization --repeats --shards --split --temperatures "
        "--threads --verbose --window --window-s --work-pool -d -m -v"
    ),
    "finetune": (
        "--allow-invalid --balance --base-model --batch-size --compute --dataset --device --devices --epochs "
        "--gpu-type --keep-full --language --learning-rate --max-minutes --model-language --name --normalizer --recipe "
        "--seed --set --strategy --threads --verbose --window --work-pool -b -d -v"
    ),
    "specialize": (
        "--allow-few-speakers --allow-invalid --balance --base-model --batch-size --bound --compute --dataset "
        "--device --devices --epochs --gpu-type --guard --interpolate --keep-full --language --learning-rate "
        "--max-minutes --model-language --name --no-interpolate --no-promote --normalizer --num-requests --promote "
        "--recipe --seed --set --shards --source --strategy --test --threads --verbose --window --window-bound "
        "--work-pool -b -d -v"
    ),
    "judge-windows": (
        "--allow-few-speakers --allow-invalid --compute --device --gpu-type --guard --language --model-language "
        "--normalizer --num-requests --shards --test --verbose --window-bound --work-pool -v MODEL"
    ),
    "shorten": (
        "--again --allow-few-speakers --allow-invalid --balance --batch-size --compute --dataset --device --devices "
        "--epochs --gpu-type --guard --keep-full --language --learning-rate --limit --max-minutes --model-language "
        "--name --normalizer --num-requests --recipe --seed --set --shards --strategy --test --threads --verbose "
        "--window-bound --work-pool -d -v BASE_MODEL"
    ),
    "search": (
        "--allow-invalid --base-model --compute --dataset --device --dollars --gpu-type --keep-full --language "
        "--minutes --model-language --name --normalizer --parallel --price-per-hour --pruner --recipe --sampler "
        "--seed --set --space --threads --trials --verbose --window --work-pool -b -d -v"
    ),
    "learning-curve": (
        "--allow-invalid --balance --base-model --batch-size --compute --dataset --device --epochs --gpu-type "
        "--keep-full --language --learning-rate --model-language --name --normalizer --recipe --seed --set --shares "
        "--strategy --threads --verbose --window --work-pool -b -d -v"
    ),
    "cross-validate": (
        "--allow-invalid --balance --base-model --batch-size --by --compute --dataset --device --epochs --folds "
        "--gpu-type --keep-full --language --learning-rate --model-language --name --normalizer --recipe --seed --set "
        "--split --strategy --threads --verbose --window --work-pool -b -d -k -v"
    ),
    "transcribe": (
        "--align --beam-size --by-sentence --channels --compute --device --diarize --diarizer --dtype --engine "
        "--format --gpu-batch-size --gpu-type --hotwords --language --line-length --max-speakers --merge "
        "--min-speakers --model --model-language --num-requests --out --prompt --quantization --shards "
        "--speaker-labels --speakers --status --temperatures --threads --times --translate --verbose --voice "
        "--window --window-s --work-pool -f -m -o -v PATHS"
    ),
}
PARAMETERS = {
    "stage": (
        "allow_pipes audio_column channel config encoding into_split language max_duration name! revision "
        "seed source! source_split split_by text_column untranscribed write_splits"
    ),
    "validate": ("dataset! doctor language model suite"),
    "benchmark": (
        "allow_invalid batch_check beam_size budget compute datasets! device diarize diarizers dry_run dtype engine "
        "engine_bound "
        "gpu_batch_size job_id language limit models! normalizer num_requests quantization repeats split temperatures "
        "threads window window_s"
    ),
    "finetune": (
        "allow_invalid base_model! compute dataset! device devices keep_full language max_minutes name normalizer "
        "recipe strategy threads window"
    ),
    "specialize": (
        "allow_few_speakers allow_invalid base_model! bound compute dataset! device devices guards interpolate "
        "keep_full language max_minutes model_language name normalizer num_requests promote recipe source strategy "
        "test threads window window_bound"
    ),
    "judge-windows": (
        "allow_few_speakers allow_invalid compute device guards language model! normalizer num_requests test "
        "window_bound"
    ),
    "shorten": (
        "again allow_few_speakers allow_invalid base_model! compute dataset! device devices guards keep_full language "
        "limit max_minutes name normalizer num_requests recipe strategy test threads window_bound"
    ),
    "search": (
        "allow_invalid base_model! compute dataset! device dollars keep_full language minutes name normalizer "
        "parallel price_per_hour pruner recipe sampler seed space threads trials window"
    ),
    "learning-curve": (
        "allow_invalid base_model! compute dataset! device keep_full language name normalizer recipe shares strategy "
        "threads window"
    ),
    "cross-validate": (
        "allow_invalid base_model! by compute dataset! device folds keep_full language name normalizer recipe splits "
        "strategy threads window"
    ),
    "transcribe": (
        "align beam_size by_sentence channels compute device diarize diarizer dtype engine formats gpu_batch_size "
        "hotwords language line_length max_speakers merge min_speakers model num_requests out paths! prompt "
        "quantization speaker_labels speakers temperatures threads times translate voices window window_s"
    ),
}
"""With ``!`` those that must be given."""
REQUESTS = {
    "stage": requests.StageRequest,
    "validate": requests.ValidateRequest,
    "benchmark": requests.BenchmarkRequest,
    "finetune": requests.FinetuneRequest,
    "specialize": requests.SpecializeRequest,
    "judge-windows": requests.WindowsRequest,
    "shorten": requests.ShortenRequest,
    "search": requests.SearchRequest,
    "learning-curve": requests.CurveRequest,
    "cross-validate": requests.FoldsRequest,
    "transcribe": requests.TranscribeRequest,
}


def command(verb: str) -> Any:
    return get_command(app).commands[verb]  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", OPTIONS)
def test_a_verb_has_the_options_that_it_always_had(verb: str) -> None:
    names = {name for one in command(verb).params for name in (*one.opts, *one.secondary_opts)}
    assert {name if name.startswith("-") else name.upper() for name in names} == set(OPTIONS[verb].split())


@pytest.mark.parametrize("verb", OPTIONS)
def test_every_option_is_explained_and_says_what_it_may_be(verb: str) -> None:
    options = {one.name: one for one in command(verb).params}
    assert all(one.help for one in options.values())
    if "device" in options:
        assert options["device"].metavar == "[auto|cpu|cuda|mps]"


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_form_of_a_flow_is_made_from_its_request(name: str) -> None:
    module = name.replace("-", "_")
    schema = getattr(import_module(f"flows.{module}"), module).parameters
    fields = REQUESTS[name].fields()
    assert {one + "!" * (one in schema.required) for one in schema.properties} == set(PARAMETERS[name].split())
    assert {one: shown["description"] for one, shown in schema.properties.items()} == {
        one: field.description for one, field in fields.items()
    }


def test_what_a_run_writes_down_of_its_request_has_the_keys_that_it_always_had() -> None:
    request = requests.BenchmarkRequest(models=["m"], datasets=["d"], job_id="mine")
    assert request.title == "m on d/test"
    assert set(request.model_dump(exclude={"job_id", "budget", "dry_run"})) == {
        *("models", "datasets", "split", "num_requests", "gpu_batch_size", "limit", "language", "normalizer", "device"),
        *("dtype", "threads", "compute", "engine", "quantization", "allow_invalid", "repeats", "batch_check"),
        *("window", "window_s", "engine_bound", "beam_size", "temperatures", "diarize", "diarizers"),
    }


def test_a_strategy_is_a_part_of_the_recipe() -> None:
    request = requests.FinetuneRequest(dataset="d", base_model="b", strategy="lora", recipe={"epochs": 2})
    assert request.changes == {"strategy": "lora", "epochs": 2}


def test_what_is_wrong_with_a_request_is_one_sentence_for_all_fields() -> None:
    with pytest.raises(InputError) as raised:
        requests.SearchRequest.of(dataset="d", base_model="b", trials=0, minutes=-1, sampler="luck")
    assert str(raised.value) == (
        "sampler must be 'grid', 'tpe' or 'random'; got 'luck'. trials must be at least 1; got 0. "
        "minutes must be more than 0; got -1."
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("search -d d -b b --trials 0", "--trials must be at least 1; got 0."),
        ("search -d d -b b --minutes -1", "--minutes must be more than 0; got -1.0."),
        ("finetune -d d -b b --strategy hope", "--strategy must be 'encoder', 'full', 'decoder', 'lora' or 'last-n'; "),
        ("specialize -d d -b b --bound 150", "--bound must be at least 0 and less than 100 points of WER; got 150."),
        (
            "specialize -d d -b b --window-bound -1",
            "--window-bound must be at least 0 and less than 100 points of WER; got -1.",
        ),
        ("judge-windows m --window-bound 100", "--window-bound must be at least 0 and less than 100 points of WER; "),
        ("benchmark -m m -d d --model-language=", "--model-language must not be empty."),
        ("stage x --name=", "--name must not be empty."),
        ("transcribe x --speakers 2", "--speakers is for telling speakers apart: add --diarize."),
        ("stage x --name n --channel 7", "--channel must be '0', '1', 'split' or 'mix'; got '7'."),
        ("draft x --name n --accept-above 90", "--accept-above must be at most 1; got 90.0."),
        ("draft --name n", "Name recordings to transcribe, or with --reviewed the list of what a person has decided."),
        ("cross-validate -d d -b b --split all", "--split must be 'train', 'dev' or 'test'; got 'all'."),
    ],
)
def test_the_command_line_says_a_wrong_value_with_the_option(arguments: str, sentence: str) -> None:
    done = CliRunner().invoke(app, arguments.split())
    assert done.exit_code == 1
    assert done.output.startswith(f"Error: {sentence}")


def test_a_flow_refuses_a_wrong_parameter_with_the_same_sentence() -> None:
    with pytest.raises(InputError) as raised:
        search.validate_parameters({"dataset": "d", "base_model": "b", "trials": 0})
    assert str(raised.value) == "trials must be at least 1; got 0."
    given = search.validate_parameters({"dataset": "d", "base_model": "b", "trials": "2"})
    assert given["trials"] == 2
    assert set(given) == set(search.parameters.properties)
