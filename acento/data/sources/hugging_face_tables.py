"""The splits of a Hugging Face data set, from the hub or a folder, as tables of rows whose audio is left undecoded.

Everything is streamed. ``datasets`` itself decodes, and even lists an audio folder, only by torchcodec, which is not
needed here: audio is asked for as it is stored, and the ``metadata.csv`` or ``.jsonl`` of an audio folder read here.
Code that comes with a data set is never run.
"""

import csv
import glob
import io
import json
import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from acento.data.sources.base import parse_split
from acento.errors import AcentoError, DataError
from acento.hub import hub_error, hub_token

BAD_ROW = "\0bad row"
"""The key of a row that could not be read: its value says why."""
METADATA = ("metadata.csv", "metadata.jsonl")
_SAVED = ("dataset_dict.json", "state.json", "dataset_info.json")
_LEVELS = ("", "*/", "*/*/")

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
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
    return saved or any(True for level in _LEVELS for _ in folder.glob(f"{level}*.parquet")) or bool(_metadata(folder))


def open_local(folder: Path, config: str | None) -> list[Table]:
    """Open a data set in a folder, or one Parquet file.

    Raises:
        DataError: it has no such configuration, or cannot be read.
    """
    import datasets

    if folder.is_dir() and (metadata := _metadata(folder)):
        try:
            return _folder_tables(metadata, lambda name: (folder / name).read_bytes())
        except OSError as error:
            raise DataError(f"The metadata in {folder} cannot be read ({error.strerror}).") from error
    if any((folder / name).is_file() for name in _SAVED):
        try:
            saved = datasets.load_from_disk(str(folder))
        except Exception as error:
            raise DataError(f"The data set saved in {folder} cannot be read ({_first_line(error)}).") from error
        splits = saved if isinstance(saved, dict) else {str(saved.split or "train"): saved}
        return [_table(name, split.to_iterable_dataset()) for name, split in splits.items()]
    if folder.is_file():
        return _load("parquet", None, config, str(folder), data_files=[glob.escape(str(folder.absolute()))])
    if glob.has_magic(place := str(folder.absolute())) or "\n" in place:
        raise DataError(
            f"Folder {str(folder)!r} cannot be read while *, ?, [ or a line break is in its path: rename it."
        )
    return _load(place, None, config, str(folder))


def open_hub(name: str, revision: str | None, config: str | None) -> tuple[str, list[Table]]:
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


def read_error(error: Exception, title: str, split: str, row: int) -> AcentoError:
    """Return what an error says that came up while row ``row`` of a split was read."""
    from huggingface_hub.utils import httpx

    if isinstance(error, httpx.HTTPError | ConnectionError | TimeoutError):
        return hub_error(error, "data set", title, None, DataError)
    return DataError(f"Data set {title} cannot be read from row {row} of {split} on ({_first_line(error)}).")


def _load(
    path: str, commit: str | None, config: str | None, title: str, *, raw: bool = False, **options: Any
) -> list[Table]:
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
        names = _configs(path, access, options)
        if names and config not in names and (config is not None or len(names) > 1):
            which = f"no configuration {config!r}" if config else "several configurations"
            raise DataError(f"Data set {title} has {which}: name one with --config, of {', '.join(names)}.") from error
        raise DataError(f"Data set {title} cannot be read ({_first_line(error)}).") from error


def _configs(path: str, access: Mapping[str, Any], options: Mapping[str, Any]) -> list[str]:
    import datasets

    try:
        return list(datasets.get_dataset_config_names(path, **access, **options))
    except Exception:
        return []


def _table(name: str, stream: Any) -> Table:
    """Describe one streamed split."""
    import datasets

    features = stream.features
    if features is None:  # as of CSV and JSON, which have no media in them
        columns: tuple[str, ...] = tuple(next(iter(stream.take(1)), {}))
        return Table(name, columns, lambda wanted: iter(stream.select_columns(list(wanted))))
    audio = tuple(column for column, feature in features.items() if isinstance(feature, datasets.Audio))
    labels = {column: feature.int2str for column, feature in features.items() if hasattr(feature, "int2str")}
    undecoded = stream.decode(False)

    def read(wanted: Sequence[str]) -> Iterator[Row]:
        try:
            yield from undecoded.select_columns(list(wanted))
        except ValueError as error:
            if "BatchSize must be greater than 0" not in str(error):  # which is how a Parquet file without rows ends
                raise

    return Table(name, tuple(features), read, audio, labels)


def _metadata(folder: Path) -> list[str]:
    """Return the metadata files in a folder that name recordings, relative to it."""
    paths = sorted(path for level in _LEVELS for name in METADATA for path in folder.glob(level + name))
    named = []
    for path in paths:
        with path.open("rb") as file:
            if b"file_name" in file.readline(1 << 16):
                named.append(path.relative_to(folder).as_posix())
    return named


def _folder_tables(files: Sequence[str], read: Callable[[str], bytes]) -> list[Table]:
    """Return the splits of an audio folder: a metadata file belongs to the split that its path names, else to train."""
    splits: dict[str, list[str]] = {}
    for file in sorted(files):
        splits.setdefault(_split_in(file), []).append(file)
    tables = []
    for split, names in splits.items():
        rows = [row for name in names for row in _metadata_rows(name, read(name))]
        columns = tuple(dict.fromkeys(column for row in rows for column in row if column != BAD_ROW))
        tables.append(Table(split, columns, lambda _, rows=rows: iter(rows), ("file_name",)))  # type: ignore[misc]
    return tables


def _split_in(path: str) -> str:
    """Return the part of a path that names a split, "train" if none does.

    >>> _split_in("data/validation/metadata.csv"), _split_in("metadata.csv")
    ('validation', 'train')
    """
    for part in posixpath.dirname(path).split("/"):
        try:
            if parse_split(part):
                return part
        except ValueError:
            continue
    return "train"


def _metadata_rows(name: str, data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the rows of a metadata file, ``file_name`` relative to the root of the data set."""
    try:
        text = data.decode("utf-8-sig")
        if name.endswith(".csv"):
            rows: Iterator[Any] = iter(list(csv.DictReader(io.StringIO(text, newline=""), restkey=BAD_ROW)))
        else:
            rows = (_json(line) for line in text.split("\n") if line.strip())
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{name} cannot be read in UTF-8 ({_first_line(error)}).") from error
    for row in rows:
        file = row.get("file_name")
        if BAD_ROW in row or not isinstance(file, str | None):
            yield {BAD_ROW: f"A row of {name} cannot be understood."}
            continue
        yield {**row, "file_name": posixpath.join(posixpath.dirname(name), file) if file else None}


def _json(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        row = None
    return row if isinstance(row, dict) else {BAD_ROW: "It is no JSON object."}


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".") or type(error).__name__
