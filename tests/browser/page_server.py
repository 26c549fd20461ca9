"""A server of the pages that tests show, and of the files of bmvis, which the browser keeps between tests.

An answer by Playwright costs two processes more, and turns off the cache of the browser: a page takes it twice as long.
"""

from __future__ import annotations

import mimetypes
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

from bmvis.render.html import assets

STRICT = "default-src 'self'"
FILES = ("bmvis.css", "bmvis.js", "bmvis-rows.js")
KEPT = "max-age=3600"


class PageServer(ThreadingHTTPServer):
    """Answer with one page at all paths but those of bmvis' files, or with the files of a site."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = b""
        self.policy = STRICT
        self.site: Path | None = None
        self.files = {name: assets.text(f"bmvis/static/{name}").encode() for name in FILES}
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def show(self, html: str, policy: str = STRICT) -> None:
        """Answer with a page from now on, under a content security policy."""
        self.page, self.policy, self.site = html.encode(), policy, None

    def show_site(self, folder: Path) -> None:
        """Answer with the files of a folder from now on, without a content security policy."""
        self.site = folder

    @property
    def arguments(self) -> list[str]:
        """Return the arguments with which Chromium finds this server at http://localhost, and no other host by name."""
        rules = (f"MAP localhost:80 127.0.0.1:{self.server_port}", "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1")
        return [f"--host-resolver-rules={', '.join(rules)}"]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: PageServer

    def do_GET(self) -> None:
        asked, shown = unquote(self.path.partition("?")[0]).lstrip("/"), self.server
        if asked == "favicon.ico":
            self._answer(204, b"", "image/x-icon")
        elif shown.site is not None:
            file = shown.site / (asked or "index.html")
            found = file.is_file()
            kind = mimetypes.guess_type(file)[0] or "application/octet-stream"
            self._answer(200 if found else 404, file.read_bytes() if found else b"", kind)
        elif asked in shown.files:
            kind = "text/css" if asked.endswith(".css") else "text/javascript"
            self._answer(200, shown.files[asked], kind, {"Cache-Control": KEPT, "Content-Security-Policy": STRICT})
        else:
            headers = {"Content-Security-Policy": shown.policy} if shown.policy else {}
            self._answer(200, shown.page, "text/html; charset=utf-8", {"Cache-Control": "no-store"} | headers)

    def _answer(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        sized = {} if status == 204 else {"Content-Length": str(len(body))}
        for name, value in ({"Content-Type": kind, "Cache-Control": "no-store"} | sized | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Write nothing for a request."""
