"""What may be transcribed: files, folders, patterns, ``s3://`` keys and prefixes, web addresses, stdin.

Nothing is opened or fetched to list them. Each has a path of its own below the folder of outputs: a file in a folder
that was named keeps its path there, any other one its name; where two would be the same, more of the folders above
them is kept.
"""

import glob
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from acento.core.audio.containers.signatures import HEAD, is_sound
from acento.core.errors import InputError
from acento.data.recordings.fetch import STDIN, is_address
from acento.data.sources.archives.download import Downloads, without_secrets
from acento.data.sources.archives.temporary import is_junk, safe_path
from acento.data.sources.files import is_recording, split_suffix, walk

_AMBIGUOUS = (".ts", ".mts", ".dts", ".snd", ".ra", ".rm")
"""Suffixes that other kinds of files have too: their first bytes decide."""
_PROTECTED = (".aax", ".aaxc", ".aa", ".m4p")
"""Suffixes of recordings that cannot be decoded: they are taken, so that their owner is told."""
_SECRET_BEGINNINGS = ("x-amz-", "x-goog-")
_SECRET = frozenset(
    (
        *("signature", "sig", "token", "access_token", "key", "key-pair-id", "policy", "expires", "password", "auth"),
        *("awsaccesskeyid", "googleaccessid", "sv", "se", "sp", "sr", "st", "api_key", "apikey"),
    )
)
"""What in the query of an address signs it, or says who asks."""


@dataclass(frozen=True, slots=True)
class Input:
    """One recording that was named or found."""

    name: str
    """How it is known: an absolute path, or an address without what it holds of secrets."""
    place: str
    """Where its outputs belong: a path below their folder, with the suffix of the recording, unlike that of others."""
    stamp: str
    """What changes with its bytes; empty: nobody can tell without reading it."""
    location: str
    """Where it is read: ``name``, or with the secrets."""


@dataclass(slots=True)
class _Found:
    name: str
    parts: tuple[str, ...]
    """Its whole path."""
    kept: int
    """How many of them, the last ones, make its place."""
    stamp: str
    location: str


def find_inputs(paths: Sequence[str]) -> list[Input]:
    """Return every recording that paths name, each once, in the order of the paths, and in folders by their names.

    A folder is searched with those in it, hidden ones left out, for what is audio or video by its suffix or its first
    bytes. A file that is named itself is taken whatever it is.

    Raises:
        InputError: a path names nothing, or a folder, pattern or prefix has no recording in it.
        TransientError: S3 cannot be reached now.
    """
    if not paths or not all(paths):
        raise InputError("Nothing was named to transcribe: give files, folders, patterns, addresses, or - for stdin.")
    found: dict[str, _Found] = {}
    for path in paths:
        for one in _expanded(path):
            found.setdefault(one.location if is_address(one.location) else os.path.realpath(one.location), one)
    return [
        Input(one.name, "/".join(one.parts[-one.kept :]), one.stamp, one.location) for one in _apart([*found.values()])
    ]


def _apart(found: list[_Found]) -> list[_Found]:
    """Keep as many folders of each as it takes to tell their places apart, where case does not count."""
    whole = ["/".join(one.parts).casefold() for one in found]
    while True:
        keys = ["/".join(one.parts[-one.kept :]).casefold() for one in found]
        counts = Counter(key for key, _ in set(zip(keys, whole, strict=True)))
        alike = [one for one, key in zip(found, keys, strict=True) if counts[key] > 1 and one.kept < len(one.parts)]
        if not alike:
            return found
        for one in alike:
            one.kept += 1


def _expanded(path: str) -> Iterator[_Found]:
    """Yield what a path names."""
    if path == STDIN:
        yield _Found(STDIN, ("stdin",), 1, "", STDIN)
    elif path.lower().startswith("s3://"):
        yield from _in_bucket(path)
    elif is_address(path):
        yield _at_address(path)
    elif "://" in path:
        raise InputError(f"{without_secrets(path)!r} is no address of a known kind: s3://, https:// or http://.")
    else:
        yield from _of_path(path)


def _of_path(path: str) -> Iterator[_Found]:
    """Yield a file, those in a folder, or those that a pattern matches."""
    whole = Path(path).expanduser()
    status = _status(whole)
    if isinstance(status, os.stat_result):
        if not stat.S_ISDIR(status.st_mode):
            yield _file(whole.absolute(), 1, status)
            return
        files = list(_in_folder(whole.absolute()))
        if not files:
            raise InputError(f"There is no audio or video in the folder {path!r}.")
        yield from files
        return
    if not glob.has_magic(path):
        raise InputError(f"{path!r} cannot be transcribed ({status.strerror}): check the path.")
    yield from _matching(path)


def _matching(pattern: str) -> Iterator[_Found]:
    """Yield the files that match a pattern, and those in folders that do."""
    parts = Path(pattern).expanduser().parts
    fixed = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    root, some = Path(*parts[:fixed]).absolute(), False
    for name in sorted(glob.iglob("/".join(parts[fixed:]), root_dir=root, recursive=True)):  # noqa: PTH207 - not hidden ones
        path, inside = root / name, name.count("/") + 1
        status = _status(path)
        if isinstance(status, os.stat_result) and stat.S_ISDIR(status.st_mode) and parts[-1] != "**":
            for one in _in_folder(path):
                one.kept += inside
                yield one
                some = True
        elif isinstance(status, os.stat_result) and stat.S_ISREG(status.st_mode) and _sounds(path):
            yield _file(path, inside, status)
            some = True
    if not some:
        raise InputError(f"No audio or video matches {pattern!r}.")


def _in_folder(folder: Path) -> Iterator[_Found]:
    """Yield the recordings in a folder, and folders in it that cannot be read, so that somebody is told."""
    closed: list[OSError] = []
    for name in walk(folder, closed.append):
        path = folder / name
        status = _status(path)
        if isinstance(status, os.stat_result) and stat.S_ISREG(status.st_mode) and _sounds(path):
            yield _file(path, name.count("/") + 1, status)
    for error in closed:
        place = Path(error.filename)
        yield _file(place, len(place.relative_to(folder).parts), None)


def _file(path: Path, kept: int, status: os.stat_result | None) -> _Found:
    parts = tuple(part for part in path.parts if part != path.anchor)
    stamp = "" if status is None or not stat.S_ISREG(status.st_mode) else f"{status.st_size}-{status.st_mtime_ns}"
    return _Found(str(path), parts, max(1, min(kept, len(parts))), stamp, str(path))


def _sounds(path: Path) -> bool:
    """Tell whether a file in a folder is a recording: by its suffix, or where that does not say by its first bytes."""
    suffix = split_suffix(path.name)[1]
    if suffix in _PROTECTED or (is_recording(path.name) and suffix not in _AMBIGUOUS):
        return True
    try:
        with path.open("rb") as file:
            return is_sound(file.read(HEAD))
    except OSError:
        return False


def _status(path: Path) -> os.stat_result | OSError:
    """Return what the system says of a path, or why it says nothing."""
    try:
        return path.stat()
    except OSError as error:
        return error
    except ValueError as error:  # a NUL in the name
        return OSError(0, str(error))


def _in_bucket(url: str) -> Iterator[_Found]:
    """Yield the object of a key, or the recordings below a prefix."""
    bucket, _, key = url.partition("://")[2].partition("/")
    if not bucket:
        raise InputError(f"{url!r} names no bucket.")
    prefix = f"{bucket}/{key}".rstrip("/")
    stamps = Downloads(s3=True).stamps(prefix)
    some = False
    for address, stamp in sorted(stamps.items()):
        below = safe_path(address.removeprefix(f"{prefix}/") if address != prefix else address.rpartition("/")[2])
        if below is None or is_junk(below) or address.endswith("/"):
            continue
        if address == prefix or is_recording(address) or split_suffix(address)[1] in _PROTECTED:
            some = True
            whole = (bucket, *(part for part in address.split("/")[1:] if part not in ("", ".", "..")))
            yield _Found(f"s3://{address}", whole, len(below.parts), stamp, f"s3://{address}")
    if not some:
        raise InputError(f"There is no audio or video at {url!r}.")


def _at_address(url: str) -> _Found:
    """Return what is at a web address."""
    asked = urlsplit(url)
    if not asked.hostname:
        raise InputError(f"{without_secrets(url)!r} names no server.")
    public = [(key, value) for key, value in parse_qsl(asked.query, keep_blank_values=True) if not _is_secret(key)]
    name = without_secrets(url) + (f"?{urlencode(public)}" if public else "")
    folders = (part for part in unquote(asked.path).split("/") if part not in ("", ".", ".."))
    parts = (asked.hostname, *folders)
    return _Found(name, parts, 1, "", url)


def _is_secret(key: str) -> bool:
    """Tell whether a part of an address's query is a signature or the like."""
    return key.lower() in _SECRET or key.lower().startswith(_SECRET_BEGINNINGS)
