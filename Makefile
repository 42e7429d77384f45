# `make demo` and `make test` set up .venv themselves; all they need is Python 3.10 or later, pip and make.
PYTHON ?= python3
BIN := .venv/bin
LOWEST := .venv-lowest/bin
PYTEST := -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal
DEMO := --data local_data/demo --dataset DIGITS
DISTORTION := -ir 10 -nr 0.1
RUN := -r run0 $(DISTORTION) --no-cuda --epochs 80
METHOD := --aug-model SEP --los-model BOTH
FIGURES := local_data/demo/figures

.PHONY: demo test test-browser test-lowest test-onnx test-slow test-slurm torture clean

demo: $(BIN)/.installed
	$(BIN)/python implicit-augment.py $(DEMO) $(RUN)
	$(BIN)/python implicit-augment.py $(DEMO) $(RUN) $(METHOD) --hyper-opt FIS
	$(BIN)/python implicit-augment.py $(DEMO) $(RUN) --method ReSmooth --rand 2,10
	$(BIN)/python get-results.py $(DEMO) --all --plot $(FIGURES)
	$(BIN)/python get-results.py $(DEMO) $(DISTORTION) $(METHOD) --hyper-opt FIS --audit local_data/demo/audit.html --plot $(FIGURES)
	@echo
	@echo "Look at the table above: test errors of the baseline, of AutoDO (SEP/BOTH FIS) and of ReSmooth (RA/SOFT GMM), one run of each."
	@echo "Look at local_data/demo/audit.html in a browser, where wrong labels come first, and at the figures in $(FIGURES)."
	@echo "Try next: $(BIN)/python implicit-augment.py --method AutoDO -ir 10 -nr 0.1, or your own pictures as README.md says."

test: $(BIN)/.installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python $(PYTEST)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The page of an audit in headless Chromium; `make test` skips it where there is none.
test-browser: $(BIN)/.installed-dev
	@$(BIN)/python -c "import sys, benchmarks.chromium as b; sys.exit(not b.find_chromium() and 'no Chromium here: apt-get install chromium')"
	$(BIN)/python -m pytest tests/test_page_in_browser.py

# With the lowest versions that the requirements allow.
test-lowest: $(LOWEST)/.installed
	OMP_NUM_THREADS=1 $(LOWEST)/python $(PYTEST)

# With the optional packages for ONNX files.
test-onnx: $(BIN)/.installed-dev
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-onnx.txt
	$(BIN)/python -m pytest tests/hyperopt/report/test_network_out.py -k onnx

test-slow: $(BIN)/.installed-dev
	$(BIN)/python -m pytest -m slow

# The queue on a real SLURM of one node, which the tests start and stop; they are skipped where there is none.
test-slurm: $(BIN)/.installed-dev
	$(BIN)/python -m pytest -m slurm -rs tests/test_slurm.py

torture: $(BIN)/.installed-dev
	$(BIN)/python -m pytest -m torture

clean:
	rm -rf .venv .venv-lowest local_data/demo

$(BIN)/.installed: requirements.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'Python 3.10 or later is needed: make PYTHON=...')"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(BIN)/.installed-dev: $(BIN)/.installed requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

$(LOWEST)/.installed: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv --clear .venv-lowest
	sed -n 's/>=/==/p' $^ > .venv-lowest/lowest.txt
	$(LOWEST)/pip install --quiet --disable-pip-version-check -r .venv-lowest/lowest.txt
	touch $@
