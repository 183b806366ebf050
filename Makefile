# make demo        see the whole job on the bundled miniature of HRM
# make test        format, lint, types and the default tests
# make test-all    `make test`, and what is too slow for it
# make docs        the pages of the recipes, from the recipes
# make upstream    the recipes on the real trees in $PATCHER_UPSTREAMS, as a table

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO   := .demo/HRM

.PHONY: demo env browser format lint types test test-all quick docs upstream clean

# --- the environment ------------------------------------------------------------------------------

env: $(VENV)/.installed

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev,train]' numpy adam-atan2-pytorch einops tqdm hydra-core wandb \
	  hydra-submitit-launcher huggingface_hub requests
	@touch $@

# --- the demo -------------------------------------------------------------------------------------

demo: env
	@rm -rf $(DEMO) && mkdir -p .demo && cp -r fixtures/hrm $(DEMO)
	@git -C $(DEMO) init --quiet && git -C $(DEMO) add --all && \
	  git -C $(DEMO) -c user.name=demo -c user.email=demo@localhost commit --quiet --message "The tree as it is"
	@printf '\n== 1. A fresh checkout does not start ==\n\n'
	@cd $(DEMO) && if ../../$(BIN)/python -B pretrain.py data_path=none 2>&1 | tail -n 3; then true; fi
	@printf '\n== 2. What patcher would change (patcher apply --diff), without the shim that it copies ==\n\n'
	@$(BIN)/patcher apply $(DEMO) --recipe hrm --diff > .demo/hrm.patch; test $$? -eq 1
	@git -C $(DEMO) apply --check ../hrm.patch
	@awk '/^diff --git/ { show = !/flash_attn_torch/ } show' .demo/hrm.patch
	@printf '\n== 3. Apply it ==\n\n'
	@$(BIN)/patcher apply $(DEMO) --recipe hrm
	@printf '\n== 4. Ten training steps, beside the golden numbers of the miniature ==\n\n'
	@$(BIN)/patcher verify $(DEMO) --recipe hrm --check train --python $(BIN)/python \
	  --golden fixtures/golden/hrm/adam-atan2-pytorch.json

# --- the tests ------------------------------------------------------------------------------------

format: env
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: env
	$(BIN)/mypy

quick: env
	$(BIN)/pytest --numprocesses auto -m "not slow and not upstream and not browser"

test: lint types
	$(BIN)/pytest --numprocesses auto -m "not full and not browser"

# A browser that opens the reports; where none can be installed, their tests say so and are skipped.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || command -v chromium-browser >/dev/null || \
	  { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	    apt-get update --quiet=2 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --yes chromium >/dev/null; } || \
	  echo "There is no Chromium, and it cannot be installed here: the tests in a browser are skipped."

test-all: lint types browser
	$(BIN)/pytest --numprocesses auto

docs: env
	mkdir -p docs/recipes
	for name in $$($(BIN)/patcher list | cut -d' ' -f1); do \
	  $(BIN)/patcher show $$name --format markdown --output docs/recipes/$$name.md || exit 1; done

upstream: env
	$(BIN)/python bench/upstream.py

clean:
	rm -rf .demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
