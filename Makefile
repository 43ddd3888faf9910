# `make` lists the targets. Every target makes .venv first, from the exact versions in requirements.lock.
# TORCH_INDEX may name PyTorch's own index, e.g. https://download.pytorch.org/whl/cpu, which spares Linux gigabytes of CUDA.
# Written for make 3.81 and a plain sh, which is what macOS has.

PYTHON ?= python3
BIN = .venv/bin
READY = .venv/.ready
PEERS = build/peers/bin
TORCH = "$$(grep '^torch==' requirements.lock)" $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))

# One thread per process: two OpenMP threads beside another running process are fifty times slower.
OMP_NUM_THREADS ?= 1
MKL_NUM_THREADS ?= 1
export OMP_NUM_THREADS MKL_NUM_THREADS

.PHONY: help reproduce test test-quick book linkcheck render teach serve bench evidence evidence-sample explorer readme cdn lock set-repository clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install $(TORCH)
	$(BIN)/python -m pip install -r requirements.lock
	$(BIN)/python -m pip install --no-deps --no-build-isolation -e .
	touch $(READY)

reproduce: $(READY) ## one model beside the stored runs, chapter 6, book: three minutes; ALL=1 for all seeds and chapters
	rm -rf build/reproduce
	mkdir -p build/reproduce/notebooks
	$(if $(ALL),$(BIN)/python data_scripts/make_galaxies.py --out data/galaxies.safetensors)
	$(BIN)/python data_scripts/make_evidence.py galaxies-headline $(if $(ALL),,--seeds 0) --out build/reproduce/galaxies-headline.json
	$(if $(ALL),,cp book/[0-9]*.ipynb build/reproduce/notebooks)
	$(BIN)/python book/tools/render.py $(if $(ALL),,--chapter 06_training) --out build/reproduce/notebooks
	$(BIN)/python book/tools/build_book.py --notebooks build/reproduce/notebooks --out build/reproduce
	@$(BIN)/python -m auxvae_lite.study.results --pool build/reproduce/galaxies-headline.json
	@echo "open build/reproduce/_build/html/index.html"

# Two processes share one list of tests; tests/conftest.py puts the cheap ones first and keeps together what has to be.
# pytest's own closing line is the last one.
PROCESSES ?= 2
LINT = $(BIN)/ruff check . && $(BIN)/ruff format --check auxvae_lite data_scripts tests book/tools
TEST = CI=1 $(BIN)/python -m pytest -n $(PROCESSES) --dist loadscope --no-loadscope-reorder

test: $(READY) ## lint, unit tests, doctests, chapters, book, browser; PYTEST="-k name" chooses
	$(LINT)
	$(TEST) --nbval --nbval-current-env --nbval-sanitize-with nbval_sanitize.cfg \
		auxvae_lite tests book/[0-9]*.ipynb $(PYTEST)

test-quick: $(READY) ## lint, twins in step, unit tests, a minute; leaves out kernels, book, browser, sweeps, what trains or is slow
	$(LINT)
	$(TEST) -m "not slow" auxvae_lite tests $(PYTEST)

book: $(READY) ## build the HTML from the committed notebooks
	$(BIN)/python book/tools/build_book.py

linkcheck: $(READY) ## try every outside link (needs a network)
	$(BIN)/jupyter-book build . --builder linkcheck

render: $(READY) ## execute the chapters again and write their .ipynb; CHAPTER=06_training for one, TEXT=1 where no code changed
	$(BIN)/python book/tools/render.py $(if $(CHAPTER),--chapter $(CHAPTER)) $(if $(TEXT),--text)

teach: $(READY) ## bring book/teach up to date with the chapters: student copies, quiz bank, tables
	$(BIN)/python book/tools/make_teach.py

serve: $(READY) ## show the built book on http://localhost:8000
	$(BIN)/python -m http.server --directory _build/html 8000

bench: build/peers/.ready ## measure speed against peers, on a machine that does nothing else; BENCH=--quick to try it
	$(PEERS)/python tests/benchmarks/bench.py $(BENCH)
build/peers/.ready: requirements.lock pyproject.toml tests/benchmarks/requirements.txt
	test -x $(PEERS)/python || $(PYTHON) -m venv build/peers
	$(PEERS)/python -m pip install $(TORCH)
	$(PEERS)/python -m pip install -c requirements.lock -e '.[data]'
	$(PEERS)/python -m pip install --no-deps -r tests/benchmarks/requirements.txt
	touch build/peers/.ready

evidence: $(READY) ## run the experiments behind auxvae_lite/study/results, what is missing of them (eleven hours on two cores)
	$(BIN)/python data_scripts/make_evidence.py
	$(BIN)/python data_scripts/make_pretrained.py
	$(BIN)/python -m auxvae_lite.pages.explorer book/_static/explorer

evidence-sample: $(READY) ## repeat four random runs with their stored seed and settings, and compare (five minutes)
	$(BIN)/python data_scripts/make_evidence.py --sample 4

explorer: $(READY) ## write the explorer page's decoders, as a script and as ONNX, from the pretrained models
	$(BIN)/python -m auxvae_lite.pages.explorer book/_static/explorer

readme: $(READY) ## write the numbers of README.md and book/numbers.md, the picture, the map, and book/authors.md anew
	$(BIN)/python book/tools/update_readme.py
	$(BIN)/python book/tools/make_authors.py

cdn: build/cdn/.ready ## fetch MathJax, reveal.js and the widget manager, so that browser tests can draw without a network
build/cdn/.ready:
	npm install --prefix build/cdn --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
		mathjax@3 reveal.js@5.2.1 requirejs@2 @jupyter-widgets/html-manager@1
	touch build/cdn/.ready

lock: ## remake requirements.lock with the newest versions that pyproject allows; torch stays until its line is edited
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install $(TORCH)
	build/lock/bin/python -m pip install -e '.[book,data,sweep,test]'
	grep '^#' requirements.lock > build/lock/requirements.lock
	build/lock/bin/python -m pip freeze --all --exclude-editable --exclude pip \
		| grep -v -E '^(nvidia|cuda|triton)' | sed 's/+cpu$$//' >> build/lock/requirements.lock
	mv build/lock/requirements.lock requirements.lock

set-repository: $(READY) ## change the repository's address everywhere; URL=https://github.com/OWNER/NAME
	$(BIN)/python book/tools/set_repository.py "$(URL)"

clean: ## remove what make made, except .venv and data
	rm -rf build _build dist .pytest_cache .ruff_cache .hypothesis
