# `make demo` and `make test` need Python 3.10+, make and git; they set up the rest in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test screenshots clean
help: ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*##/ —/'

.venv/ready: constraints/dev.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --no-deps -r constraints/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

demo: .venv/ready ## Build both demo sites and print where to open them
	$(BIN)/sphinx-build -q -W --keep-going demo_docs/sphinx demo_docs/_build/sphinx
	cd demo_docs/mkdocs && NO_MKDOCS_2_WARNING=1 ../../$(BIN)/mkdocs build -q --strict --site-dir ../_build/mkdocs
	@echo "Sphinx: file://$(CURDIR)/demo_docs/_build/sphinx/index.html"
	@echo "MkDocs: file://$(CURDIR)/demo_docs/_build/mkdocs/index.html"

test: .venv/ready ## Format, lint, types, import rules, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -q -n 2 --dist loadfile

screenshots: .venv/ready ## A picture per theme and scheme, in build/screenshots
	PYTHONPATH=tests $(BIN)/python tests/browser/shoot.py build/screenshots

clean: ## Remove what the other targets made
	rm -rf .venv build demo_docs/_build
