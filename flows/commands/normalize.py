"""The verb ``normalize``: what a text is to a score, and which step makes it so."""

import sys
from collections.abc import Iterable
from itertools import pairwise
from typing import Annotated

import typer
from rich.markup import escape

from acento.core.errors import InputError
from acento.scoring.table import counted
from flows.commands import terminal


def normalize(
    texts: Annotated[
        list[str] | None, typer.Argument(help="The texts; without any, the lines of standard input.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option("--preset", "--normalizer", help="The preset. Default: that of the language.")
    ] = None,
    language: Annotated[str | None, typer.Option("--language", help="Of the texts: a code, a tag or a name.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show each step that changes a text.")] = False,
    listed: Annotated[bool, typer.Option("--list", help="List the presets, and end.")] = False,
) -> None:
    """Show what a normalizer makes of texts: what is compared when they are scored."""
    from acento.core.text import normalizer_for
    from acento.core.text.language import resolve_language

    if listed:
        _print_presets()
        return
    if language is not None:
        resolve_language(language)
    rule = normalizer_for(preset, language)
    for text in texts or _lines():
        if not explain:
            typer.echo(rule(text))
            continue
        texts_after = [text, *(after for _, after in rule.explain(text))]
        changes = [
            (step.name, step.about, after)
            for step, (before, after) in zip(rule.steps, pairwise(texts_after), strict=True)
            if after != before
        ]
        title = f"{text}\n{rule.identity}: {len(changes)} of its {counted(len(rule.steps), 'step')} change it"
        terminal.print_table(("step", "what it does", "text after it"), changes, title=escape(title))


def _lines() -> Iterable[str]:
    """Yield the lines of standard input.

    Raises:
        InputError: nobody gives any, or they are not UTF-8.
    """
    if sys.stdin.isatty():
        raise InputError("There is no text: give one in quotes, or lines on standard input.")
    try:
        for line in sys.stdin.buffer:
            yield line.decode("utf-8").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"Standard input is not UTF-8 ({error.reason}): convert it, as with iconv -t utf-8.") from None


def _print_presets() -> None:
    from acento.core.text import NORMALIZERS
    from acento.core.text.by_language import LANGUAGES

    rows = [
        (one.identity, one.language or "any", "CER" if one.characters else "WER", one.about)
        for one in NORMALIZERS.values()
    ]
    some = f"unicode-XX-1, for {', '.join(LANGUAGES)}"
    terminal.print_table(("preset", "language", "headline", "what it is for"), rows)
    terminal.out.print(f"\n{some}: as that language is written; CER where it has no spaces.", soft_wrap=True)
