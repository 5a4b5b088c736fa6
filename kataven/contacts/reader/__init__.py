"""From the bytes of a list to rows of cells: encoding, delimiter, records.

Knows nothing of phone numbers, and does not judge what it reads.
"""
