"""The campaigns layer: what can be done with campaigns, written once and driven twice.

``operations.py`` builds requests, ``recipes.py`` puts several together, ``client.py`` and
``async_client.py`` offer both under the documented names.
"""
