"""What may be said of the place where files land: a folder, or a URL without secrets."""

import re
from typing import Annotated
from urllib.parse import unquote

from pydantic import AfterValidator

# A name such as s3 or simplecache, before what it is the protocol of or what it is chained to.
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*(://|::)")
_HERE = "file://"


def is_url(place: str | None) -> bool:
    """Say whether a place is a URL, rather than a folder or nothing."""
    return bool(place and _URL.match(place))


def _place(place: str) -> str:
    """Return the place as it is kept: a file URL is the folder that it names."""
    if not is_url(place):
        return place
    hosts = [part.split("/")[0] for part in re.split("://|::", place)]
    if any("@" in host and ":" in host.rsplit("@", 1)[0] for host in hosts):
        raise ValueError(
            "the URL holds a password, and would be told in messages and logs. Leave it out: "
            "fsspec finds it in its own configuration (~/.config/fsspec, or FSSPEC_… variables)"
        )
    if "?" in place or "#" in place:
        raise ValueError(
            "the URL has a part after ? or #, where keys are put that nobody else may see. Leave "
            "it out: such options belong in fsspec's configuration (~/.config/fsspec)"
        )
    if not place.startswith(_HERE):
        return place
    if not place.startswith(f"{_HERE}/"):
        raise ValueError("a file URL has three slashes and a whole path: expected file:///srv/in")
    return unquote(place.removeprefix(_HERE))


Place = Annotated[str, AfterValidator(_place)]
