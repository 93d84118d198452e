"""A statement as M-Pesa's portal writes it, with whatever cells and in whatever form."""

import csv
import datetime as dt
import io

from goldwallet.clock import NAIROBI
from payments.rails.daraja.statement import read_statement

HEADINGS = [
    "Receipt No.",
    "Completion Time",
    "Initiation Time",
    "Details",
    "Transaction Status",
    "Paid In",
    "Withdrawn",
    "Balance",
    "Balance Confirmed",
    "Reason Type",
    "Other Party Info",
    "Linked Transaction ID",
    "A/C No.",
]
PREAMBLE = [
    ["Organization Statement"],
    ["Organization:", "GOLD WALLET LTD"],
    ["Short Code:", "174379"],
    ["Account:", "Utility Account"],
    ["Time Period:", "From 20-11-2026 00:00:00 To 21-11-2026 23:59:59"],
    [],
]
PAID = {
    "Receipt No.": "UKL7A2B3C4",
    "Completion Time": "21-11-2026 10:30:15",
    "Initiation Time": "21-11-2026 10:30:10",
    "Details": "Pay Bill Online from 25474****920 - JANE DOE Acc. GW7K2",
    "Transaction Status": "Completed",
    "Paid In": "1,500.00",
    "Withdrawn": "",
    "Balance": "251,500.00",
    "Balance Confirmed": "true",
    "Reason Type": "Pay Bill Online",
    "Other Party Info": "25474****920 - JANE DOE",
    "Linked Transaction ID": "",
    "A/C No.": "GW7K2",
}
SENT = {
    **PAID,
    "Receipt No.": "UKK1A2B3C4",
    "Completion Time": "2026-11-20 09:00:00",
    "Initiation Time": "2026-11-20 08:59:58",
    "Details": "Business Payment to 254712345678 - JANE DOE via API",
    "Paid In": "",
    "Withdrawn": "-2,000.00",
    "Balance": "-500.00",
    "Reason Type": "Business Payment to Customer via API",
    "A/C No.": "",
}


def written(
    rows, *, delimiter=",", encoding="utf-8", preamble=PREAMBLE, headings=HEADINGS, end="\r\n", quote=0
):
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end, quoting=quote)
    writer.writerows(preamble)
    writer.writerow(headings)
    writer.writerows([row.get(heading, "") for heading in headings] for row in rows)
    return file.getvalue().encode(encoding)


def one(**change):
    """The statement of a single row, with these cells changed."""
    names = {
        plain: heading for heading in HEADINGS for plain in [heading.lower().replace(" ", "_").strip(".")]
    }
    return read_statement(written([{**PAID, **{names[name]: value for name, value in change.items()}}]))


def moment(*parts):
    return dt.datetime(*parts, tzinfo=NAIROBI)
