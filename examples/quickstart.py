"""The ten lines of the README: run a campaign and download its results. Needs ``sandbox``."""

from kataven import KatavenClient
from kataven.sandbox import Sandbox

with Sandbox(time_scale=600) as hub, KatavenClient(hub.api_key, base_url=hub.url) as client:
    with open("examples/contacts.csv", "rb") as contacts:
        campaign = client.campaigns.create("Spring renewals", "agent_1", "number_1", contacts)
    client.campaigns.start(campaign["id"])
    for progress in client.campaigns.watch(campaign["id"]):
        print(progress.status, progress.counts)
    client.campaigns.export_contacts(campaign["id"], "results.csv")
