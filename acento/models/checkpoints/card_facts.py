"""What the model card in a checkpoint's folder says in its front matter, such as the base and the license."""

from pathlib import Path
from typing import Any


def front_matter(folder: Path) -> dict[str, Any]:
    """Return the YAML at the top of a folder's ``README.md``; empty where there is none that can be read."""
    import yaml

    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return {}
    if not text.startswith("---"):
        return {}
    try:
        found = yaml.safe_load(text[3:].partition("\n---")[0])
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}
