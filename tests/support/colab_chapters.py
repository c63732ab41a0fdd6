"""Runs whole chapters on Colab's Python, each in a fork of one that knows torch.

Started by `Colab.serve`; nothing of the book is imported here. Reads one JSON line a
chapter, [folder, notebook, last], runs its cells and then `last` in IPython, in that
folder, and answers [what `last` left as `told`, the traceback that stopped it].
"""

import json
import multiprocessing
import os
import sys
import traceback
from multiprocessing.connection import Connection

PRELOADED = ["torch", "torchvision.datasets", "matplotlib.pyplot", "nbformat",
             "IPython.core.interactiveshell", "scipy.ndimage"]  # fmt: skip
SECONDS = 900  # on a machine that trains beside the tests


def run(folder: str, notebook: str, last: str) -> object:
    import nbformat
    from IPython.core.interactiveshell import InteractiveShell

    class Shell(InteractiveShell):
        def enable_gui(self, gui: str | None = None) -> None:
            """Figures are shown inline: there is no window to keep alive."""

    os.chdir(folder)
    sys.path[:] = [p for p in sys.path if os.path.dirname(__file__) != p]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    shell = Shell.instance()
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            shell.run_cell(cell.source, store_history=True).raise_error()
    shell.run_cell(last).raise_error()
    return shell.user_ns["told"]


def report(send: Connection, *arguments: str) -> None:
    try:
        send.send([run(*arguments), None])
    except BaseException:  # whatever it is, it is the answer
        send.send([None, traceback.format_exc()])


def main() -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    for line in sys.stdin:
        receive, send = context.Pipe(duplex=False)
        child = context.Process(target=report, args=(send, *json.loads(line)))
        child.start()
        send.close()
        try:
            answer = receive.recv() if receive.poll(SECONDS) else [None, "out of time"]
        except EOFError:
            answer = [None, "the process died"]
        child.kill()
        child.join()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
