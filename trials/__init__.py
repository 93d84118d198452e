"""Campaigns against the money path: faults, kills, crashes, races, planted mistakes. `python -m trials --help`."""
