"""A small web service that runs campaigns: upload a list, confirm, follow, pause, stop.

Run it in the folder above this one: ``python -m service``. See ``examples/README.md``.
"""
