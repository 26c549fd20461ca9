# `make demo` and `make test` do their own set-up in .venv; a second run finds it ready. `make help` lists the rest.
PYTHON  ?= python3
BIN     := .venv/bin
BUILT   := demo_docs/_build
PINS    := constraints/dev.txt
OLD     := .venv-opendelta
RELEASE := .venv-release
ELSEWHERE := --ignore=tests/opendelta --ignore=tests/browser
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(PINS)

.PHONY: help demo test test-browser test-builds test-libraries test-matrix test-hosts test-opendelta test-wheel test-mutated test-interrupted test-tables bench gallery rows lint format mutation pins screenshots clean figures
.DEFAULT_GOAL := help

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' $(MAKEFILE_LIST) | sort | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

demo: .venv/demo ## Build both demo sites and print where to open them
	$(BIN)/sphinx-build -q -W --keep-going demo_docs/sphinx $(BUILT)/sphinx
	cd demo_docs/mkdocs && NO_MKDOCS_2_WARNING=1 ../../$(BIN)/mkdocs build --strict --site-dir ../_build/mkdocs
	@echo "Sphinx: file://$(CURDIR)/$(BUILT)/sphinx/index.html"
	@echo "MkDocs: file://$(CURDIR)/$(BUILT)/mkdocs/index.html"

test: lint ## Run the checks and the tests, except those of the next targets; ARGS="-k fold" picks some
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -q -n 2 --dist loadfile -m "not builds" $(ELSEWHERE) $(ARGS)

test-browser: .venv/dev ## Test what readers do with trees, figures, galleries and tables in Chromium
	.ci/chromium
	$(BIN)/pytest -q -m "not builds" tests/browser $(ARGS)

test-builds: .venv/dev ## Test what needs hundreds of sites and models, or other tools: edits, themes, hostile factories, Zensical
	.ci/chromium
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest -q -n 2 --dist loadfile -m builds $(ARGS)

test-opendelta: .venv/dev $(OLD)/ready ## Compare the trees of OpenDelta itself with the source document's
	$(BIN)/pytest -q tests/opendelta $(ARGS)

test-wheel: .venv/dev $(RELEASE)/ready ## Build the sdist and the wheel in dist/, check them, and test the installed wheel
	.ci/wheel

test-tables: .venv/dev ## Build tables of 60 models with own columns on both hosts and in PDF
	BMVIS_TABLE_ROWS=60 $(BIN)/pytest -q tests/test_large_tables.py $(ARGS)

test-interrupted: .venv/dev ## End 40 builds by signals at random times, and compare the next builds with clean ones
	BMVIS_INTERRUPTIONS=40 $(BIN)/pytest -q -n 2 tests/test_interruptions.py $(ARGS)

bench: .venv/dev .venv/bench .venv/neighbors ## Measure bmvis and other tools, and check the targets; ARGS="peers sizes sites public builds architectures" picks some
	PYTHONPATH=.venv/bench:tests $(BIN)/python tests/benchmarks $(ARGS)

gallery: .venv/demo ## A gallery and a table of all of transformers' architectures, in build/gallery; ARGS="bert gpt2" picks some
	$(BIN)/python tests/benchmarks/gallery.py build/gallery $(ARGS)

lint: .venv/dev ## Check format, style, types, the directions of imports, the wording, and the files for GitHub
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/prose.py
	$(BIN)/python .ci/schemas.py

format: .venv/dev ## Write the code as ruff wants it
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

test-libraries: .venv/libraries .venv/adapterhub ## Test against quantization libraries, Keras and AdapterHub, in folders of their own
	PYTHONPATH="$(CURDIR)/.venv/libraries" $(BIN)/pytest -q tests/bmvis/extraction/test_quantized.py tests/bmvis/extraction/test_keras.py tests/bmvis/extraction/test_adapters_peft.py tests/bmvis/view/test_param_groups.py
	PYTHONPATH="$(CURDIR)/.venv/adapterhub" $(BIN)/pytest -q tests/bmvis/extraction/test_adapters.py

test-matrix: test-hosts ## Test the oldest hosts that are supported, more neighbors, and other Pythons
	.ci/pythons 3.10 3.12 3.13 3.14

test-hosts: .venv/oldest-sphinx .venv/oldest-mkdocs .venv/neighbors .venv/myst ## Test the oldest hosts that are supported, and more neighbors
	PYTHONPATH="$(CURDIR)/.venv/oldest-sphinx" $(BIN)/pytest -q -n 2 tests/sphinx_bmvis tests/test_hosts_agree.py
	PYTHONPATH="$(CURDIR)/.venv/oldest-mkdocs" $(BIN)/pytest -q -n 2 tests/mkdocs_bmvis tests/browser/test_navigation.py tests/browser/test_offline.py -k "not zensical and not properdocs"
	PYTHONPATH="$(CURDIR)/.venv/neighbors" $(BIN)/pytest -q tests/sphinx_bmvis/test_notebook_pages.py tests/sphinx_bmvis/test_nbsphinx.py tests/sphinx_bmvis/test_external_toc.py tests/sphinx_bmvis/test_api_pages.py tests/sphinx_bmvis/test_source_document.py tests/sphinx_bmvis/test_versions.py tests/mkdocs_bmvis/test_jupyter.py tests/mkdocs_bmvis/test_more_plugins.py tests/bmvis/cli/test_myst.py tests/test_public_sites.py

figures: .venv/dev .venv/rows ## Draw the figures of 50 architectures at four levels, and check them; ARGS="bert t5" picks some
	PYTHONPATH=.venv/rows $(BIN)/python tests/drawings $(ARGS)

rows: .venv/dev .venv/rows ## Count the rows of the models of torchvision, timm and transformers; ARGS="timm" picks some
	PYTHONPATH=.venv/rows $(BIN)/python tests/rows $(ARGS)

test-mutated: .venv/dev ## Read 100,000 snapshots, cache entries, replies and checkpoints that are broken at random, and draw random models
	BMVIS_MUTATIONS=100000 $(BIN)/pytest -q tests/test_mutated_input.py $(ARGS)
	BMVIS_EXAMPLES=400 $(BIN)/pytest -q tests/bmvis/extraction/test_totals.py tests/bmvis/extraction/test_against_torch.py tests/bmvis/view/test_layout_properties.py tests/bmvis/view/test_similar.py

mutation: .venv/dev ## Plant 40 small bugs and list those that no test catches; ARGS="--seed 7" picks others
	$(BIN)/python tests/mutation $(ARGS)

screenshots: .venv/dev ## A picture per theme and scheme, in build/screenshots
	PYTHONPATH=tests:tests/mkdocs_bmvis $(BIN)/python tests/browser/shoot.py build/screenshots

pins: ## Update the constraints to the newest releases, except torch's
	.ci/pins $(PYTHON) $(PINS)

clean: ## Remove what the other targets made
	rm -rf .venv .venv-* build dist $(BUILT)

# The constraints pin torch: without them the newest release is installed, with gigabytes of CUDA.
.venv/demo: .venv/pip pyproject.toml $(PINS)
	$(INSTALL) --editable '.[sphinx,mkdocs,torch]' --group demo
	@touch $@

.venv/dev: .venv/pip pyproject.toml $(PINS)
	$(INSTALL) --editable '.[sphinx,mkdocs,torch]' --group dev
	@touch $@ .venv/demo

# In folders of their own: PEFT and transformers import whatever they find, AdapterHub needs an older transformers,
# and marimo pins older releases of what MkDocs uses.
.venv/libraries .venv/adapterhub .venv/bench .venv/rows .venv/neighbors .venv/oldest-sphinx .venv/oldest-mkdocs: .venv/%: .venv/dev constraints/%.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $@ -r constraints/$*.txt
	@touch $@

# mystmd is a program for Node.js, in one file. Without npm, its test is skipped.
.venv/myst: constraints/myst.txt
	if command -v npm >/dev/null; then npm install --no-audit --no-fund --silent --prefix $@ "$$(cat $<)"; fi
	@mkdir -p $@ && touch $@

# OpenDelta works with an old transformers only. It imports `turtle`, and that Tk.
$(OLD)/ready: constraints/opendelta.txt
	.ci/tkinter $(PYTHON)
	$(PYTHON) -m venv $(OLD)
	$(OLD)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

$(RELEASE)/ready: constraints/release.txt
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $<
	@touch $@

.venv/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "The pinned releases need Python 3.11 or newer, this is $$($(PYTHON) --version): make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv .venv || { \
	  echo "This Python makes no virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	$(INSTALL) pip
	@touch $@
