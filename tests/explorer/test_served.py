"""The page is served to this machine, to others with a token, and nothing but the page and what it shows can be asked for."""

from __future__ import annotations

import base64
import html
import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from graphtwin.cli.app import app
from graphtwin.explorer.beside import read_beside
from graphtwin.explorer.contents import contents_of
from graphtwin.explorer.page import render
from graphtwin.explorer.server import listening
from graphtwin.report import RunFolder
from tests.explorer.reading import unpacked


@contextmanager
def answering(run: Path, host: str = "127.0.0.1") -> Iterator[str]:
    with listening(run, host) as (server, address):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield address
        finally:
            server.shutdown()
            thread.join()


def asked(address: str, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(address, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def test_the_page_and_what_it_shows_are_served_and_no_file_of_any_folder(finished: Path):
    with answering(finished) as address:
        status, page, _ = asked(address)
        assert status == 200
        assert b'<canvas id="tissue"' in page
        status, block, _ = asked(address + "contents")
        assert status == 200
        assert block == contents_of(str(finished))
        for path in (
            "config.toml",
            "../config.toml",
            "%2e%2e/config.toml",
            "//config.toml",
            "contents/../config.toml",
            "static/explorer.js",
            "pages/1",
            "pages/../config.toml",
        ):
            assert asked(address + path)[0] == 404
        assert asked(address, Host="elsewhere.example")[0] == 403


def test_a_page_beside_the_run_may_run_its_own_script_and_nothing_else(finished: Path, analysis: Path):
    with listening(finished, beside=read_beside(RunFolder.open(finished), [analysis])) as (server, address):
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        status, page, headers = asked(address + "pages/1")
        server.shutdown()
        thread.join()
    assert status == 200
    assert page.startswith(b"<h1>Types</h1>")
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none'")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy


def test_beyond_this_machine_a_token_is_asked_for(finished: Path):
    with answering(finished, "0.0.0.0") as address:
        plain, token = address.replace(socket.gethostname(), "127.0.0.1").split("?token=")
        assert asked(plain)[0] == 403
        assert asked(plain + "?token=" + token[:-1])[0] == 403
        status, _, headers = asked(plain + "?token=" + token)
        assert status == 200
        assert "HttpOnly" in headers["Set-Cookie"]
        assert asked(plain + "contents", Cookie=headers["Set-Cookie"].split(";")[0])[0] == 200
        assert asked(plain + "contents", Cookie="graphtwin_token=wrong")[0] == 403
    with answering(finished, "0.0.0.0") as address:
        assert not address.endswith(token)


def test_a_page_is_written_that_asks_no_host_and_nothing_is_written_over(finished: Path, tmp_path: Path):
    page = tmp_path / "look.html"
    told = CliRunner().invoke(app, ["view", str(finished), "--export", str(page)])
    assert told.exit_code == 0, told.output
    text = page.read_text()
    assert "default-src 'none'" in text
    assert not any(asking in text for asking in ('src="http', 'action="', "<link", "@import"))
    inside = text.split('id="contents">')[1].split("<")[0]
    words, arrays = unpacked(base64.b64decode(inside))
    assert words["name"] == finished.name
    assert arrays["page 0"].tobytes() == (finished / "report.html").read_bytes()
    again = CliRunner().invoke(app, ["view", str(finished), "--export", str(page)])
    assert again.exit_code == 2
    assert "exists, and nothing is written over" in again.output.replace("\n", " ")
    assert CliRunner().invoke(app, ["view", str(finished), "--export", str(page), "--force"]).exit_code == 0


def test_a_page_that_is_written_listens_nowhere(finished: Path, tmp_path: Path):
    told = CliRunner().invoke(app, ["view", str(finished), "--export", str(tmp_path / "look.html"), "--port", "8080"])
    assert told.exit_code == 2
    assert "give one or the other" in told.output.replace("\n", " ")
    assert not (tmp_path / "look.html").exists()


@pytest.mark.parametrize("name", ["look.txt", "look"])
def test_other_endings_are_refused(finished: Path, tmp_path: Path, name: str):
    told = CliRunner().invoke(app, ["view", str(finished), "--export", str(tmp_path / name)])
    assert told.exit_code == 2
    assert "Name a .html file" in told.output.replace("\n", " ")


def test_a_port_that_is_taken_is_told(finished: Path):
    with listening(finished) as (server, _):
        port = server.server_address[1]
        told = CliRunner().invoke(app, ["view", str(finished), "--port", str(port)])
    assert told.exit_code == 2
    assert f"127.0.0.1, port {port}: nothing can listen there" in told.output.replace("\n", " ")


def test_colours_of_angles_meet_and_none_is_that_of_the_paper():
    ramps = json.loads(html.unescape(render("run").split('id="ramps">')[1].split("</script>")[0]))
    for name, flat in ramps.items():
        colours = np.array(flat).reshape(256, 3)
        assert (colours.max(1) > 50).all(), name
        assert (colours.min(1) < 215).all(), name
        if name == "circle":
            assert np.abs(colours[0] - colours[-1]).max() < 5
            assert np.abs(colours[0] - colours[128]).max() > 60
