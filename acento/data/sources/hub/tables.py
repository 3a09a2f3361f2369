"""The splits of a Hugging Face data set, from the hub or a folder, as tables of rows whose audio is left undecoded.

Everything is streamed. ``datasets`` itself decodes, and even lists an audio folder, only by torchcodec, which is not
needed here: audio is asked for as it is stored, and the ``metadata.csv`` or ``.jsonl`` of an audio folder read here.
Code that comes with a data set is never run.
"""

import glob
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from acento.core.errors import AcentoError, DataError
from acento.core.hub import hub_error, hub_token
from acento.data.sources.base import split_in, split_of_folders
from acento.data.sources.folders.metadata import BAD_ROW, LEVELS, METADATA, NAMES, metadata_of, metadata_rows
from acento.data.sources.tables.text_lines import readable

_SAVED = ("dataset_dict.json", "state.json", "dataset_info.json")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SplitTable:
    """One split of a data set."""

    split: str
    columns: tuple[str, ...]
    read: Callable[[Sequence[str]], Iterator[Row]]
    """Yields the rows, with these columns only; may raise anything."""
    audio: tuple[str, ...] = ()
    """The columns that are declared as audio."""
    labels: Mapping[str, Callable[[int], str]] = field(default_factory=dict)
    """Columns of numbers that stand for names."""


def is_local(folder: Path) -> bool:
    """Tell whether a folder or file is a data set that ``datasets`` saved, or Parquet, or has metadata of audio."""
    if folder.is_file():
        return folder.suffix == ".parquet"
    saved = any((folder / name).is_file() for name in _SAVED)
    return saved or any(True for level in LEVELS for _ in folder.glob(f"{level}*.parquet")) or bool(metadata_of(folder))


def open_local(folder: Path, config: str | None, encoding: str | None = None) -> list[SplitTable]:
    """Open a data set in a folder, or one Parquet file.

    Raises:
        DataError: it has no such configuration, or cannot be read.
    """
    import datasets

    title, place = str(folder), str(folder.absolute())
    if folder.is_file():
        return _load("parquet", None, config, title, data_files=[glob.escape(place)])
    if metadata := metadata_of(folder):
        with readable(f"The metadata in {folder}"):
            return _folder_tables(metadata, lambda name: (folder / name).read_bytes(), encoding)
    if any((folder / name).is_file() for name in _SAVED):
        try:
            saved = datasets.load_from_disk(title)
        except Exception as error:
            raise DataError(f"The data set saved in {folder} cannot be read ({_first_line(error)}).") from error
        splits = saved if isinstance(saved, dict) else {str(saved.split or "train"): saved}
        return [_table(name, split.to_iterable_dataset()) for name, split in splits.items()]
    if glob.has_magic(place) or "\n" in place:
        raise DataError(f"Folder {title!r} cannot be read while *, ?, [ or a line break is in its path: rename it.")
    tables = _load(place, None, config, title)
    if [table.split for table in tables] == ["train"] and config is None and (named := _named_splits(folder)):
        return _load("parquet", None, None, title, data_files=named)
    return tables


def _named_splits(folder: Path) -> dict[str, list[str]]:
    """Return the Parquet files of a folder by the split that their names or folders say, ``other`` for those without.

    Empty if none says dev or test: ``datasets`` knows the words in lower case only, and takes all for train.
    """
    found: dict[str, list[str]] = {}
    for path in sorted(path for level in LEVELS for path in folder.glob(f"{level}*.parquet")):
        inside = path.relative_to(folder)
        split = split_in(inside.stem) or split_of_folders(inside.as_posix()) or "other"
        found.setdefault(split, []).append(glob.escape(str(path.absolute())))
    return found if not found.keys().isdisjoint(("dev", "test")) else {}


def open_hub(name: str, revision: str | None, config: str | None) -> tuple[str, list[SplitTable]]:
    """Return the commit that a revision of a data set on the hub is, and its splits.

    Raises:
        DataError: there is no such data set, revision or configuration, it may not be read, or it is code.
        TransientError: the hub does not answer.
    """
    from huggingface_hub import HfApi, HfFileSystem
    from huggingface_hub.utils import HFValidationError, httpx

    api = HfApi(token=hub_token())
    try:
        api.auth_check(name, repo_type="dataset")
        info = api.dataset_info(name, revision=revision, timeout=60.0)
        files = [sibling.rfilename for sibling in info.siblings or ()]
        if f"{name.partition('/')[2]}.py" in files:
            raise DataError(
                f"Data set {name} is a loading script, and Acento runs no code of a data set: take its copy in "
                "Parquet, which the hub often has at --revision refs/convert/parquet."
            )
        root = f"datasets/{name}@{info.sha}"
        metadata = [file for file in files if posixpath.basename(file) in METADATA]
        if metadata and not any(file.endswith((".parquet", ".arrow")) for file in files):
            system = HfFileSystem(token=hub_token())
            return str(info.sha), _folder_tables(metadata, lambda file: bytes(system.cat_file(f"{root}/{file}")))
    except (HFValidationError, httpx.HTTPError, OSError) as error:
        raise hub_error(error, "data set", name, revision, DataError) from error
    return str(info.sha), _load(name, info.sha, config, name, raw=any(file.endswith(".tar") for file in files))


def read_error(error: Exception, title: str, row: str) -> AcentoError:
    """Return what an error says that came up while a row was read."""
    from huggingface_hub.utils import httpx

    if isinstance(error, httpx.HTTPError | ConnectionError | TimeoutError):
        return hub_error(error, "data set", title, None, DataError)
    return DataError(f"Data set {title} cannot be read from {row} on ({_first_line(error)}).")


def _load(
    path: str, commit: str | None, config: str | None, title: str, *, raw: bool = False, **options: Any
) -> list[SplitTable]:
    """Open what ``datasets.load_dataset`` reads, without reading its rows; ``raw`` if in tar files (WebDataset)."""
    import datasets
    from huggingface_hub.utils import httpx

    access = {"revision": commit, "token": hub_token()} if commit else {}
    datasets.utils.logging.set_verbosity_error()
    try:
        splits = datasets.load_dataset(path, name=config, streaming=True, **access, **options)
        tables = [_table(str(name), split) for name, split in splits.items()]
        if not raw or not any(table.audio for table in tables):
            return tables
        # what is in tar files would be encoded on its way, by torchcodec: so it is asked for as bytes
        known = next(iter(splits.values())).features.items()
        media = {name: datasets.Value("binary") for name, kind in known if hasattr(kind, "decode_example")}
        options["features"] = datasets.Features({**dict(known), **media})
        splits = datasets.load_dataset(path, name=config, streaming=True, **access, **options)
        return [replace(table, read=_table("", splits[table.split]).read) for table in tables]
    except FileNotFoundError as error:
        raise DataError(f"Data set {title} holds no files of data that can be read.") from error
    except (httpx.HTTPError, OSError) as error:
        raise hub_error(error, "data set", title, commit, DataError) from error
    except Exception as error:
        names: list[str] = []
        with suppress(Exception):
            names = datasets.get_dataset_config_names(path, **access, **options)
        if names and config not in names and (config is not None or len(names) > 1):
            which = f"no configuration {config!r}" if config else "several configurations"
            raise DataError(f"Data set {title} has {which}: name one with --config, of {', '.join(names)}.") from error
        raise DataError(f"Data set {title} cannot be read ({_first_line(error)}).") from error


def _table(name: str, stream: Any) -> SplitTable:
    """Describe one streamed split."""
    import datasets

    features = stream.features or {}  # none as of CSV and JSON, which have no media in them
    columns = _with_fields(features or next(iter(stream.take(1)), {}))
    audio = tuple(column for column, feature in features.items() if isinstance(feature, datasets.Audio))
    labels = {column: feature.int2str for column, feature in features.items() if hasattr(feature, "int2str")}
    undecoded = stream.decode(False) if features else stream

    def read(wanted: Sequence[str]) -> Iterator[Row]:
        top = list(dict.fromkeys(column.partition(".")[0] for column in wanted))
        try:
            yield from _fields(undecoded.select_columns(top), wanted)
        except ValueError as error:
            if "BatchSize must be greater than 0" not in str(error):  # which is how a Parquet file without rows ends
                raise

    return SplitTable(name, columns, read, audio, labels)


def _with_fields(columns: Mapping[str, Any]) -> tuple[str, ...]:
    """Return names of columns and, by dotted names, of the fields of those that are structs.

    >>> _with_fields({"id": 1, "translation": {"es": "hola"}})
    ('id', 'translation', 'translation.es')
    """
    found: list[str] = []
    for name, kind in columns.items():
        found.append(name)
        if isinstance(kind, dict):
            found += [f"{name}.{inner}" for inner in _with_fields(kind)]
    return tuple(found)


def _fields(rows: Iterable[Row], wanted: Sequence[str]) -> Iterator[Row]:
    """Yield rows with the fields of structs under their dotted names."""
    dotted = {name: name.split(".") for name in wanted if "." in name}
    for row in rows:
        values = {}
        for name, path in dotted.items():
            value: Any = row
            for part in path:
                value = value.get(part) if isinstance(value, dict) else None
            values[name] = value
        yield {**row, **values} if dotted else row


def _folder_tables(files: Sequence[str], read: Callable[[str], bytes], encoding: str | None = None) -> list[SplitTable]:
    """Return the splits of an audio folder: a metadata file belongs to the split that its path names, else to train."""
    splits: dict[str, list[Row]] = {}
    for file in sorted(files):
        named = (part for part in posixpath.dirname(file).split("/") if split_in(part))
        splits.setdefault(next(named, "train"), []).extend(metadata_rows(file, read(file), encoding))
    tables = []
    for split, rows in splits.items():
        values = {name: value for row in rows for name, value in row.items() if name not in (BAD_ROW, NAMES)}
        tables.append(SplitTable(split, _with_fields(values), partial(_fields, rows), ("file_name",)))
    return tables


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
