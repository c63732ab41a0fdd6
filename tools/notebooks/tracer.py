"""Run in a chapter's kernel before its first cell: notes which functions are called.

Appends to the file named by EQUIVAE_STAMP_FILE, once for each function of the package
that is called, {"kind": "call", "path": …, "line": where the function begins,
"during": null}; where the import of a module called it, "during" is [that module, the
line of the statement]. Also {"kind": "import", "path": …} for each module of the
package, and {"kind": "tracer"} first of all. Paths are relative to ROOT. Needs ROOT and
PACKAGE among its globals; `execute` gives them.
"""

import inspect
import json
import os
import sys
import threading

HOME = os.path.join(ROOT, "")  # noqa: F821
FOLDER = os.path.join(HOME, PACKAGE, "")  # noqa: F821
TARGET = os.environ["EQUIVAE_STAMP_FILE"]
seen, importing = set(), [None]  # calls, and frames of modules within one another


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
            importing.append(frame)
            note(kind="import", path=relative(code))
        else:
            importing.pop()
        return
    if event != "call" or not code.co_flags & inspect.CO_OPTIMIZED:
        return  # the body of a class is no function
    module, during = importing[-1], None
    if module is not None:
        during = (relative(module.f_code), module.f_lineno)
    if (code, during) not in seen:
        seen.add((code, during))
        line = code.co_firstlineno
        note(kind="call", path=relative(code), line=line, during=during)


note(kind="tracer")
threading.setprofile(look)
sys.setprofile(look)
