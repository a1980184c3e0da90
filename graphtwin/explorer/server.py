"""The explorer of a run on this machine: one page and what it shows, to whoever is on the machine, or to others who know a token."""

from __future__ import annotations

import hmac
import secrets
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from graphtwin.explorer.beside import PageBeside, TableBeside, read_beside
from graphtwin.explorer.contents import contents_of
from graphtwin.explorer.page import render
from graphtwin.explorer.skeletons_shown import SkeletonsShown, skeletons_shown
from graphtwin.report import RunFolder

LOOPBACK = ("127.0.0.1", "localhost")
EVERYWHERE = "0.0.0.0"  # every address of this machine, which has a name by which others know it
# What a page beside the run may do: run its own script and draw its own pictures, and nothing else: it is of no origin and asks nobody.
SANDBOX = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:"
COOKIE = "graphtwin_token"


def serve(
    run: str | Path,
    host: str = "127.0.0.1",
    port: int = 0,
    told: Callable[[str], None] = print,
    further: Sequence[str | Path] = (),
    axons: Sequence[str | Path] = (),
    dendrites: Sequence[str | Path] = (),
    nm_per_unit: tuple[float, float, float] | None = None,
) -> None:
    """Show the explorer of a finished run until it is stopped.

    The page, what it shows and the pages beside the run are answered, which were read before: no other file can be asked for. Where
    others than this machine can reach it, its address holds a token that is drawn anew each time.

    Args:
        run: Folder that `graphtwin run` wrote.
        host: Address to listen at.
        port: Port; 0 takes one that is free.
        told: Is given the address once it answers.
        further: Finished folders with a page, pages, and tables of units or neurons, which stand beside the run in the frame.
        axons: Skeletons of axons that are drawn: files, folders and volumes, as `graphtwin proximity` takes them.
        dendrites: Skeletons of dendrites, as for axons.
        nm_per_unit: Size of one unit along x, y and z, nm, of skeletons that declare none.

    Raises:
        OSError: The address or the port cannot be had.

    Examples:
        >>> graphtwin.explorer.serve("runs/planted")  # doctest: +SKIP
        >>> graphtwin.explorer.serve("nothing")
        Traceback (most recent call last):
            ...
        FileNotFoundError: nothing: no such run folder. Give the folder that `graphtwin run --out` wrote.
    """
    opened = RunFolder.open(run)
    skeletons = skeletons_shown(opened, axons, dendrites, nm_per_unit)
    with listening(run, host, port, read_beside(opened, further), skeletons) as (server, address):
        told(address)
        server.serve_forever()


@contextmanager
def listening(
    run: str | Path,
    host: str = "127.0.0.1",
    port: int = 0,
    beside: Sequence[PageBeside | TableBeside] = (),
    skeletons: SkeletonsShown | None = None,
) -> Iterator[tuple[ThreadingHTTPServer, str]]:
    """A server that listens and answers nobody yet, and the address of its page.

    Args:
        run: Folder that `graphtwin run` wrote.
        host: Address to listen at.
        port: Port; 0 takes one that is free.
        beside: What stands beside the run, as `read_beside` gives it.
        skeletons: Skeletons of some of its neurons.
    """
    token = "" if host in LOOPBACK else secrets.token_urlsafe(24)
    answers: dict[str, tuple[str, bytes] | tuple[str, bytes, str]] = {
        "/": ("text/html; charset=utf-8", render(Path(run).resolve().name).encode()),
        "/contents": ("application/octet-stream", contents_of(str(run), beside, skeletons=skeletons)),
    }
    framed = {f"/pages/{at}": one.html for at, one in enumerate(beside) if isinstance(one, PageBeside)}
    answers |= {path: ("text/html; charset=utf-8", html.encode(), SANDBOX) for path, html in framed.items()}
    try:
        server = ThreadingHTTPServer((host, port), type("Handler", (_Handler,), {"answers": answers, "token": token}))
    except OSError as error:
        raise OSError(f"{host}, port {port}: nothing can listen there ({error.strerror}). Name another --host or --port.") from error
    server.daemon_threads = True
    with server:
        named = socket.gethostname() if host == EVERYWHERE else host
        yield server, f"http://{named}:{server.server_address[1]}/" + (f"?token={token}" if token else "")


class _Handler(BaseHTTPRequestHandler):
    """Answers what it was given, and nothing else."""

    answers: dict[str, tuple[str, bytes] | tuple[str, bytes, str]]
    token: str

    def do_GET(self) -> None:
        try:
            asked = urlsplit(self.path)
        except ValueError:
            return self._answer(HTTPStatus.BAD_REQUEST, "text/plain; charset=utf-8", b"That is no address.")
        if not self._may(parse_qs(asked.query).get("token", [""])[0]):
            words = "Open the address that graphtwin view printed, with its token." if self.token else "Open the address that was printed."
            return self._answer(HTTPStatus.FORBIDDEN, "text/plain; charset=utf-8", words.encode())
        if asked.path not in self.answers:
            return self._answer(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"Nothing is here.")
        return self._answer(HTTPStatus.OK, *self.answers[asked.path])

    def _may(self, given: str) -> bool:
        """Whether the token is known; without one, whether the page was asked for by a name of this machine."""
        if not self.token:
            return self.headers.get("Host", "").rsplit(":", 1)[0] in LOOPBACK
        try:
            held = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            held = None
        return any(hmac.compare_digest(one.encode(), self.token.encode()) for one in (given, held.value if held else ""))

    def _answer(self, status: HTTPStatus, kind: str, body: bytes, policy: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        if policy:
            self.send_header("Content-Security-Policy", policy)
        if self.token and status == HTTPStatus.OK:
            self.send_header("Set-Cookie", f"{COOKIE}={self.token}; HttpOnly; SameSite=Strict")
        with suppress(ConnectionError):  # a browser that went on
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is printed for a request."""
