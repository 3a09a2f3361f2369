"""What of a sandbox's output is logged: each line once, whoever sent it."""

from prefect_modal_worker.output import OutputFilter

OWN = "12:00:00.123 | INFO    | Flow run 'red-fox' - Finished in state Completed()"


def logged(lines: list[str], sent: list[str] | None = None) -> list[str]:
    output = OutputFilter(sent or [])
    return [text for line in lines if (text := output.take(line)) is not None]


def test_what_is_printed_is_logged_without_colors_and_empty_lines() -> None:
    assert logged(["loading\n", "\x1b[32m50 %\x1b[0m\n", "\n", "   \n"]) == ["loading", "50 %"]


def test_records_that_the_flow_sends_itself_are_not_logged_again() -> None:
    task = "12:00:01.000 | WARNING | Task run 'transcribe-1' - slow"
    assert logged([OWN + "\n", task + "\n", "a print\n"]) == ["a print"]


def test_a_traceback_after_such_a_record_belongs_to_it() -> None:
    lines = [
        "12:00:00.123 | ERROR   | Flow run 'red-fox' - Encountered an exception during execution:\n",
        "Traceback (most recent call last):\n",
        '  File "flows/sample.py", line 3, in sample\n',
        "    raise ValueError('no')\n",
        "ValueError: no\n",
        "after it\n",
    ]
    assert logged(lines) == ["after it"]


def test_records_of_other_loggers_are_logged() -> None:
    line = "12:00:00.123 | INFO    | prefect.runner - Flow run limit reached"
    assert logged([line + "\n"]) == [line]


def test_a_worker_that_goes_on_skips_what_was_sent_before_as_often_as_it_was_sent() -> None:
    assert logged(["a\n", "b\n", "a\n", "a\n", "c\n"], sent=["a", "b", "a", "not of the sandbox"]) == ["a", "c"]
