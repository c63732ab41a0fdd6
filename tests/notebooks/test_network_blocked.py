"""The suite itself cannot reach the network: what passes here needs none."""

import os
import socket
import subprocess
import sys
import threading

import nbformat
import pytest
from nbclient import NotebookClient

from tools.no_network.sitecustomize import is_local
from tools.notebooks.book import ROOT

# TEST-NET-1: reserved for documentation, routed nowhere.
OUTSIDE = ("192.0.2.1", 80)

PROBE = f"""
import socket
for attempt in (
    lambda s: s.connect({OUTSIDE!r}),
    lambda s: s.connect_ex({OUTSIDE!r}),
    lambda s: socket.create_connection(("example.org", 80), timeout=1),
):
    try:
        attempt(socket.socket())
    except PermissionError as error:
        print("refused" if "no network" in str(error) else error)
    else:
        print("went out")
"""
REFUSED = ["refused"] * 3
NO_NETWORK = ROOT / "tools" / "no_network"


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (("127.0.0.1", 80), True),
        (("127.9.9.9", 80), True),
        (("::1", 80, 0, 0), True),
        (("localhost", 80), True),
        (("", 0), True),
        (b"\0abstract", True),
        ("/run/some.sock", True),
        (OUTSIDE, False),
        (("10.0.0.1", 80), False),
        (("0x08080808", 53), False),
        (("2001:db8::1", 80, 0, 0), False),
        (("localhost.example.org", 80), False),
    ],
)
def test_what_counts_as_local(address, expected):
    assert is_local(address) is expected


def test_refused_in_this_process(capsys):
    exec(PROBE, {})
    assert capsys.readouterr().out.split() == REFUSED
    with pytest.raises(PermissionError, match="no network"):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", OUTSIDE)


def test_refused_in_a_subprocess_and_in_its_child():
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {PROBE!r}])"
    for code in (PROBE, child):
        run = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
        assert run.stdout.split() == REFUSED


def test_refused_in_a_jupyter_kernel():
    # That the kernel answers at all shows that loopback or Unix sockets work there.
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PROBE)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    assert notebook.cells[0].outputs[0].text.split() == REFUSED


def test_loopback_works():
    with socket.create_server(("127.0.0.1", 0)) as server:
        answer = threading.Thread(target=lambda: server.accept()[0].sendall(b"here"))
        answer.start()
        with socket.create_connection(server.getsockname(), timeout=5) as client:
            assert client.recv(4) == b"here"
        answer.join()
    with socket.create_server(("127.0.0.1", 0)) as server:
        name = ("localhost", server.getsockname()[1])
        socket.create_connection(name, timeout=5).close()


def test_a_hidden_sitecustomize_still_runs(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "print('the other one')", encoding="utf-8"
    )
    path = os.pathsep.join([str(NO_NETWORK), str(tmp_path)])
    run = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert run.stdout.splitlines() == ["the other one", *REFUSED]
