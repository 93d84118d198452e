"""The ledger at the desk: accounts, transactions, periods of an account, and what each transaction is about."""
