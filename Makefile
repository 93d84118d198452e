# Two commands matter: `make run` and `make test`. Both make what they need, from a bare clone.

TOOL := @sh tools/python tools
IN_VENV := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run stop test checks lint fmt types bench soak killsweep mutants lighthouse lock manage shell clean

help: ## Show this list
	@echo "Gold Wallet. Usage: make <target>"
	@sed -n 's/^\([a-z]*\):.*## /  \1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  %-10s %s\n' $$name "$$text"; done

run: ## Serve everything from this terminal; PORT=8000 and SIMULATOR_PORT=8001 move it
	$(TOOL)/run.py

test: ## Run all checks and tests; ARGS="ledger -k post" runs pytest alone, with these
	$(TOOL)/test.py $(ARGS)

checks: ## Run the checks alone: lint, format, types, templates, imports, migrations, deployment
	$(TOOL)/test.py --checks

lint: dev ## Lint the code and the direction of its imports
	$(IN_VENV)/ruff check .
	$(IN_VENV)/lint-imports

fmt: dev ## Format code and templates, and mend what the linter can mend
	$(IN_VENV)/ruff check --fix-only --quiet .
	$(IN_VENV)/ruff format .
	git ls-files '*.html' | xargs $(IN_VENV)/djade --target-version 6.1

types: dev ## Check the types
	$(IN_VENV)/mypy .

bench: dev ## Measure what docs/performance.md tells
	$(IN_VENV)/python -m bench $(ARGS)

lighthouse: ## Have Lighthouse look at the desk (needs Node); ARGS="desk desk_order" for some pages
	$(TOOL)/lighthouse.py $(ARGS)

killsweep: dev ## SIGKILL before and after every statement, commit and call of the money's ways: docs/reliability.md
	$(TOOL)/with_database.py -m trials killsweep $(ARGS)

soak: dev ## Play people, faults, deaths and time against the house; MINUTES=30, ARGS="--seed 7"
	$(TOOL)/with_database.py -m trials soak --minutes $(or $(MINUTES),10) $(ARGS)

mutants: dev ## Plant famous mistakes in scratch copies and see that tests catch them; ONLY=name for one
	$(TOOL)/with_database.py -m trials mutants $(if $(ONLY),--only $(ONLY)) $(ARGS)

lock: ## Compile the locks from requirements*.in; UPGRADE=1 takes newer versions
	$(TOOL)/environment.py lock

manage: ## Run manage.py against the embedded database: make manage ARGS="ledger_verify"
	$(TOOL)/with_database.py manage.py $(ARGS)

shell: ## Open Django's shell against the embedded database
	$(TOOL)/with_database.py manage.py shell

stop: ## Stop an embedded database that was started by hand (`make run` stops its own)
	$(TOOL)/postgres.py stop

clean: ## Remove the environment and ALL local data (asks first; YES=1 does not)
	$(TOOL)/clean.py

.PHONY: dev
dev:
	$(TOOL)/environment.py dev
