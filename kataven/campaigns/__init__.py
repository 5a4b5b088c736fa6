"""The campaigns layer: what can be done with campaigns, written once as flows.

``operations.py`` builds single requests. ``create.py``, ``pages.py``, ``export.py``, ``watch.py``
and ``run.py`` are flows of several. ``async_client.py`` offers them under the documented names, and
``scripts/make_blocking.py`` writes ``client.py`` from it.
"""
