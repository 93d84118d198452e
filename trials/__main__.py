"""`python -m trials <campaign>`: one campaign against the money path, on a database of its own."""

import sys
from collections.abc import Callable
from importlib import import_module

#: Campaign -> the module whose `main(arguments)` runs it and answers an exit code. Loaded when it is asked for.
CAMPAIGNS = {
    "races": "trials.races",
    "crash": "trials.crash",
    "killsweep": "trials.killsweep.command",
    "soak": "trials.soak.command",
    "mutants": "trials.mutants.command",
    "enumeration": "trials.enumeration",
}


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in CAMPAIGNS:
        print(f"usage: python -m trials {'|'.join(CAMPAIGNS)} ...   (--help tells the rest)", file=sys.stderr)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    run: Callable[[list[str]], int] = import_module(CAMPAIGNS[arguments[0]]).main
    return run(arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
