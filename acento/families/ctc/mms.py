"""MMS: one wav2vec 2.0 with an adapter, a vocabulary and a head for each of many languages (Pratap et al. 2023).

Its ``vocab.json`` is nested by language, and weights of a language are in ``adapter.<language>.safetensors``. Its names
of languages are ISO 639-3, with a script behind some, such as ``azj-script_latin``.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from acento.core.errors import InputError, ModelError
from acento.core.hub import fetch_beside
from acento.core.text.language import resolve_language

_SHOWN = 20
"""Languages that an error lists."""
_MEMBERS = {
    "az": "azj", "et": "ekk", "ku": "kmr", "ms": "zlm", "ne": "npi", "no": "nob", "or": "ory", "sw": "swh",
    "yi": "ydd", "zh": "cmn",
}  # fmt: skip
"""The language that MMS has where ISO 639-1 names several."""


def nested_languages(folder: Path) -> list[str]:
    """Return the languages that nest a checkpoint's ``vocab.json``, if any; raise ModelError where it is damaged."""
    path = folder / "vocab.json"
    if not path.is_file():
        return []
    try:
        vocabulary = json.loads(path.read_text(encoding="utf-8"))
        return sorted(name for name, value in vocabulary.items() if isinstance(value, dict))
    except (ValueError, AttributeError) as error:
        raise ModelError(f"The vocabulary {path} cannot be read ({error}).") from error


def adapter_language(known: Collection[str], language: str | None, folder: Path) -> str:
    """Return MMS's name of a language.

    Args:
        known: the languages of the vocabulary.
        language: ISO 639-1, or MMS's own name; it may be left out where the model knows one only.
        folder: the checkpoint, for errors and its adapters.

    Raises:
        ModelError: the model does not know the language, knows it in several scripts, or has no weights for it.
    """
    if language is None and len(known) == 1:
        return next(iter(known))
    if language is None:
        raise ModelError(
            f"Model {folder} has an adapter for each language and must be told which to take: "
            f"give --language; it knows {_listed(known)}."
        )
    names = [language, *_codes(language)]
    found = [name for name in dict.fromkeys(names) if name in known]
    found = found[:1] or sorted(name for name in known if name.startswith(tuple(f"{one}-script_" for one in names)))
    if not found:
        raise ModelError(f"Model {folder} does not know language {language!r}; it knows {_listed(known)}.")
    if len(found) > 1:
        raise ModelError(f"Model {folder} knows language {language!r} in several scripts; name one: {_listed(found)}.")
    return found[0]


def known_name(folder: Path, language: str) -> str | None:
    """Return MMS's own name of a language where that is what was given; None: the language's code is told.

    Raises:
        ModelError: the model has adapters, and none for the language, or several.
    """
    names = nested_languages(folder)
    if names:
        adapter_language(names, language, folder)
    return language if language in names else None


def _codes(language: str) -> list[str]:
    """Return the ISO 639-3 codes that a language's name means."""
    import langcodes

    try:
        base = resolve_language(language).base
        return [langcodes.Language.make(base).to_alpha3(), _MEMBERS.get(base, base)]
    except (InputError, LookupError):
        return []


def load_adapter(model: Any, language: str, folder: Path) -> None:
    """Put a language's adapter and head into a loaded model, in place; a hub's model gets its file only now.

    Raises:
        ModelError: there are no weights for the language.
        TransientError: the hub that has them does not answer.
    """
    fetch_beside(folder, adapter_file(folder, language).name)
    if not adapter_file(folder, language).is_file():
        have = [path.name.split(".")[1] for path in folder.glob("adapter.*.safetensors")]
        raise ModelError(
            f"Model {folder} has no {adapter_file(folder, language).name}, the weights of that language; "
            f"it has adapters for {_listed(have) if have else 'none'}: download that file too."
        )
    model.load_adapter(language, force_load=True, local_files_only=True, use_safetensors=True)


def save_language(base: Path, folder: Path, language: str) -> None:
    """Write what makes a saved model one of its language alone: the others' adapters do not fit tuned weights.

    Args:
        base: the checkpoint that was tuned.
        folder: where the tuned one is saved, with the base's tokenizer files.
        language: MMS's name of it.
    """
    from safetensors.torch import load_file, save_file

    state = load_file(folder / "model.safetensors")
    own = {name: tensor for name, tensor in state.items() if ".adapter_layer." in name or name.startswith("lm_head.")}
    save_file(own, adapter_file(folder, language))
    vocabulary = json.loads((base / "vocab.json").read_text(encoding="utf-8"))
    _write(folder / "vocab.json", {language: vocabulary[language]})
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    _write(path, settings | {"target_lang": language})


def adapter_file(folder: Path, language: str) -> Path:
    """Return where a language's weights are."""
    return folder / f"adapter.{language}.safetensors"


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _listed(names: Collection[str]) -> str:
    """Return the names in order, the first of many."""
    shown = sorted(names)[:_SHOWN]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")
