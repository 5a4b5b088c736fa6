"""What the page shows: live updates, tables and hostile lists."""

import re

import pytest

from kataven.sandbox import Clock, Sandbox
from tests.page.conftest import VIEWS, Visit, ask, create, people, populated

pytestmark = pytest.mark.slow
HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src=x onerror="document.title=\'owned\'">',
    "javascript:alert(1)",
    "</template></tr></table><svg onload=alert(1)>",
    "{{token}} {{hub.now}} ${key}",
    "\u202desrever si siht\u2066\u2067",
    "' onfocus=alert(1) autofocus x='",
    "&lt;b&gt; &amp;",
]


def test_the_first_html_shows_everything_without_any_script(hub, browser):
    campaign = populated(hub)
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(hub.page_url)
    row = tab.locator(f'[data-key="{campaign}"]')
    assert row.locator(".cell-name a").inner_text() == "Spring"
    assert row.locator(".status").inner_text() == "running"
    assert re.search(r"\d+ of 12", row.locator(".cell-bar").inner_text())
    assert tab.locator(".tabs").inner_text().split() == [
        "Campaigns",
        "4",
        "Journal",
        "numbers",
        "called",
        "twice:",
        "5",
        "Requests",
        "Faults",
        "1",
        "Connect",
    ]
    assert "{{" not in tab.content()
    context.close()


def test_the_page_follows_a_campaign_that_a_program_runs(browser, expect):
    with Sandbox(time_scale=Clock.manual(), seed=1) as hub:
        visit = Visit(browser)
        tab = visit.open(hub)
        expect(tab.get_by_text("No campaigns yet")).to_be_visible()
        campaign = create(hub, "Live", people(60))
        row = visit.row(campaign)
        expect(row.locator(".status")).to_have_text("draft")
        expect(tab.get_by_text("No campaigns yet")).to_be_hidden()
        link = row.locator("a")
        link.focus()
        ask(hub, "POST", f"/campaigns/{campaign}/start")
        expect(row.locator(".status")).to_have_text("running")
        hub.advance(120)
        expect(row.locator('[data-name="rate"]')).to_contain_text("/min")
        expect(row.locator('[data-name="left"]')).to_have_text(re.compile(r"\d+ (s|min)"))
        hub.run_to_end(campaign)
        expect(row.locator(".status")).to_have_text("completed")
        expect(row.locator(".cell-bar")).to_contain_text("60 of 60")
        expect(tab.locator("#say")).to_have_text("Live is completed")
        # No update moved the focus.
        expect(link).to_be_focused()
        visit.close(hub.url)


def test_an_update_only_touches_what_changed(hub, visit, expect):
    for number in range(5):
        campaign = create(hub, f"Campaign {number}", people(20, number * 100))
    tab = visit.open(hub)
    tab.evaluate(
        """() => {
            window.changes = [];
            new MutationObserver((all) => window.changes.push(...all.map((one) => {
                const at = one.target.nodeType === 1 ? one.target : one.target.parentElement;
                return at.closest("[data-list='campaigns'] > tr")?.dataset.key ?? "";
            }))).observe(document.querySelector("[data-list='campaigns']"),
                {subtree: true, childList: true, attributes: true, characterData: true});
        }"""
    )
    ask(hub, "POST", f"/campaigns/{campaign}/start")
    expect(visit.row(campaign).locator(".status")).to_have_text("running")
    assert set(tab.evaluate("window.changes")) == {campaign}


def test_a_hidden_tab_asks_nothing_and_catches_up(hub, visit, expect):
    tab = visit.open(hub)
    tab.evaluate(
        """() => {
            Object.defineProperty(document, "hidden", {get: () => window.isHidden, configurable: true});
            window.isHidden = true;
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    asked = len(visit.asked)
    campaign = create(hub)
    # Two seconds of the tab's own time, in which it would have asked twice.
    tab.evaluate("() => new Promise((resolve) => setTimeout(resolve, 2200))")
    assert len(visit.asked) == asked
    tab.evaluate(
        """() => {
            window.isHidden = false;
            document.dispatchEvent(new Event("visibilitychange"));
        }"""
    )
    expect(visit.row(campaign)).to_be_visible()


def test_contacts_are_filtered_and_turned_by_pages(hub, visit, expect):
    campaign = create(hub, contacts=people(250))
    hub.outcomes["+1555*"] = "answered"
    hub.outcomes["+15550000007"] = "busy"
    hub.outcomes["+15550000009"] = "no_answer"
    ask(hub, "POST", f"/campaigns/{campaign}/start")
    hub.run_to_end(campaign)
    tab = visit.open(hub, f"#/campaigns/{campaign}")
    table = tab.locator('[data-table="contacts"]')
    rows = table.locator("tbody tr")
    expect(rows).to_have_count(100)
    expect(table.locator(".pager-text")).to_have_text("1 to 100 of 250 contacts")
    table.get_by_role("button", name="Next").click()
    expect(rows.first).to_contain_text("+15550000100")
    table.get_by_role("button", name="Next").press("Enter")
    expect(rows).to_have_count(50)
    expect(table.get_by_role("button", name="Next")).to_have_attribute("aria-disabled", "true")
    tab.locator("#contact-status").select_option("failed")
    expect(rows).to_have_count(2)
    tab.locator("#contact-error").select_option("busy")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("+15550000007")
    tab.locator("#contact-status").select_option("pending")
    expect(table.locator(".none")).to_be_visible()


def test_calls_and_events_of_a_campaign(hub, visit, expect):
    campaign = create(hub, contacts=people(3))
    tab = visit.open(hub, f"#/campaigns/{campaign}")
    tab.locator("#tab-contacts").focus()
    tab.keyboard.press("ArrowLeft")
    expect(tab.locator("#tab-events")).to_be_focused()
    events = tab.locator("#events li")
    expect(events).to_have_count(1)
    expect(events.first).to_contain_text('"status":"draft"')
    ask(hub, "POST", f"/campaigns/{campaign}/start")
    expect(events.first).to_contain_text('"status":"running"')
    hub.run_to_end(campaign)
    expect(events.first).to_have_text("event: end")
    expect(tab.locator("#events-state")).to_have_text("The stream has ended.")
    tab.keyboard.press("ArrowLeft")
    rows = tab.locator('[data-table="calls"] tbody tr')
    expect(rows).to_have_count(3)
    numbers = {call.number for call in hub.calls(campaign)}
    assert {text.split("\t")[1] for text in rows.all_inner_texts()} == numbers


def test_numbers_called_twice_are_seen_at_once_and_retries_are_not(hub, visit, expect):
    first = create(hub, "First", people(3), retries_per_contact="2")
    hub.outcomes["+1555*"] = lambda call: "busy" if call.attempt < 3 else "answered"
    ask(hub, "POST", f"/campaigns/{first}/start")
    hub.run_to_end(first)
    tab = visit.open(hub, "#/journal")
    expect(tab.get_by_text("No number was called twice.")).to_be_visible()
    again = create(hub, "Again", people(1))
    ask(hub, "POST", f"/campaigns/{again}/start")
    hub.run_to_end(again)
    warning = tab.locator("section:not([hidden]) .warning")
    expect(warning).to_contain_text("1 number called twice")
    expect(warning).to_contain_text("+15550000000 called 2 times, from “First” and “Again”")
    expect(tab.locator('[data-table="journal"] tr[data-tone="twice"]').first).to_contain_text(
        "+15550000000"
    )
    tab.keyboard.press("1")
    expect(tab.locator(".tabs .alarm")).to_contain_text("1")
    expect(tab.locator("section:not([hidden]) .warning")).to_be_visible()


def test_a_second_round_is_not_a_number_called_twice(hub, visit, expect):
    hub.outcomes["+1555*"] = "no_answer"
    for name in ("First", "Second round"):
        campaign = create(hub, name, people(2), retries_per_contact="1")
        ask(hub, "POST", f"/campaigns/{campaign}/start")
        hub.run_to_end(campaign)
    tab = visit.open(hub, "#/journal")
    good = tab.locator("section:not([hidden]) .good")
    expect(good).to_have_text(
        "No number was called twice; 2 numbers called again, after no call reached the person."
    )
    expect(tab.locator("section:not([hidden]) .warning")).to_be_hidden()


def test_requests_are_drawn_against_their_limits(browser, expect):
    limits = {"per_minute": 4, "per_hour": None, "per_day": None, "concurrent": None}
    with Sandbox(time_scale=Clock.manual(), limits=limits) as hub:
        visit = Visit(browser)
        campaign = create(hub)
        tab = visit.open(hub, "#/requests")
        limit = tab.locator('.limits [data-key="sandbox per_minute"]')
        expect(limit).to_contain_text("1 of 4")
        for _ in range(4):
            ask(hub, "GET", f"/campaigns/{campaign}")
        expect(limit).to_contain_text("4 of 4 used up")
        rows = tab.locator('[data-table="requests"] tbody tr')
        expect(rows).to_have_count(5)
        expect(rows.first).to_contain_text("429")
        expect(rows.first).to_have_attribute("data-tone", "failed")
        visit.close(hub.url)


def test_accounts_are_chosen(hub, visit, expect):
    mine = create(hub, "Mine")
    tab = visit.open(hub)
    expect(tab.locator("#account-field")).to_be_hidden()
    theirs = create(hub, "Theirs", key=hub.new_key("acme"))
    expect(visit.row(theirs)).to_be_visible()
    tab.locator("#account").select_option("acme")
    expect(visit.row(mine)).to_have_count(0)
    expect(visit.row(theirs)).to_be_visible()
    expect(tab.locator("#account")).to_have_value("acme")


def test_a_hub_that_stops_and_starts_again(browser, expect):
    hub = Sandbox(time_scale=Clock.manual()).start()
    port = int(hub.url.rpartition(":")[2])
    visit = Visit(browser)
    visit.refusals = True
    tab = visit.open(hub)
    hub.close()
    expect(tab.locator("#lost")).to_contain_text("does not respond")
    with Sandbox(time_scale=Clock.manual(), port=port) as again:
        expect(tab.locator("#lost")).to_contain_text("reload this page")
        tab.reload()
        tab.wait_for_selector("html[data-ready]")
        expect(tab.locator("#lost")).to_be_hidden()
        visit.close(again.url)


def test_a_campaign_that_is_gone(hub, visit, expect):
    tab = visit.open(hub, "#/campaigns/none")
    expect(tab.get_by_text("This campaign does not exist")).to_be_visible()
    expect(tab.locator("#detail")).to_be_hidden()


def hostile_list():
    header = ",".join(
        [
            "phone_number",
            *(f"h{place}" for place in range(len(HOSTILE))),
            '"<b onclick=""alert(1)"">"',
            "long",
        ]
    )
    cells = ['"' + text.replace('"', '""') + '"' for text in HOSTILE]
    row = ",".join(["+15550000001", *cells, "x", "y" * 10_000])
    return f"{header}\n{row}\n".encode()


def test_a_hostile_list_stays_text(hub, visit, expect):
    campaigns = [create(hub, text, hostile_list(), agent_id=text) for text in HOSTILE]
    for campaign in campaigns[:2]:
        ask(hub, "POST", f"/campaigns/{campaign}/start")
        hub.run_to_end(campaign)
    tab = visit.open(hub)
    title = tab.title()
    for campaign, text in zip(campaigns, HOSTILE, strict=True):
        assert visit.row(campaign).locator(".cell-name a").evaluate("a => a.textContent") == text
    for campaign, text in zip(campaigns[:3], HOSTILE, strict=False):
        tab.goto(f"{hub.page_url}#/campaigns/{campaign}")
        expect(tab.locator("#campaign-title")).to_have_text(text)
        row = tab.locator('[data-table="contacts"] tbody tr')
        expect(row).to_have_count(1)
        cells = row.locator("td").evaluate_all("cells => cells.map((cell) => cell.textContent)")
        assert cells[5:-2] == HOSTILE
        assert cells[-1] == "y" * 200 + "… (10,000 characters)"
        assert tab.locator('[data-table="contacts"] th', has_text="<b onclick=").count() == 1
    for view in VIEWS:
        tab.goto(hub.page_url + view.format(id=campaigns[0]))
        expect(tab.locator("section:not([hidden]) h1")).to_be_visible()
        assert (
            tab.locator(
                "main script, main img, main b, [onclick], [onerror], [onload], [onfocus]"
            ).count()
            == 0
        )
        hrefs = tab.locator("a").evaluate_all("all => all.map((a) => a.getAttribute('href'))")
        assert all(href.startswith("#") for href in hrefs), hrefs
    visit.row(campaigns[0])
    tab.goto(f"{hub.page_url}#/campaigns")
    visit.row(campaigns[1]).locator('[data-do="delete"]').click()
    expect(tab.locator("#confirm-title")).to_have_text(f"Delete {HOSTILE[1]}?")
    assert title in tab.title()
    # Right-to-left marks end where the name ends.
    assert (
        visit.row(campaigns[5]).locator("bdi").evaluate("bdi => getComputedStyle(bdi).unicodeBidi")
        == "isolate"
    )
