# The two commands of this project are `make book` and `make test`. Both first
# create .venv (Python 3.11 to 3.14) and install the pinned versions, once.
# While you work: `make check` (a minute), `make execute` (what has become stale).
# README.md has the same commands for people without make, and for PowerShell.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
HTML := _build/html
# Three for two cores: one of them waits for a kernel or a browser most of the time.
JOBS ?= 3
# Where it is set, every worker and kernel compiles the package and the tests anew.
unexport PYTHONDONTWRITEBYTECODE
# `user = true` in someone's pip configuration would install past .venv, and fail.
export PIP_USER := 0

# Asked of every candidate: a pyenv shim or a Debian python without venv exists,
# and fails only when it is run.
USABLE := import sys, venv, ensurepip; \
  sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))

# A .venv belongs to one folder and one Python. When the folder was renamed or moved, or
# that Python is gone, it is made anew.
STALE := $(shell [ ! -e $(INSTALLED) ] || { \
  [ "$$(cat $(INSTALLED))" = "$(CURDIR)" ] && $(BIN)/python -c '$(USABLE)' 2>/dev/null; \
  } || echo yes)
ifeq ($(STALE),yes)
.PHONY: $(INSTALLED)
endif

.PHONY: help book pdf test check lint execute portability clean

help:
	@echo "make book      install once, build the book strictly, check its pages"
	@echo "make pdf       the whole book as one PDF, by Chromium (some minutes); the next"
	@echo "               make book offers it at the foot of its pages"
	@echo "make test      install once, run all tests and every notebook"
	@echo "make check     lint, import contracts, the tests that need no training, kernel"
	@echo "               or browser: a minute"
	@echo "make lint      ruff on the package, tools, tests and notebooks; contracts"
	@echo "make execute   run the chapters that are stale again, store their outputs"
	@echo "               (CHAPTERS='book/01_x.ipynb …' for some, CHAPTERS=--all for all)"
	@echo "make portability  all tests with the oldest and the newest packages, numbers on"
	@echo "               imitated processors (an hour or more, 12 GB in .portability/)"
	@echo "make clean     remove what was built (keeps .venv and data/)"

# jupyter-book build . --all -W --keep-going -n, noting what the pages were made of:
# `make test` looks at these pages as long as nothing of that changes. --all: without it
# the list of references misses what other pages newly cite.
book: $(INSTALLED)
	$(BIN)/python -m tools.pages.site --afresh
	$(BIN)/python -m tools.pages.check_pages $(HTML)
	@echo "The book is built: $(CURDIR)/$(HTML)/index.html"

pdf: $(INSTALLED)
	$(BIN)/python -m tools.pages.pdf

test: $(INSTALLED)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

check: lint
	$(BIN)/python -m pytest tests equivae_lite -m "not slow" -q -n $(JOBS) \
	  --dist loadfile

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo

execute: $(INSTALLED)
	$(BIN)/python -m tools.notebooks.execute $(CHAPTERS)

portability: $(INSTALLED)
	$(BIN)/python -m tools.portability $(WHERE)

clean:
	rm -rf _build .portability .pytest_cache .ruff_cache .import_linter_cache *.egg-info
	find . -name .venv -prune -o -name __pycache__ -type d -exec rm -rf {} +

$(INSTALLED): requirements.txt pyproject.toml
	@if ! [ -w . ]; then \
	  echo "$(CURDIR) cannot be written to: make needs .venv and _build in it." >&2; \
	  echo "Copy or clone the book to a folder of yours." >&2; \
	  exit 1; \
	fi
	@if [ "$(STALE)" = yes ] || ! $(BIN)/python -c '$(USABLE)' >/dev/null 2>&1; then \
	  for python in $(PYTHON) python3.12 python3.13 python3.11 python3.14 python3 python; do \
	    if $$python -c '$(USABLE)' >/dev/null 2>&1; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "No usable Python 3.11 to 3.14 was found (with its venv module). Install" >&2; \
	    echo "one: apt-get install python3-venv (Debian 12 and 13, Ubuntu 24.04)," >&2; \
	    echo "dnf install python3.13 (Fedora), brew install python@3.13 (macOS);" >&2; \
	    echo "or name it: make PYTHON=/path/to/python3.13 book" >&2; \
	    exit 1; \
	  fi; \
	  echo "Creating $(VENV) with $$($$found --version)"; \
	  $$found -m venv --clear $(VENV); \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@echo "$(CURDIR)" > $@
