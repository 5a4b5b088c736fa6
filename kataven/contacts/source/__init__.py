"""From anything that can contain contacts to the bytes of a CSV list.

Takes paths, bytes, binary files, rows and tables. Does not read the rows of a file.
"""
