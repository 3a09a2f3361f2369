"""Which language a model is told: the code by which it knows the one that a data set or a person names.

Only small files are read, so that a language that a model lacks is refused before anything is loaded.
"""

from collections.abc import Collection

from acento.core.errors import InputError, ModelError
from acento.core.text.language import code_among, resolve_language
from acento.families.ctc.mms import adapter_language, nested_languages
from acento.models.checkpoints.resolver import Checkpoint
from acento.models.family import Family

CANARY = frozenset(
    {"bg", "hr", "cs", "da", "nl", "en", "et", "fi", "fr", "de", "el", "hu", "it"}
    | {"lv", "lt", "mt", "pl", "pt", "ro", "sk", "sl", "es", "sv", "ru", "uk"}
)
"""The languages that Canary was trained on, as its processor lists them; its vocabulary has tokens for more."""


def told(checkpoint: Checkpoint, language: str | None) -> str | None:
    """Return the code by which a model knows a language; None stays None.

    A region or script is left out, and ``nb-NO`` is ``no`` to a Whisper. Where it is not known which languages a model
    has, it is told the base language.

    Raises:
        ModelError: the model does not know the language.
        InputError: it is no language.
    """
    if language is None:
        return None
    if names := _adapters(checkpoint):
        adapter_language(names, language, checkpoint.folder)
        return language if language in names else _base(language)
    known = known_languages(checkpoint)
    if known is None:
        return _base(language)
    code = code_among(known, language)
    if code is not None:
        return code
    if known == {"en"}:
        raise ModelError(
            f"Model {checkpoint.id} is English-only and cannot be told language {_titled(language)}; "
            "take the multilingual model of the same size."
        )
    raise ModelError(
        f"Model {checkpoint.id} does not know language {_titled(language)}; it knows {', '.join(sorted(known))}. "
        "Name one of these with --model-language, such as a related one, or take another model."
    )


def known_languages(checkpoint: Checkpoint) -> Collection[str] | None:
    """Return the codes of the languages that a model can be told; None where it takes any, or is told none."""
    family: Family = checkpoint.family
    if family.name in ("whisper", "whisper-ctranslate2"):
        from acento.families.whisper.generation import spoken

        return spoken(checkpoint.folder)
    if family.name == "canary":
        return CANARY
    if family.archive is not None:
        from acento.families.nemo.archive import describe, find

        facts, _ = describe(find(checkpoint.folder))
        return {name.partition("-")[0].lower() for name in facts.languages} or None
    return None


def _adapters(checkpoint: Checkpoint) -> list[str]:
    """Return MMS's own names of the languages that a model has an adapter for."""
    return nested_languages(checkpoint.folder) if checkpoint.family.name == "ctc" else []


def _base(language: str) -> str:
    try:
        return resolve_language(language).base
    except InputError:
        return language  # a data set may have been staged with a name of its own, which such a model does not look at


def _titled(language: str) -> str:
    """Return a language's code with its English name, as far as it has one."""
    import langcodes

    try:
        found = resolve_language(language)
    except InputError:
        return repr(language)
    return f"{language!r} ({langcodes.Language.make(found.base).display_name()})"
