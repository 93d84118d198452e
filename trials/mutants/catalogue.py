"""Every planted mistake, in the order of the report: from the database up to the people who decide."""

from trials.mutants.known import book, orders, payments, people, rail
from trials.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *book.MUTANTS,
    *rail.MUTANTS,
    *payments.MUTANTS,
    *orders.MUTANTS,
    *people.MUTANTS,
)
