"""The files of a page, as they lie in folders of the package."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

#: Of visitors; other pages have its style and some of its code.
VISITORS_PAGE = Path(__file__).parents[1] / "page"
KINDS = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}


class Files:
    """What is served, by path.

    Args:
        folder: of the page; its `index.html` is "/".
        others: files of other folders that the page needs as well.
    """

    def __init__(self, folder: Path, *others: Path) -> None:
        """Look what there is."""
        found = [*folder.iterdir(), *others]
        self._files = {f"/{path.name}": path for path in found if path.suffix in KINDS}
        self._files["/"] = self._files.pop("/index.html")

    @property
    def paths(self) -> list[str]:
        """Under which something is served."""
        return list(self._files)

    def response(self, path: str) -> web.Response:
        """Return one of them."""
        file = self._files[path]
        kind = KINDS[file.suffix]
        return web.Response(body=file.read_bytes(), content_type=kind, charset="utf-8")
