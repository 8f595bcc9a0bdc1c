# Two commands: `make demo` and `make test`. Everything they need is installed into .venv once.
PYTHON ?= python3.11
PY := .venv/bin/python
REAL ?=
MAKEFLAGS += --jobs=3 # what `make test` installs, side by side
DEMO := $(if $(REAL),demo_real real.data=$(abspath $(REAL)),demo)

.PHONY: demo test lint docs install debian clean

demo: install
	$(PY) -m coldstart experiment=$(DEMO)

test: install debian .venv-bpy5/.installed lint
	$(PY) -m pytest --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

lint: install
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# The docs as a site in outputs/site; a link or a picture that is not there ends it.
docs: install
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build
	@echo "look at it: $(PY) -m http.server --directory outputs/site --bind 127.0.0.1 8000"

install: .venv/.installed

# One torch for everything: the pinned pair is asked for together with the rest, so that nothing replaces it.
.venv/.installed: pyproject.toml Makefile
	$(PYTHON) -m venv .venv
	@echo "Installing into .venv: about 8 GB, some minutes."
	$(PY) -m pip install torch==2.14.1 torchvision==0.29.1 -e '.[render,dev]'
	touch $@

# Debian's Blender tests stage 1 the way `blender -b -P` runs it, its Chromium the pages; where they cannot be installed,
# the tests of them say that they skip.
debian:
	@if command -v blender >/dev/null && command -v chromium >/dev/null && /usr/bin/python3 -c 'import numpy' 2>/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends blender python3-numpy chromium; \
	else echo "make: no blender or chromium, no root: the tests that need Debian's will be skipped"; fi

# Blender 5 as a module: two versions of bpy cannot share an environment. The checkout itself is found from its root.
.venv-bpy5/.installed: Makefile
	$(PYTHON) -m venv .venv-bpy5
	.venv-bpy5/bin/python -m pip install bpy==5.0.1 numpy hydra-core
	touch $@

clean:
	rm -rf .venv .venv-bpy5 outputs build dist *.egg-info
