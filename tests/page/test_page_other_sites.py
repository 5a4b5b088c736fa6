"""Another site in the same browser: it can neither act on the Hub nor read a word of it."""

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.page.conftest import TLS, Visit, ask, create, status
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.slow

# Each attempt ends as "blocked", or as what it learned or was allowed to do.
ATTACK = """
async ({hub, campaign, token}) => {
  const found = {};
  const attempt = async (name, run) => {
    try { found[name] = await run(); } catch (error) { found[name] = "blocked"; }
  };
  const send = (name, path, options) => attempt(name, async () => {
    const response = await fetch(hub + path, options);
    return response.type === "opaque" ? "opaque" : response.status + await response.text();
  });
  const load = (name, tag, attributes) => attempt(name, () => new Promise((resolve, reject) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.onload = () => resolve("loaded");
    element.onerror = reject;
    document.body.append(element);
  }));
  const start = `/_page/api/campaigns/${campaign}/start`;
  const header = {"X-Kataven-Page": token};
  await send("page", "/", {});
  await send("page with cookies", "/", {credentials: "include"});
  await send("page, opaque", "/", {mode: "no-cors"});
  await send("file, opaque", "/_page/main.js", {mode: "no-cors"});
  await send("state", "/_page/api/state", {});
  await send("state with a token", "/_page/api/state", {headers: header});
  await send("start", start, {method: "POST"});
  await send("start with a token", start, {method: "POST", headers: header});
  await send("start, opaque", start, {method: "POST", mode: "no-cors"});
  await send("advance", "/_page/api/sandbox/advance",
    {method: "POST", body: '{"seconds": 60}', mode: "no-cors"});
  await send("reset", "/_page/api/sandbox/reset", {method: "POST", mode: "no-cors"});
  await send("the API", `/api/v1/campaigns/${campaign}/start`, {method: "POST"});
  await load("image", "img", {src: hub + "/_page/icon.svg"});
  await load("script", "script", {src: hub + "/_page/api.js"});
  await load("module", "script", {src: hub + "/_page/main.js", type: "module"});
  await load("style", "link", {href: hub + "/_page/style.css", rel: "stylesheet"});
  await attempt("beacon", async () => {
    navigator.sendBeacon(hub + start);
    return "blocked";
  });
  await attempt("events", () => new Promise((resolve, reject) => {
    const source = new EventSource(hub + `/_page/api/campaigns/${campaign}/events`);
    source.onmessage = (event) => resolve(event.data);
    source.onerror = () => { source.close(); reject(new Error()); };
  }));
  await attempt("form", () => new Promise((resolve) => {
    const frame = Object.assign(document.createElement("iframe"), {name: "hole"});
    const form = Object.assign(document.createElement("form"),
      {method: "post", action: hub + start, target: "hole", enctype: "text/plain"});
    document.body.append(frame, form);
    frame.onload = () => {
      try { resolve(frame.contentDocument?.body?.textContent || "blocked"); } catch { resolve("blocked"); }
    };
    form.submit();
  }));
  await attempt("frame", () => new Promise((resolve) => {
    const frame = document.createElement("iframe");
    frame.onload = () => {
      try { resolve(frame.contentWindow.document.body.textContent || "blocked"); }
      catch { resolve("blocked"); }
    };
    frame.src = hub + "/";
    document.body.append(frame);
  }));
  return found;
}
"""


class Elsewhere(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<!DOCTYPE html><title>elsewhere</title><body></body>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def elsewhere():
    """The port of another server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def token_of(hub):
    with httpx.Client(verify=TLS, trust_env=False, timeout=PATIENCE) as client:
        return re.search(r'name="kataven-page" content="([^"]+)"', client.get(hub.page_url).text)[1]


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("target", ["127.0.0.1", "localhost"])
def test_another_site_can_neither_act_nor_read(hub, browser, elsewhere, name, target):
    campaign = create(hub)
    before = (hub.now(), hub.journal)
    visit = Visit(browser)
    visit.tab.goto(f"http://{name}:{elsewhere}/")
    # Even if it had guessed the token.
    given = {
        "hub": f"http://{target}:{hub.url.rpartition(':')[2]}",
        "campaign": campaign,
        "token": token_of(hub),
    }
    found = visit.tab.evaluate(ATTACK, given)
    assert {attempt: how for attempt, how in found.items() if how != "blocked"} == {}
    assert len(found) == 20
    assert status(hub, campaign) == "draft"
    assert (hub.now(), hub.journal) == before
    visit.context.close()


def test_a_page_that_another_site_opens_knows_nothing_of_it(hub, browser, elsewhere, expect):
    create(hub)
    visit = Visit(browser)
    visit.tab.goto(f"http://127.0.0.1:{elsewhere}/")
    with visit.context.expect_page() as opened:
        visit.tab.evaluate("url => { window.other = open(url); }", hub.page_url)
    expect(opened.value.locator("#campaigns-title")).to_be_visible()
    # The opener is cut off: it can neither read the page nor send it elsewhere.
    visit.tab.wait_for_function("() => window.other.closed")
    assert opened.value.evaluate("window.opener") is None
    visit.context.close()


def test_after_a_dns_rebinding_the_page_is_out_of_reach(hub, browser):
    campaign = create(hub)
    visit = Visit(browser)
    port = hub.url.rpartition(":")[2]
    response = visit.tab.goto(f"http://rebound.example:{port}/")
    assert response.status == 400
    assert "sk_live_" not in visit.tab.content()
    found = visit.tab.evaluate(
        """async ({path, token}) => {
            const headers = {"X-Kataven-Page": token};
            const response = await fetch(path, {method: "POST", headers});
            return [response.status, await response.text()];
        }""",
        {"path": f"/_page/api/campaigns/{campaign}/start", "token": token_of(hub)},
    )
    assert found == [400, "bad Host: this Hub only accepts loopback names"]
    assert status(hub, campaign) == "draft"
    visit.context.close()


def test_a_script_of_another_origin_or_inline_does_not_run_in_the_page(hub, browser, elsewhere):
    visit = Visit(browser)
    tab = visit.open(hub)
    ran = tab.evaluate(
        """async (src) => {
            const blocked = [];
            document.addEventListener("securitypolicyviolation", (one) => blocked.push(one.effectiveDirective));
            const wait = (element) => new Promise((done) => {
                element.onload = element.onerror = done;
                document.body.append(element);
            });
            await wait(Object.assign(document.createElement("script"), {src}));
            await wait(Object.assign(document.createElement("img"), {src}));
            document.body.append(Object.assign(document.createElement("script"), {textContent: "window.owned = 1"}));
            document.body.insertAdjacentHTML("beforeend", '<button id=planted onclick="window.owned = 2">x</button>');
            document.getElementById("planted").click();
            try { await fetch(src); } catch { }
            await new Promise((done) => setTimeout(done));
            return [window.owned ?? null, blocked.sort()];
        }""",
        f"http://127.0.0.1:{elsewhere}/x.js",
    )
    assert ran == [
        None,
        ["connect-src", "img-src", "script-src-attr", "script-src-elem", "script-src-elem"],
    ]
    assert ask(hub, "GET", "/campaigns").status_code == 200
    visit.context.close()
