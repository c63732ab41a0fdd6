"""Run in a chapter's kernel before its first cell: notes which functions are called.

Appends to the file named by EQUIVAE_STAMP_FILE, once for each function of the package
that is called: {"kind": "call", "path": …, "line": where the function begins, "during":
the module whose import called it, or null}; and {"kind": "tracer"} first of all. Paths
are relative to ROOT. Needs ROOT and PACKAGE among its globals; `execute` gives them.
"""

import inspect
import json
import os
import sys
import threading

HOME = os.path.join(ROOT, "")  # noqa: F821
FOLDER = os.path.join(HOME, PACKAGE, "")  # noqa: F821
TARGET = os.environ["EQUIVAE_STAMP_FILE"]
seen, importing = set(), [None]  # functions, and modules within one another


def note(**record):
    with open(TARGET, "a", encoding="utf-8") as file:
        print(json.dumps(record), file=file)


def relative(code):
    return code.co_filename.removeprefix(HOME).replace(os.sep, "/")


def look(frame, event, argument):
    code = frame.f_code
    if event not in ("call", "return") or not code.co_filename.startswith(FOLDER):
        return
    if code.co_name == "<module>":
        if event == "call":
            importing.append(relative(code))
        else:
            importing.pop()
    elif event != "call" or not code.co_flags & inspect.CO_OPTIMIZED:
        return  # the body of a class is no function
    elif (code, importing[-1]) not in seen:
        seen.add((code, importing[-1]))
        line, during = code.co_firstlineno, importing[-1]
        note(kind="call", path=relative(code), line=line, during=during)


note(kind="tracer")
threading.setprofile(look)
sys.setprofile(look)
