"""The code by which a model knows the language that a data set or a person names.

Only small files are read, so that a language that a model lacks is refused before anything is loaded.
"""

from collections.abc import Collection

from acento.core import plugins
from acento.core.errors import InputError, ModelError
from acento.core.text.language import code_among, resolve_language
from acento.models.checkpoints.checkpoint import Checkpoint


def language_code(checkpoint: Checkpoint, language: str | None) -> str | None:
    """Return the code by which a model knows a language; None stays None.

    A region or script is left out, and ``nb-NO`` is ``no`` to a Whisper. Where it is not known which languages a model
    has, the code is the base language. Raises ModelError if the model does not know the language.
    """
    if language is None:
        return None
    family, folder = checkpoint.family, checkpoint.folder
    if family.language_name is not None:
        return plugins.load(family.language_name)(folder, language) or _base(language)
    known: Collection[str] | None = None if family.languages is None else plugins.load(family.languages)(folder)
    if known is None:
        return _base(language)
    if (code := code_among(known, language)) is not None:
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
