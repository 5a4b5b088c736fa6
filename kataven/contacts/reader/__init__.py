"""From the bytes of a list to rows of cells: encoding, delimiter, records.

Does not know phone numbers, and does not judge what it reads.
"""
