"""What decides: how one operation becomes one result, and how a stream is followed.

A flow is a generator. It yields effects (``effects.py``): acquire a slot of the rate limiter, send
this request, sleep. A driver in ``kataven._http`` performs each effect, blocking or awaited, and
sends its result back into the flow. Nothing in this package does I/O, starts a thread, reads the
machine's clock or imports an HTTP library.
"""
