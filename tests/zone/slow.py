"""Local files, reached as far ones are, by a protocol that counts what it is asked."""

from collections import Counter
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.local import LocalFileSystem


class Slow(LocalFileSystem):
    """Files of this machine at slow://, read by fsspec."""

    protocol = ("slow",)
    local_file = False
    cachable = False
    asked: ClassVar[Counter[str]] = Counter()

    @classmethod
    def _strip_protocol(cls, path: Any) -> str:
        return super()._strip_protocol(str(path).removeprefix("slow://"))

    def ls(self, path: str, detail: bool = False, **more: Any) -> Any:
        self.asked["ls"] += 1
        return super().ls(path, detail, **more)

    def open(self, path: str, mode: str = "rb", **more: Any) -> Any:
        self.asked["open"] += 1
        return super().open(path, mode, **more)

    def get_file(self, path1: str, path2: Any, callback: Any = None, **more: Any) -> Any:
        self.asked["get"] += 1
        return super().get_file(path1, path2, **more)


fsspec.register_implementation("slow", Slow, clobber=True)
