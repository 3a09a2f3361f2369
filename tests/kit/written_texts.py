"""Texts by id, written as files of the formats that other tools use."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path


def written(folder: Path, name: str, format: str, texts: Mapping[str, str], key: str = "text") -> Path:
    """Write texts (one line each, words parted by single spaces) in a format; return the file.

    Each id is a recording of a second to STM, CTM, SegLST, and RTTM, which has no texts; ``key`` names the texts where
    a format has names.
    """
    path = folder / f"{name}.{format}"
    with path.open("w", encoding="utf-8", newline="") as file:
        if format in ("csv", "tsv"):
            table = csv.writer(file, delimiter="," if format == "csv" else "\t", lineterminator="\n")
            table.writerows([("id", key), *texts.items()])
        for id_, text in texts.items():
            if format == "jsonl":
                file.write(json.dumps({"audio_filepath": id_, key: text, "duration": 1.0}, ensure_ascii=False) + "\n")
            elif format == "kaldi":
                file.write(f"{id_} {text}\n")
            elif format == "trn":
                file.write(f"{text} ({id_})\n")
            elif format == "stm":
                file.write(f"{id_} 1 nobody 0.00 1.00 {text}\n")
            elif format == "rttm":
                file.write(f"SPEAKER {id_} 1 0.00 1.00 <NA> <NA> nobody <NA> <NA>\n")
            elif format == "ctm":
                words = text.split()
                file.writelines(
                    f"{id_} 1 {place / len(words):.6f} {1 / len(words):.6f} {word}\n"
                    for place, word in enumerate(words)
                )
        if format == "seglst":
            times = {"start_time": 0.0, "end_time": 1.0}
            rows = [{"session_id": id_, "speaker": "nobody", **times, "words": text} for id_, text in texts.items()]
            json.dump(rows, file, ensure_ascii=False, indent=1)
    return path
