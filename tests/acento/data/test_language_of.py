"""The language that a data set's clips have in common: regions and kinds of code are no other languages."""

from pathlib import Path

import pytest
from recordings import put

from acento.core.store import LocalStore
from acento.data.dataset import language_of
from acento.data.staging import stage


@pytest.mark.parametrize(
    ("languages", "common"),
    [
        (("es-CL", "es-AR"), "es"), (("es", "es-CL"), "es"), (("es", "spa"), "es"), (("nb-NO", "nb"), "nb"),
        (("es", "en"), None), (("zh-Hans", "yue"), None), (("es", ""), None),
    ],
)  # fmt: skip
def test_the_language_of_a_set_is_that_of_all_its_clips(
    tmp_path: Path, languages: tuple[str, str], common: str | None
) -> None:
    (folder := tmp_path / "in").mkdir()
    rows = ["uid,file_name,text,language"]
    for number, language in enumerate(languages):
        put(folder, f"c{number}", number, seconds=0.5)
        rows.append(f"c{number},c{number}.wav,uno dos {number},{language}")
    (folder / "test_files.csv").write_text("\n".join(rows) + "\n")
    store = LocalStore(tmp_path / "store")
    card = stage(store, str(folder), "set", workers=0).card
    assert language_of(store, card, ["test"]) == common
