# mien: `make demo` shows it, `make test` checks it; both prepare .venv by themselves and need only Python >= 3.11.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
export OMP_NUM_THREADS ?= 1

.PHONY: help install demo demo-train test test-slow coverage lint format types kernels docs wheel bench clean

help:
	@echo "make demo        trained weights on unseen pictures: errors, overlays, 3D, viewers (out/demo)"
	@echo "make demo-train  learn from nothing, in minutes, and see the error fall (out/demo-train)"
	@echo "make test        lint, types, import direction, tests that are not slow"
	@echo "make test-slow   every test, the slow ones too"
	@echo "make coverage    which lines of src the quick tests reach"
	@echo "make bench       all benchmarks; figures go to docs/results"
	@echo "make format      format and mend what ruff can mend"
	@echo "make docs        the documentation site, in site/"
	@echo "make wheel       the package, in dist/"
	@echo "make install     only prepare .venv"
	@echo "make clean       remove .venv, out and caches"

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"mien needs Python 3.11 or newer, found {v[0]}.{v[1]}; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade --constraint constraints.txt pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[detect,video,study,cluster,train,usd,onnx,openvino,view,app]' --group dev --group demo
	@touch $@

install: .venv/.installed

demo: install
	$(BIN)/python examples/demo.py out/demo

demo-train: install
	env -u OMP_NUM_THREADS $(BIN)/python examples/demo_train.py out/demo-train

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/pyright
	$(BIN)/pyright -p tools/strict.json

# Kernels are compiled beside the checks, once, where two processes of tests would compile each for themselves.
kernels: install
	@folder=$$(mktemp -d) && $(BIN)/mien synth crowd --out $$folder/made --count 4 --test 0 --size 128 --workers 1 >/dev/null; \
	    found=$$?; rm -r $$folder; exit $$found

test: install
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint types kernels
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

test-slow: install
	$(BIN)/python -m pytest -n $(WORKERS)

coverage: install
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow" --cov --cov-report=term-missing:skip-covered

format: install
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: install
	for file in benchmarks/bench_*.py; do env -u OMP_NUM_THREADS $(BIN)/python $$file || exit 1; done

docs: install
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group docs
	$(BIN)/zensical build --clean --strict

wheel: install
	$(BIN)/python -m build --outdir dist .

clean:
	rm -rf .venv out site dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
