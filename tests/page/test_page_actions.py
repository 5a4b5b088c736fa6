"""What a person does on the page, with the mouse and with the keyboard alone."""

import pytest

from kataven.sandbox import Sandbox
from tests.page.conftest import ask, create, people, status

pytestmark = pytest.mark.slow
PLACES = pytest.mark.parametrize(
    ("how", "place"), [("mouse", "list"), ("keyboard", "list"), ("keyboard", "detail")]
)
HOW = pytest.mark.parametrize("how", ["mouse", "keyboard"])


@PLACES
def test_a_campaign_is_started_paused_resumed_and_stopped(hub, visit, expect, how, place):
    campaign = create(hub, "Spring")
    tab = visit.open(hub, f"#/campaigns/{campaign}" if place == "detail" else "")
    home = tab.locator("#detail") if place == "detail" else visit.row(campaign)
    primary = home.locator('[data-do="primary"]')
    for label, becomes in [("Start", "running"), ("Pause", "paused"), ("Resume", "running")]:
        expect(primary).to_have_text(label)
        visit.press(primary, how)
        expect(home.locator(".status").first).to_have_text(becomes)
        assert status(hub, campaign) == becomes
        expect(tab.locator("#say")).to_have_text(f"Spring is {becomes}")
        # The button stays where it is, so that it can be pressed again.
        expect(primary).to_be_focused()
    visit.press(home.locator('[data-do="stop"]'), how)
    confirm = tab.locator("#confirm")
    expect(confirm).to_contain_text("Stop Spring?")
    tab.keyboard.press("Escape")
    expect(confirm).to_be_hidden()
    assert status(hub, campaign) == "running"
    visit.press(home.locator('[data-do="stop"]'), how)
    visit.press(tab.locator("#confirm-yes"), how)
    expect(home.locator(".status").first).to_have_text("completed")
    assert status(hub, campaign) == "completed"
    expect(primary).to_be_hidden()


@PLACES
def test_a_campaign_is_deleted_after_a_question(hub, visit, expect, how, place):
    kept, campaign = create(hub, "Kept"), create(hub, "Old")
    tab = visit.open(hub, f"#/campaigns/{campaign}" if place == "detail" else "")
    home = tab.locator("#detail") if place == "detail" else visit.row(campaign)
    visit.press(home.locator('[data-do="delete"]'), how)
    expect(tab.locator("#confirm")).to_contain_text("Delete Old?")
    visit.press(tab.locator("#confirm [data-close]"), how)
    assert status(hub, campaign) == "draft"
    visit.press(home.locator('[data-do="delete"]'), how)
    visit.press(tab.locator("#confirm-yes"), how)
    expect(visit.row(campaign)).to_have_count(0)
    expect(visit.row(kept)).to_be_visible()
    assert ask(hub, "GET", f"/campaigns/{campaign}").status_code == 404
    # The focus went to something near, not to nowhere.
    assert tab.evaluate("document.activeElement.tagName") in {"A", "H1"}


def test_an_action_that_is_not_allowed_says_why(hub, visit, expect):
    campaign = create(hub)
    ask(hub, "POST", f"/campaigns/{campaign}/start")
    tab = visit.open(hub)
    delete = visit.row(campaign).locator('[data-do="delete"]')
    expect(delete).to_have_attribute("aria-disabled", "true")
    expect(delete).to_have_attribute(
        "title", "cannot delete campaign: it is running; pause or stop it first"
    )
    delete.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator("#say")).to_contain_text("pause or stop it first")
    expect(tab.locator("#confirm")).to_be_hidden()


def test_a_refusal_is_shown_in_the_words_of_the_hub(visit, expect, hub):
    visit.refusals = True
    create(hub, "One", max_concurrent_calls="60")
    campaign = create(hub, "Two", max_concurrent_calls="60")
    tab = visit.open(hub)
    tab.locator('[data-do="primary"]').nth(1).click()
    expect(tab.locator(".status", has_text="running")).to_be_visible()
    visit.row(campaign).locator('[data-do="primary"]').click()
    alert = tab.locator('.toast[role="alert"]')
    expect(alert).to_contain_text("concurrency budget exceeded")
    alert.get_by_role("button", name="Close").press("Enter")
    expect(alert).to_have_count(0)
    assert status(hub, campaign) == "draft"


@HOW
def test_the_clock_is_moved(hub, visit, expect, how):
    campaign = create(hub, contacts=people(50))
    ask(hub, "POST", f"/campaigns/{campaign}/start")
    tab = visit.open(hub)
    start = hub.now()
    visit.press(tab.locator('[data-move="60"]'), how)
    expect(tab.locator("#say")).to_contain_text("The Hub's time is")
    expect(tab.locator("#clock-now")).to_have_text(f"{hub.now():%H:%M:%S}")
    assert (hub.now() - start).total_seconds() == 60
    visit.press(tab.locator('[data-move="3600"]'), how)
    expect(visit.row(campaign).locator(".status")).to_have_text("completed")
    assert (hub.now() - start).total_seconds() == 3660
    expect(tab.locator('[data-move="end"]')).to_have_attribute("aria-disabled", "true")


@HOW
def test_campaigns_run_to_the_end(hub, visit, expect, how):
    both = [create(hub, "One"), create(hub, "Two", people(20, 100), retries_per_contact="1")]
    for campaign in both:
        ask(hub, "POST", f"/campaigns/{campaign}/start")
    tab = visit.open(hub)
    visit.press(tab.locator('[data-move="end"]'), how)
    for campaign in both:
        expect(visit.row(campaign).locator(".status")).to_have_text("completed")
        assert status(hub, campaign) == "completed"


def test_a_clock_that_runs_cannot_be_moved_and_the_page_says_so(browser, expect):
    from tests.page.conftest import Visit

    with Sandbox(time_scale=60) as hub:
        visit = Visit(browser)
        tab = visit.open(hub)
        expect(tab.locator(".clock-speed")).to_have_text("60 times")
        for move in ("60", "3600", "end"):
            button = tab.locator(f'[data-move="{move}"]')
            expect(button).to_have_attribute("aria-disabled", "true")
            expect(button).to_have_attribute(
                "title", "Only a manual clock can be moved; this one runs by itself"
            )
        tab.locator('[data-move="60"]').press("Enter")
        expect(tab.locator("#say")).to_contain_text("Only a manual clock")
        visit.close(hub.url)


@HOW
def test_a_fault_from_the_list_fires_counts_and_is_cleared(hub, visit, expect, how):
    visit.refusals = True
    campaign = create(hub)
    tab = visit.open(hub, "#/faults")
    preset = tab.locator("#fault-preset")
    preset.select_option(label="A rate limit on start")
    expect(tab.locator("#fault-match")).to_have_value("POST /campaigns/*/start")
    visit.press(tab.get_by_role("button", name="Add the fault"), how)
    fault = tab.locator(".faults li")
    expect(fault).to_contain_text("POST /campaigns/*/start status 429, retry after 2")
    expect(fault).to_contain_text("Fired 0 times · 1 left")
    response = ask(hub, "POST", f"/campaigns/{campaign}/start")
    assert (response.status_code, response.headers["retry-after"]) == (429, "2")
    expect(fault).to_contain_text("Fired 1 time · 0 left")
    visit.press(tab.locator("#faults-clear"), how)
    expect(fault).to_have_count(0)
    expect(tab.locator("#faults-title")).to_be_focused()


def test_a_fault_of_ones_own_and_a_typo(hub, visit, expect):
    visit.refusals = True
    tab = visit.open(hub, "#/faults")
    tab.locator("#fault-match").fill("post /campaigns")
    tab.locator("#fault-kind").select_option("latency")
    expect(tab.locator("#fault-value-name")).to_have_text("Seconds")
    tab.locator("#fault-value").fill("0.5")
    tab.get_by_role("button", name="Add the fault").click()
    expect(tab.locator("#fault-error")).to_contain_text("bad fault")
    assert hub.faults.unused() == []
    tab.locator("#fault-match").fill("POST /campaigns")
    tab.locator("#fault-match").press("Enter")
    expect(tab.locator(".faults li")).to_contain_text("latency 0.5")
    [fault] = hub.faults.unused()
    assert (fault.match, fault.latency, fault.times) == ("POST /campaigns", 0.5, 1)
    expect(tab.locator("#fault-error")).to_be_hidden()


def test_every_preset_is_a_fault_that_the_hub_accepts(hub, visit, expect):
    tab = visit.open(hub, "#/faults")
    values = tab.locator("#fault-preset option").evaluate_all("all => all.map(one => one.value)")
    for count, value in enumerate(value for value in values if value):
        tab.locator("#fault-preset").select_option(value)
        tab.get_by_role("button", name="Add the fault").click()
        expect(tab.locator(".faults li")).to_have_count(count + 1)


@HOW
def test_a_list_becomes_a_campaign(hub, visit, expect, how, tmp_path):
    path = tmp_path / "Autumn letters.csv"
    path.write_bytes(people(3))
    tab = visit.open(hub)
    visit.press(tab.locator("#new-button"), how)
    tab.locator("#create-file").set_input_files(path)
    expect(tab.locator("#create-name")).to_have_value("Autumn letters")
    tab.get_by_label("Calls at once").fill("7")
    visit.press(tab.get_by_role("button", name="Create"), how)
    expect(tab.locator("#campaign-title")).to_have_text("Autumn letters")
    expect(tab.locator('[data-table="contacts"] tbody tr')).to_have_count(3)
    [campaign] = ask(hub, "GET", "/campaigns").json()["campaigns"]
    assert campaign["max_concurrent_calls"] == 7
    assert campaign["retry_delay_seconds"] == 300
    assert campaign["created_by"] == "api_key"


def test_a_bad_list_is_refused_in_the_words_of_the_hub(hub, visit, expect, tmp_path):
    visit.refusals = True
    path = tmp_path / "bad.csv"
    path.write_text("phone_number\n0123\n")
    tab = visit.open(hub)
    tab.locator("#new-button").click()
    tab.get_by_role("button", name="Create").click()
    expect(tab.locator("#create-error")).to_contain_text("name is required")
    tab.locator("#create-file").set_input_files(path)
    tab.get_by_role("button", name="Create").click()
    expect(tab.locator("#create-error")).to_contain_text("row 2")
    assert ask(hub, "GET", "/campaigns").json()["campaigns"] == []


def test_a_list_is_dropped_on_the_page(hub, visit, expect):
    tab = visit.open(hub, "#/journal")
    files = tab.evaluate_handle(
        """text => {
            const data = new DataTransfer();
            data.items.add(new File([text], "Dropped.csv", { type: "text/csv" }));
            return data;
        }""",
        people(2).decode(),
    )
    tab.dispatch_event("main", "dragenter", {"dataTransfer": files})
    expect(tab.locator("#drop")).to_be_visible()
    tab.dispatch_event("main", "drop", {"dataTransfer": files})
    expect(tab.locator("#drop")).to_be_hidden()
    expect(tab.locator("#create-name")).to_have_value("Dropped")
    tab.get_by_role("button", name="Create").press("Enter")
    expect(tab.locator("#campaign-title")).to_have_text("Dropped")


def test_single_keys_do_everything(hub, visit, expect):
    first, second = create(hub, "First"), create(hub, "Second")
    tab = visit.open(hub)
    keyboard = tab.keyboard
    keyboard.press("?")
    expect(tab.locator("#help")).to_be_visible()
    keyboard.press("Escape")
    expect(tab.locator("#help")).to_be_hidden()
    for key, title in [
        ("2", "journal"),
        ("3", "requests"),
        ("4", "faults"),
        ("5", "connect"),
        ("1", "campaigns"),
    ]:
        keyboard.press(key)
        expect(tab.locator(f"#{title}-title")).to_be_focused()
    keyboard.press("j")
    keyboard.press("j")
    expect(visit.row(first).locator("a")).to_be_focused()
    keyboard.press("k")
    keyboard.press("s")
    expect(visit.row(second).locator(".status")).to_have_text("running")
    before = hub.now()
    keyboard.press("m")
    expect(tab.locator("#say")).to_contain_text("The Hub's time is")
    assert (hub.now() - before).total_seconds() == 60
    keyboard.press("Enter")
    expect(tab.locator("#campaign-title")).to_have_text("Second")
    keyboard.press("x")
    expect(tab.locator("#confirm")).to_be_visible()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(tab.locator("#detail .status")).to_have_text("completed")
    keyboard.press("Delete")
    expect(tab.locator("#confirm")).to_contain_text("Delete Second?")
    keyboard.press("Escape")
    expect(tab.locator("#confirm")).to_be_hidden()
    keyboard.press("Escape")
    expect(tab.locator("#campaigns-title")).to_be_focused()
    keyboard.press("n")
    expect(tab.locator("#create")).to_be_visible()
    tab.locator("#create-name").press("m")
    expect(tab.locator("#create-name")).to_have_value("m")


def test_single_keys_can_be_switched_off(hub, visit, expect):
    tab = visit.open(hub)
    tab.keyboard.press("?")
    tab.get_by_label("Shortcuts of a single key are on").uncheck()
    tab.keyboard.press("Escape")
    tab.reload()
    tab.wait_for_selector("html[data-ready]")
    tab.keyboard.press("2")
    tab.keyboard.press("?")
    expect(tab.locator("#help")).to_be_visible()
    assert "#/journal" not in tab.url


@HOW
def test_keys_and_snippets_are_copied(hub, visit, expect, how):
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=hub.url)
    tab = visit.open(hub, "#/connect")
    for name, holds in [
        ("Copy the key of sandbox", hub.api_key),
        ("Copy the address", hub.url),
        (
            "Copy the Python snippet",
            f'KatavenClient(api_key="{hub.api_key}", base_url="{hub.url}")',
        ),
        ("Copy the curl snippet", f"{hub.url}/api/v1/campaigns"),
        ("Copy the Command line snippet", f"KATAVEN_BASE_URL={hub.url}"),
    ]:
        visit.press(tab.get_by_role("button", name=name), how)
        expect(tab.locator("#say")).to_have_text("Copied")
        assert holds in tab.evaluate("navigator.clipboard.readText()")
