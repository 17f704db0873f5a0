# Two commands matter: `make run` (chat with your documents) and `make test`.
DOCS ?= data
PORT ?= 8000
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test check format setup models

setup:
	@$(PYTHON) scripts/setup.py

models: setup
	@$(BIN)/footnote models fetch

run: models
	@$(BIN)/footnote chat --docs "$(DOCS)" --port $(PORT)

test: models
	@$(BIN)/python -m pytest

check: setup
	@$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy

format: setup
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .
