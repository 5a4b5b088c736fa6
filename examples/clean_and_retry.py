"""Clean a messy export, call its contacts, and call those who were not reached once more.

Needs the extras ``contacts`` and ``sandbox`` (pip install 'kataven[contacts,sandbox]'). Uses the
embedded Hub; for the real one, leave out the sandbox and set KATAVEN_API_KEY.
"""

from kataven import KatavenClient, contacts
from kataven.sandbox import Sandbox

# As saved by a spreadsheet in London: semicolons, other headers, local numbers, a duplicate.
EXPORT = b"""Name;Mobile
Ada;020 7946 0001
Grace;+44 20 7946 0002
Grace;+442079460002
Edith;no number yet
"""

with Sandbox(time_scale=600, seed=2) as hub, KatavenClient(hub.api_key, base_url=hub.url) as client:
    print(contacts.check(EXPORT).summary())
    with contacts.clean(EXPORT, region="GB") as cleaned:
        for dropped in cleaned.report.dropped:
            print(f"row {dropped.row} was dropped: {dropped.reason}")
        first = client.campaigns.create("Spring", "agent_1", "number_1", cleaned)
    client.campaigns.start(first["id"])
    client.campaigns.wait(first["id"])

    with client.campaigns.retry_list(first["id"]) as retry:
        print(f"{retry.rows} of {cleaned.report.kept} were not reached")
        if retry.rows:
            second = client.campaigns.create("Spring, second round", "agent_1", "number_1", retry)
            client.campaigns.start(second["id"])
            print("second round:", client.campaigns.wait(second["id"])["status"])
