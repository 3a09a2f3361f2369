"""The task that validates a staged data set."""

import logging

from prefect.artifacts import create_table_artifact
from pydantic import BaseModel

from acento.api import validating
from acento.core.settings import settings
from acento.core.store import Store, open_store
from acento.requests import ValidateRequest
from acento.validation.verdict import PAGE, ValidationVerdict, expected
from tasks.artifacts import artifact_key, in_run, markdown_table, optional, page_link, show_markdown
from tasks.policy import cached, step
from tasks.progress import progress_artifact

_log = logging.getLogger(__name__)


class VerdictReference(BaseModel, frozen=True):
    """Where a verdict is, and what it came to."""

    dataset: str
    """Name and version, such as ``santiago@2``."""
    key: str
    """The artifact in the store that holds the verdict."""
    page: str
    """The data docs: an HTML page."""
    passed: bool
    errors: int
    warnings: int
    cached: bool


@step("validate", run_name="validate {request.dataset}")
def validate_dataset(request: ValidateRequest) -> VerdictReference:
    """Judge a version of a data set by a suite; ``Cached`` when the same was judged by the same before."""
    store = open_store(settings().store)
    with progress_artifact(
        artifact_key("validate", request.dataset.partition("@")[0], "progress"), f"Validating {request.dataset}"
    ):
        done = validating.validate_dataset(store, request)
    verdict = done.verdict
    for check in verdict.warnings:
        _log.warning("%s, %s: %s", verdict.title, check.name, check.sentence)
    reference = VerdictReference(
        dataset=verdict.dataset,
        key=verdict.key,
        page=str(store.local_path(verdict.key, PAGE)),
        passed=verdict.passed,
        errors=len(verdict.errors),
        warnings=len(verdict.warnings),
        cached=done.cached,
    )
    _show(store, verdict, reference)
    return cached(reference) if done.cached else reference


def _show(store: Store, verdict: ValidationVerdict, reference: VerdictReference) -> None:
    """Publish the verdict as a table, and where its page is."""
    rows = [
        {
            "result": check.mark,
            "check": check.name,
            "expected": expected(check.expect, check.arguments),
            "clips": check.unexpected,
            "share": check.share,
            "such as": ", ".join(check.examples[:5]),
            "says": check.sentence,
        }
        for check in verdict.checks
    ]
    outcome = "passed" if verdict.passed else "failed"
    key = artifact_key("validate", verdict.dataset, "verdict")
    if in_run():
        with optional(key):
            create_table_artifact(rows, key=key, description=f"{verdict.title}: {outcome}")
    failed = [[check.mark, check.name, check.sentence] for check in (*verdict.errors, *verdict.warnings)]
    parts = [
        f"# {verdict.title}: {outcome}",
        f"{len(verdict.checks)} checks, {reference.errors} errors, {reference.warnings} warnings.",
        *([markdown_table(failed, header=["result", "check", "what"])] if failed else []),
        f"Data docs with histograms: {page_link(store, PAGE, reference.page)}, in `{store.url}/{verdict.key}`.",
    ]
    show_markdown(artifact_key("validate", verdict.dataset), "\n\n".join(parts), f"{verdict.title} as validated")
