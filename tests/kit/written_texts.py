"""Texts by id, written as files of the formats that other tools use."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path


def written(folder: Path, name: str, format: str, texts: Mapping[str, str], key: str = "text") -> Path:
    """Write texts (one line each, words parted by single spaces) in a format; return the file.

    Each id is a recording of a second to STM and CTM; ``key`` names the texts where a format has names.
    """
    path = folder / f"{name}.{format}"
    with path.open("w", encoding="utf-8", newline="") as file:
        if format in ("csv", "tsv"):
            rows = csv.writer(file, delimiter="," if format == "csv" else "\t", lineterminator="\n")
            rows.writerows([("id", key), *texts.items()])
        for id_, text in texts.items():
            if format == "jsonl":
                file.write(json.dumps({"audio_filepath": id_, key: text, "duration": 1.0}, ensure_ascii=False) + "\n")
            elif format == "kaldi":
                file.write(f"{id_} {text}\n")
            elif format == "trn":
                file.write(f"{text} ({id_})\n")
            elif format == "stm":
                file.write(f"{id_} 1 nobody 0.00 1.00 {text}\n")
            elif format == "ctm":
                words = text.split()
                file.writelines(
                    f"{id_} 1 {place / len(words):.6f} {1 / len(words):.6f} {word}\n"
                    for place, word in enumerate(words)
                )
    return path
