# `make demo` and `make test` set up .venv themselves; all they need is Python 3.10 or later, pip and make.
PYTHON ?= python3
BIN := .venv/bin
DEMO := --data local_data/demo --dataset DIGITS -ir 10 -nr 0.1

.PHONY: demo test test-slow lint clean

demo: $(BIN)/.installed
	$(BIN)/python implicit-augment.py $(DEMO) -r run0
	$(BIN)/python implicit-augment.py $(DEMO) -r run0 --aug-model SEP --los-model BOTH --hyper-opt HES
	$(BIN)/python get-results.py $(DEMO) --all --plot local_data/demo/figures

test: $(BIN)/.installed-dev lint
	$(BIN)/python -m pytest

test-slow: $(BIN)/.installed-dev
	$(BIN)/python -m pytest -m slow

lint: $(BIN)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv local_data/demo

$(BIN)/.installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(BIN)/.installed-dev: $(BIN)/.installed requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
