"""A messy export is mended and dialled, and whoever was not reached is dialled once more.

Needs the extras `contacts` and `sandbox` (pip install 'kataven[contacts,sandbox]'). Runs on an
embedded Hub; for the real one leave out the sandbox and set KATAVEN_API_KEY.
"""

from kataven import KatavenClient, contacts
from kataven.sandbox import Sandbox

# As a spreadsheet in London saves it: semicolons, a header of its own, local and doubled numbers.
EXPORT = b"""Name;Mobile
Ada;020 7946 0001
Grace;+44 20 7946 0002
Grace;+442079460002
Edith;no number yet
"""

with Sandbox(time_scale=600, seed=2) as hub, KatavenClient(hub.api_key, base_url=hub.url) as client:
    print(contacts.check(EXPORT).summary())
    with contacts.clean(EXPORT, region="GB") as mended:
        for dropped in mended.report.dropped:
            print(f"row {dropped.row} is left out: {dropped.reason}")
        first = client.campaigns.create("Spring", "agent_1", "number_1", mended)
    client.campaigns.start(first["id"])
    client.campaigns.wait(first["id"])

    failed = sum(1 for _ in client.campaigns.iter_contacts(first["id"], status="failed"))
    print(f"{failed} of {mended.report.kept} were not reached")
    if failed:
        with client.campaigns.retry_list(first["id"]) as again:
            second = client.campaigns.create("Spring, once more", "agent_1", "number_1", again)
        client.campaigns.start(second["id"])
        print("second round:", client.campaigns.wait(second["id"])["status"])
