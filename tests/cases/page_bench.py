# page_bench.py -- a browser before the page, for its tests.
# SPDX-License-Identifier: Apache-2.0
import chromium
import fake_admin
from harness import *  # noqa: F403

SHOTS = None
if "--shots" in sys.argv:
    at = sys.argv.index("--shots")
    SHOTS = sys.argv[at + 1]
    del sys.argv[at:at + 2]
    os.makedirs(SHOTS, exist_ok=True)

VIEWS = [(width, dark) for width in (1440, 768, 360) for dark in (False, True)]
HEIGHTS = {1440: 900, 768: 1024, 360: 740}
LOADED = ("document.querySelector('#overview[data-loaded]') && "
          "document.querySelector('#latest table, #latest .none')")
METRICS = {"cost": "cost_nano_usd", "baseline": "baseline_nano_usd",
           "saved": "saved_nano_usd", "requests": "requests",
           "cache_hits": "cache_hits"}
FIRST = fake_admin.request_id(0)


class PageBench:
    """A browser, and the made-up admin port."""

    def __init__(self):
        if not chromium.find():
            skip("no chromium here (tools/deps test)")
        self.fake = fake_admin.FakeAdmin(build=BUILD)
        self.browser = chromium.Chromium()
        self.page = None

    def open(self, path="/", width=1440, dark=False, wait=LOADED, port=None,
             script=None):
        """A fresh tab at <path>; what it asked for is in self.page.requests."""
        self.shut()
        self.page = self.browser.page(width, HEIGHTS[width], dark, calm=True)
        if script:
            self.page.call("Page.addScriptToEvaluateOnNewDocument",
                           {"source": script})
        self.page.open(f"http://127.0.0.1:{port or self.fake.port}{path}")
        self.page.wait(wait)
        return self.page

    def shut(self):
        if self.page:
            self.page.close()
            self.page = None

    def between_cases(self):
        self.shut()
        self.fake.play("usual")

    def close(self):
        self.browser.close()
        self.fake.close()


def shot(page, name):
    if SHOTS:
        page.shot(os.path.join(SHOTS, f"{name}.png"))


def text(page, selector):
    return page.run(f"document.querySelector({selector!r})?.textContent")


def says(words):
    """What to wait for: the box for a page without requests says <words>."""
    return ("document.getElementById('empty').textContent"
            f".includes({words!r})")


def data(page, metric):
    return page.run(f"document.querySelector('[data-metric={metric}]')"
                    ".dataset.value")


def query(page):
    return page.run("location.search")


def overflow(page):
    return page.run("document.documentElement.scrollWidth - "
                    "document.documentElement.clientWidth")


def healthy(page, what):
    check_equal(page.troubles, [], f"{what}: complaints")
    check_equal(overflow(page), 0, f"{what}: sideways overflow")
    hosts = {url.split("/")[2] for url in page.requests
             if url.startswith("http")}
    check(len(hosts) <= 1, what, "asks other hosts:", hosts)
