# Lectern. `make serve` runs it, `make test` tests it; `make` alone lists the rest.
# The work is in the scripts, which say what they do and do it only when something has changed.

VENV_PYTHON := .venv/bin/python
# Python keeps what it has compiled (in __pycache__, which git ignores) even where the environment
# says otherwise: a process that compiles everything anew starts half as fast, and `serve` has many.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help serve test faults soak check bench lock web venv venv-dev components

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

serve: venv ## run everything on this machine, at http://127.0.0.1:8000 (settings: docs/settings.md)
	@deploy/web.sh optional
	@exec $(VENV_PYTHON) -m app serve

test: venv-dev components ## run every test: the web client's, unit, integration, end to end
	@deploy/web.sh required
	@failed=0; (cd web && npm test) || failed=1; $(VENV_PYTHON) -m pytest $(PYTEST_ARGS) || failed=1; exit $$failed

faults: venv-dev components ## break a running server in every way of docs/faults.md, and write that page (root)
	@$(VENV_PYTHON) -m tests.faults $(FAULTS_ARGS)

soak: venv-dev components ## hold lectures for four hours, people coming and going, and see that memory does not grow
	@$(VENV_PYTHON) -m tests.soak $(SOAK_ARGS)

check: venv-dev ## lint, types and layers, of the server and of the web client
	@$(VENV_PYTHON) -m ruff check .
	@$(VENV_PYTHON) -m ruff format --check .
	@$(VENV_PYTHON) -m mypy
	@.venv/bin/lint-imports
	@deploy/web.sh packages
	@cd web && npm run --silent lint && npm run --silent typecheck

bench: venv-dev ## measure the relay beside Janus, and the fan-out of events beside Socket.IO for Node
	@mkdir -p data
	@$(VENV_PYTHON) -m bench.relay --plot data/bench.png $(BENCH_ARGS)
	@$(VENV_PYTHON) -m bench.fanout
	@$(VENV_PYTHON) -m bench.board

web: ## build the web client
	@deploy/web.sh required

lock: venv-dev ## resolve the dependencies anew and lock them with hashes
	@deploy/lock.sh

venv:
	@deploy/venv.sh run

venv-dev:
	@deploy/venv.sh dev

components:
	@tests/setup/components.sh
