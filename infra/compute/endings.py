"""Why a run of a work pool ended, from what Prefect and its worker say, in words that tell how to mend it."""

import re
from urllib.parse import unquote

from acento.core.errors import own_line

_KNOWN: tuple[tuple[str, str], ...] = (
    (
        r'No such image: (?P<local>[^"\s)]+)|images/create\?tag=(?P<tag>\S*?)&fromImage=(?P<remote>[^\s:]+)',
        "the image {image} is neither on the worker's Docker host nor to be pulled: build it there as "
        "docs/how-to/docker.md says, or name another with the job variable `image`",
    ),
    (
        r"status code:? -9|SIGKILL|status code 137",
        "its process was killed: by hand, or because it needs more memory than its container or machine has; then give "
        "it more (the job variable `mem_limit` of a Docker pool), or make batches smaller",
    ),
    (
        r"Could not connect to Docker",
        "the worker cannot reach a Docker engine: start one, or set DOCKER_HOST where the worker runs",
    ),
)


def in_plain_words(said: str) -> str:
    """Return how a run ended for a person; what is not known as it was said, of a traceback its own line.

    >>> in_plain_words('ImageNotFound: 404 Client Error for http+docker: Not Found ("No such image: acento:cuda")')[:60]
    "the image acento:cuda is neither on the worker's Docker host"
    >>> in_plain_words("500 Server Error for http+docker://localhost/images/create?tag=x&fromImage=a%2Fb: no")[:15]
    'the image a/b:x'
    >>> in_plain_words("Flow run infrastructure exited with non-zero status code 137.")[:22]
    'its process was killed'
    >>> in_plain_words("something new")
    'something new'
    >>> in_plain_words("Flow run failed: Traceback (most recent call last):\\n  File x\\nKeyError: 'rate'")
    "KeyError: 'rate'"
    """
    for pattern, words in _KNOWN:
        if found := re.search(pattern, said):
            names = found.groupdict(default="")
            return words.format(image=names.get("local") or unquote(f"{names.get('remote')}:{names.get('tag')}"))
    return own_line(said) if "Traceback (most recent call last)" in said else said
