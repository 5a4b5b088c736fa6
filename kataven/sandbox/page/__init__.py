"""The page of the embedded Hub: what a person sees and does in a browser.

Knows how the state of a Hub is shown, and which actions it offers. Must not know how an action is
done: the documented operations and the handler of ``/_sandbox/`` do it. Nothing comes from outside,
and there is no build step: HTML from here, plain CSS and JavaScript from ``static``.
"""
