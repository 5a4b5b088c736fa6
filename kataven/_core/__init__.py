"""How one Hub operation becomes one answer.

Flows (generators) decide, drivers act. What a flow yields is an effect from ``operation.py``; a
driver in ``senders.py`` carries it out, blocking or awaited, and hands back what came of it. Only
the drivers and the stores of the budget do I/O.
"""
