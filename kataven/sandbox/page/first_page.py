"""The page as it is first sent, with its data, so that it is complete before any script runs.

Knows which parts of the state fill which marks. Must not know HTTP.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from kataven.sandbox.http import routes
from kataven.sandbox.model import outcomes
from kataven.sandbox.model.contacts import CONTACT_STATUSES
from kataven.sandbox.page import markup, presets
from kataven.sandbox.page.files import files
from kataven.sandbox.page.markup import Html, options, rows
from kataven.sandbox.page.snippets import snippets

if TYPE_CHECKING:
    from kataven.sandbox.page.view import View

_TITLES = {"python": "Python", "curl": "curl", "cli": "Command line"}


def render(view: View, url: str, token: str, account: str | None) -> bytes:
    """Return the page.

    Args:
        view: The view of the Hub.
        url: The Hub's address.
        token: The token of the page.
        account: Only this account, or None for all.
    """
    state = view.state(account, None)
    names = [(name, name) for name in view.account_names()]
    values: dict[str, str | bool] = {
        "token": token,
        "url": url,
        "preloads": _preloads(),
        "account_options": options([("", "All accounts"), *names]),
        "create_account_options": options(names),
        "status_options": options((one, one.replace("_", " ")) for one in CONTACT_STATUSES),
        "error_options": options((one, one.replace("_", " ")) for one in outcomes.WORDS),
        "preset_options": _presets(),
        "kind_options": _kinds(),
        "match_options": options((one, one) for one in routes.described().split(", ")),
        "keys": rows("key", state["keys"]),
        "snippet_blocks": _snippets(url, view.first_key),
        "campaigns": rows("campaign", state["campaigns"]),
        "limits": rows("limit", state["limits"]),
        "faults": rows("fault", state["faults"]),
        "twice_rows": rows("twice", state["twice"]["rows"]),
    }
    for scope in ("hub", "twice"):
        values |= {f"{scope}.{name}": value for name, value in state[scope].items()}
    return markup.page(values)


def _preloads() -> Html:
    # All scripts at once, instead of each after the one that imports it.
    names = sorted(name for name in files() if name.endswith(".js"))
    links = (f'<link rel="modulepreload" href="/_page/{name}">' for name in names)
    return Html("\n".join(links))


def _presets() -> Html:
    return Html(
        "".join(
            "<option"
            + "".join(
                f' data-{name.replace("_", "-")}="{html.escape(getattr(one, name))}"'
                for name in ("match", "kind", "times", "retry_after")
            )
            + f' data-value="{html.escape(one.value)}" value="{place}">'
            + f"{html.escape(one.label)}</option>"
            for place, one in enumerate(presets.PRESETS)
        )
    )


def _kinds() -> Html:
    return Html(
        "".join(
            f'<option value="{kind}" data-value="{html.escape(value)}">'
            f"{kind.replace('_', ' ')}</option>"
            for kind, value in presets.KINDS.items()
        )
    )


def _snippets(url: str, key: str) -> Html:
    return Html(
        "".join(
            f'<div class="card snippet"><div class="snippet-head"><h2>{_TITLES[name]}</h2>'
            f'<button type="button" class="small" data-copy="snippet-{name}" '
            f'aria-label="Copy the {_TITLES[name]} snippet">Copy</button></div>'
            f'<pre tabindex="0" role="region" aria-label="{_TITLES[name]} snippet">'
            f'<code id="snippet-{name}">{html.escape(text)}</code></pre></div>'
            for name, text in snippets(url, key).items()
        )
    )
