"""From anything that can hold contacts to the bytes of a CSV list.

Paths, bytes, binary files, rows and tables. Does not read the rows of a file.
"""
