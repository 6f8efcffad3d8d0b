# make demo: a portrait in motion before another background, demo.mp4
# make test: style, types and tests, but for those that take long
# make test-all: the long tests as well
# make live: webcam, background blurred, in a window

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

demo: $(VENV)/demo
	$(BIN)/python run.py demo: -o demo.mp4 -y --effect 'replace=#2a6f97'

live: $(VENV)/demo
	$(BIN)/python run.py

test: SELECTED := -m "not long"
test test-all: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder \
		--max-worker-restart 0 --durations 30 $(SELECTED)

$(VENV)/demo $(VENV)/dev: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[$(notdir $@)]'
	touch $@

.PHONY: demo live test test-all
