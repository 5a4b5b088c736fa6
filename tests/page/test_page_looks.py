"""How the page looks to every reader: contrast, names, narrow windows, no motion, no mouse."""

import pytest

from tests.page.conftest import AXE, VIEWS, Visit, populated

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("scheme", "width"), [("light", 1400), ("dark", 360)])
def test_axe_finds_no_violation(hub, browser, expect, scheme, width):
    campaign = populated(hub)
    size = {"width": width, "height": 800}
    visit = Visit(browser, viewport=size, color_scheme=scheme, reduced_motion="reduce")
    tab = visit.open(hub)
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    found = []
    for view in VIEWS:
        tab.goto(hub.page_url + view.format(id=campaign))
        expect(tab.locator("section:not([hidden]) h1")).not_to_have_text("")
        if "{id}" in view:
            expect(tab.locator('[data-table="contacts"] tbody tr')).to_have_count(12)
        found += [(view, one) for one in violations(tab)]
    tab.goto(hub.page_url + "#/campaigns")
    stop = '[data-do="stop"]:not([aria-disabled="true"])'
    for button, dialog in [
        ("#new-button", "#create"),
        ("#help-button", "#help"),
        (stop, "#confirm"),
    ]:
        tab.locator(button).first.click()
        expect(tab.locator(dialog)).to_be_visible()
        found += [(dialog, one) for one in violations(tab, dialog)]
        tab.keyboard.press("Escape")
    assert found == []
    visit.close(hub.url)


def violations(tab, part="body"):
    """What axe finds: the rule, the element and what is wrong with it."""
    result = tab.evaluate("part => axe.run(part, {resultTypes: ['violations']})", part)
    return [
        (one["id"], node["html"][:120], node["failureSummary"])
        for one in result["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("width", [360, 800])
def test_nothing_scrolls_sideways(hub, browser, expect, width):
    campaign = populated(hub)
    visit = Visit(browser, viewport={"width": width, "height": 800})
    tab = visit.open(hub)
    for view in VIEWS:
        tab.goto(hub.page_url + view.format(id=campaign))
        expect(tab.locator("section:not([hidden]) h1")).not_to_have_text("")
        root = tab.locator("html")
        assert root.evaluate("root => root.scrollWidth - root.clientWidth") <= 0, view
    for button, dialog in [("#new-button", "#create"), ("#help-button", "#help")]:
        tab.goto(hub.page_url + "#/campaigns")
        tab.locator(button).click()
        assert tab.locator(dialog).evaluate("box => box.scrollWidth - box.clientWidth") <= 0, dialog
        tab.keyboard.press("Escape")
    visit.close(hub.url)


def test_without_motion_nothing_moves(hub, browser, expect):
    populated(hub)
    visit = Visit(browser, reduced_motion="reduce")
    tab = visit.open(hub)
    dot = tab.locator('.status[data-status="running"]').first
    assert dot.evaluate("dot => getComputedStyle(dot, '::before').animationName") == "none"
    assert (
        tab.locator(".bar rect.seg-a").first.evaluate(
            "bar => getComputedStyle(bar).transitionDuration"
        )
        == "0s"
    )
    visit.close(hub.url)


def test_the_skip_link_comes_first_and_leads_to_the_content(hub, visit, expect):
    tab = visit.open(hub)
    tab.keyboard.press("Tab")
    skip = tab.get_by_text("Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    tab.keyboard.press("Enter")
    expect(tab.locator("#main")).to_be_focused()
    expect(tab.locator("#campaigns-title")).to_be_visible()
