"""Serves Data Docs and dbt's docs on this machine: pages that are made, and no file of the disk."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from assetops.dbt.docs import POLICY
from assetops.errors import AssetOpsError
from assetops.quality.data_docs import SAFE, DataDocs

LOOPBACK = "127.0.0.1"
# A page of another site that had its name point here could read failing rows.
_HOSTS = {LOOPBACK, "localhost"}


# Below this are dbt's docs, one for each release.
DBT = "/dbt/"


def serve(docs: DataDocs, dbt_docs: Callable[[str], str | None], port: int) -> ThreadingHTTPServer:
    """Answer on the loopback address from now on, in a thread that ends with the process.

    Raises `AssetOpsError` if somebody has the port.
    """
    # Great Expectations' renderers are not made for several threads.
    one_at_a_time = threading.Lock()

    def page(path: str) -> str | None:
        with one_at_a_time:
            return dbt_docs(path) if path.startswith(DBT) else docs.page(path)

    handler = type("Handler", (_Handler,), {"page": staticmethod(page)})
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), handler)
    except OSError as error:
        raise AssetOpsError(
            f"{LOOPBACK}:{port}, for Data Docs, cannot be used: {error.strerror}. Set "
            f"ASSETOPS_DATA_DOCS_URL=http://{LOOPBACK}:{port + 1} to take another."
        ) from None
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="data-docs", daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD."""

    server_version = "DataDocs"
    sys_version = ""

    # Returns the page at a path, if there is one.
    page: Callable[[str], str | None]

    def do_GET(self) -> None:
        """Answer with the page."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without the page."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the terminal for what a person has to know."""

    def _answer(self, *, with_body: bool) -> None:
        status, text = self._found()
        body = text.encode()
        self.send_response(status)
        kind = "text/html" if status is HTTPStatus.OK else "text/plain"
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        scripted = status is HTTPStatus.OK and self._path().startswith(DBT)
        self.send_header("Content-Security-Policy", POLICY if scripted else SAFE)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def _path(self) -> str:
        return unquote(urlsplit(self.path).path)

    def _found(self) -> tuple[HTTPStatus, str]:
        if self.headers.get("Host", "").rsplit(":", 1)[0] not in _HOSTS:
            return HTTPStatus.FORBIDDEN, f"Data Docs answer at http://{LOOPBACK} only.\n"
        try:
            page = self.page(self._path())
        except Exception as error:
            # A thread's stack trace would go to the terminal of whoever started it.
            return HTTPStatus.INTERNAL_SERVER_ERROR, f"This page could not be made: {error!r}\n"
        if page is None:
            return HTTPStatus.NOT_FOUND, "There is no such page. Begin at /\n"
        return HTTPStatus.OK, page
