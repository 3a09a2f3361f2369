"""Small trees of files in the layouts of corpora, and what a source makes of them."""

from acento.data.sources import Rejection, SourceItem, SourceOptions, open_source


def tree(root, **files):
    """Write files by their paths: text as UTF-8, bytes as they are, None for a recording (never decoded here)."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"audio" if content is None else content if isinstance(content, bytes) else content.encode())
    return root


def read(where, **options):
    """Return the items by id, and (id, reason) of what was rejected; ids are unique."""
    with open_source(str(where), SourceOptions(**options)) as source:
        entries = list(source.items())
    items = {entry.id: entry for entry in entries if isinstance(entry, SourceItem)}
    rejected = [(entry.id, entry.reason) for entry in entries if isinstance(entry, Rejection)]
    assert len(items) + len(rejected) == len(entries)
    return items, sorted(rejected)


def facts(items):
    return {uid: (item.text, item.split, item.speaker) for uid, item in items.items()}
