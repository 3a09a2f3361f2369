"""The verb ``stage``, which makes a data set."""

from flows import terminal
from flows.commands.options import Values, request_of, verb
from flows.commands.working import working


@verb("StageRequest")
def stage(chosen: Values) -> None:
    """Turn a source of recordings into a staged data set, or add what is new to one."""
    from acento.core.progress import duration
    from acento.requests import StageRequest

    request = request_of(StageRequest, chosen)
    with working("stage", request.name):
        from flows.stage import stage as stage_flow

        staged = stage_flow(**request.parameters())

    left_out = ", ".join(f"{reason} {count}" for reason, count in staged.rejected.items())
    facts: list[tuple[str, object]] = [
        ("data set", staged.title if staged.new_version else f"{staged.title} (cached: nothing new)"),
        ("found", staged.found),
        ("staged now", staged.staged_now),
        ("already there", staged.already_there),
        ("rejected", f"{sum(staged.rejected.values())} ({left_out})" if left_out else 0),
        ("clips", f"{staged.clips}, {duration(staged.seconds)}"),
        ("splits", ", ".join(f"{split} {clips}" for split, clips in staged.splits.items())),
        *(("note", note) for note in staged.notes),
        *(("splits written to", path) for path in staged.split_lists),
        ("path", f"{staged.store}/{staged.key}"),
    ]
    terminal.print_facts(facts)
