"""A stand-in for Safaricom's M-Pesa: its own program, its own process, its own books. It speaks HTTP only."""
