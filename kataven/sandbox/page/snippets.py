"""What to paste into a program or a terminal to use this Hub.

Knows the public names of the SDK and of the command. Must not know the Hub.
"""

from __future__ import annotations

from string import Template
from typing import Final

_PYTHON: Final = Template("""\
from kataven import KatavenClient

with KatavenClient(api_key="$key", base_url="$url") as client:
    campaign = client.campaigns.create(
        name="Spring",
        agent_id="agent_1",
        phone_number_id="number_1",
        contacts="contacts.csv",
    )
    client.campaigns.start(campaign["id"])
    for event in client.campaigns.events(campaign["id"]):
        print(event)
""")
_CURL: Final = Template("""\
curl -H "Authorization: Bearer $key" $url/api/v1/campaigns

curl -H "Authorization: Bearer $key" $url/api/v1/campaigns \\
    -F name=Spring -F agent_id=agent_1 -F phone_number_id=number_1 -F contacts=@contacts.csv
""")
_CLI: Final = Template("""\
export KATAVEN_API_KEY=$key
export KATAVEN_BASE_URL=$url

kataven campaigns run --name Spring --agent-id agent_1 --phone-number-id number_1 \\
    --contacts contacts.csv
""")


def snippets(url: str, key: str) -> dict[str, str]:
    """Return the snippets for Python, curl and the command.

    Args:
        url: The Hub's address without a path.
        key: An API key.
    """
    return {
        "python": _PYTHON.substitute(url=url, key=key),
        "curl": _CURL.substitute(url=url, key=key),
        "cli": _CLI.substitute(url=url, key=key),
    }
