#!/usr/bin/env python3
# dashboard.py -- the page of the admin port in a headless Chromium.
# SPDX-License-Identifier: Apache-2.0
"""What a person sees and can do: sizes, colours, keys, states.

Against made-up figures (fake_admin.py); with a gateway: dashboard_live.py.
`--shots DIR` keeps a picture of each view:

    BUILD_DIR=$PWD/build tests/cases/dashboard.py --shots shots
"""
import fake_admin
from page_bench import *  # noqa: F403


# --- how it looks ----------------------------------------------------------------

@case
def every_width_and_colour_shows_the_headline_and_no_complaint(bench):
    for width, dark in VIEWS:
        name = f"{width}-{'dark' if dark else 'light'}"
        page = bench.open("/", width, dark)
        for metric in METRICS:
            value = data(page, metric)
            check(re.fullmatch(r"-?\d+", value), name, metric, value)
            shown = text(page, f"[data-metric={metric}]")
            check(shown not in ("", "–"), name, metric, shown)
        page.expected = ("willReadFrequently",)  # it is we who read
        page.wait(f"{INKED}.length === 4 && {INKED}.every((n) => n > 1000)")
        healthy(page, name)
        shot(page, name)


# How many pixels each chart has drawn.
INKED = """[...document.querySelectorAll('canvas')].map((one) =>
    one.getContext('2d').getImageData(0, 0, one.width, one.height).data
        .filter((value, i) => i % 4 === 3 && value > 0).length)"""


@case
def loading_and_news_move_nothing(bench):
    bench.fake.play("clean")
    for width in (1440, 360):
        page = bench.open("/?range=1h", width, script=SHIFTS)
        check(page.run("shifts") < 0.1, width, "moved by", page.run("shifts"))
    page.run("document.querySelector('.latest').scrollTop = 150")
    first = "document.querySelector('[data-request]').title"
    before = page.run(first)
    page.wait(f"{first} !== {before!r}")
    check_equal(page.run("document.querySelector('.latest').scrollTop"), 150)


# The page's cumulative layout shift.
SHIFTS = """window.shifts = 0; new PerformanceObserver((list) => {
    for (const one of list.getEntries()) window.shifts += one.value;
}).observe({type: "layout-shift", buffered: true});"""


@case
def every_width_shows_one_request_without_complaint(bench):
    for width, dark in VIEWS:
        name = f"request-{width}-{'dark' if dark else 'light'}"
        page = bench.open(f"/?request={FIRST}", width, dark,
                          "document.querySelector('#request[data-loaded]')")
        check("up/" in text(page, "#request"), text(page, "#request"))
        healthy(page, name)
        shot(page, name)


@case
def text_has_enough_contrast_in_both_colours(bench):
    for dark in (False, True):
        page = bench.open("/", 1440, dark)
        poor = page.run(CONTRAST)
        check_equal(poor, [], f"dark={dark}: below 4.5 to 1")


# Every element with a text of its own, on the first ground behind it.
CONTRAST = """(() => {
    const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) =>
        c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = (e) => {
        for (; e; e = e.parentElement) {
            const own = getComputedStyle(e).backgroundColor;
            if (own.startsWith("rgb(")) return rgb(own);
        }
        return [255, 255, 255];
    };
    const poor = [];
    for (const e of document.querySelectorAll("body *")) {
        const own = [...e.childNodes].some((n) => n.nodeType === 3 &&
            n.textContent.trim());
        if (!own || !e.checkVisibility() || e.disabled ||
            e.matches(".sr, .skip, option, noscript")) continue;
        const [a, b] = [light(rgb(getComputedStyle(e).color)),
            light(ground(e))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push(`${e.tagName}.${e.className} ${
            e.textContent.slice(0, 30)}: ${ratio.toFixed(2)}`);
    }
    return poor;
})()"""


@case
def the_theme_button_is_kept_over_a_reload(bench):
    page = bench.open()
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.run(ground)
    for theme in ("light", "dark"):
        page.run("document.getElementById('theme').click()")
        check_equal(page.run("document.documentElement.dataset.theme"), theme)
    dark = page.run(ground)
    check(light != dark, "both are", light)
    page.open(f"http://127.0.0.1:{bench.fake.port}/")
    page.wait(LOADED)
    check_equal(page.run(ground), dark, "after a reload")
    page.run("document.getElementById('theme').click()")
    check_equal(page.run(ground), light, "auto again")


# --- by keyboard alone ---------------------------------------------------------------

@case
def a_keyboard_walks_through_range_filter_sort_and_request(bench):
    page = bench.open()
    page.press("Tab")
    check_equal(page.focused(), "skip", "the first stop")
    page.press("Enter")
    check_equal(page.run("location.hash"), "#main")
    page = bench.open()
    page.tab_to("[data-range='6h']")
    outline = page.run("getComputedStyle(document.activeElement).outlineStyle")
    check(outline != "none", "the focus cannot be seen")
    page.press("Enter")
    page.wait("document.querySelector('[data-range=\"6h\"]')"
              ".ariaPressed === 'true'")
    check_equal(query(page), "?range=6h")
    check_equal(page.focused(), "6h", "the focus stays")
    page.tab_to("#tab-model")
    page.press("ArrowRight")
    check_equal(page.focused(), "tab-rule")
    page.wait("document.querySelector('[data-name=code]')")
    page.press("ArrowLeft")
    page.wait("document.querySelector('[data-name=\"up/small\"]')")
    page.tab_to("[data-sort=requests]")
    page.press("Enter")
    check_equal(page.run("document.activeElement.parentElement.ariaSort"),
                "descending")
    page.press(" ")
    check_equal(page.run("document.activeElement.parentElement.ariaSort"),
                "ascending")
    counts = page.run("[...document.querySelectorAll("
                      "'.breakdown tbody td:nth-child(5)')]"
                      ".map((e) => Number(e.dataset.value))")
    check_equal(counts, sorted(counts), "rows in their order")
    page.tab_to("[data-name='up/small']")
    page.press("Enter")
    page.wait("document.querySelectorAll('.breakdown tbody tr').length === 1")
    check("model=up%2Fsmall" in query(page), query(page))
    page.tab_to("[data-request]")
    wanted = page.run("document.activeElement.dataset.request")
    page.press("Enter")
    page.wait(f"document.querySelector('#request[data-loaded={wanted}]')")
    check(f"request={wanted}" in query(page), query(page))
    page.press("Escape")
    page.wait("!document.getElementById('overview').hidden")
    check_equal(page.run("document.activeElement.dataset.request"), wanted,
                "the focus is where it was")
    healthy(page, "after the walk")


@case
def every_button_and_link_says_what_it_is(bench):
    page = bench.open()
    check_equal(page.run("""[...document.querySelectorAll(
        'button, a[href], select, canvas, [role=region]')].filter((e) =>
        !(e.textContent.trim() || e.ariaLabel || e.labels?.length ||
          e.getAttribute('aria-labelledby'))).map((e) => e.outerHTML)"""), [])
    check_equal(page.run("document.querySelectorAll('table').length"),
                page.run("document.querySelectorAll('caption').length"))
    check("median" in page.run("document.querySelector('#chart-latency canvas')"
                               ".ariaLabel"), "a chart in words")


# --- the URL -------------------------------------------------------------------------

@case
def the_url_holds_the_view_and_back_goes_back(bench):
    page = bench.open("/?range=7d&key=search&by=task&sort=name&dir=asc")
    check_equal(page.run("document.querySelector('#filter-key').value"),
                "search")
    check_equal(page.run("document.querySelector('[aria-pressed=true]"
                         "[data-range]').dataset.range"), "7d")
    names = page.run("[...document.querySelectorAll('.breakdown tbody .name')]"
                     ".map((e) => e.textContent)")
    check_equal(names, sorted(name for name, _ in fake_admin.NAMES["task"]))
    page.run("document.querySelector('[data-range=\"30d\"]').click()")
    page.wait("document.getElementById('saved-label').textContent"
              ".includes('30 days')")
    check("range=30d" in query(page) and "key=search" in query(page),
          query(page))
    page.run("history.back()")
    page.wait("document.getElementById('saved-label').textContent"
              ".includes('7 days')")
    page.run("history.forward()")
    page.wait("location.search.includes('30d')")

    def last():
        return [url for url in bench.fake.seen if "/api/overview" in url][-1]
    eventually(lambda: "key=search" in last() and "range=30d" in last(),
               "the URL's view is asked for")


@case
def a_fixed_time_can_be_shared(bench):
    page = bench.open("/?since=2026-01-05T00:00:00Z&until=2026-01-06T00:00:00Z")
    asked = [url for url in bench.fake.seen if "/api/overview" in url][-1]
    check("since=2026-01-05" in asked and "range=" not in asked, asked)
    check("5 Jan" in text(page, "#saved-label"), text(page, "#saved-label"))
    check_equal(page.run("document.querySelectorAll('[data-range]"
                         "[aria-pressed=true]').length"), 0)


@case
def tables_and_requests_link_their_csv(bench):
    page = bench.open("/?range=6h&by=key&model=up%2Flarge")
    link = page.run("document.getElementById('breakdown-csv').href")
    for part in ("/api/breakdown?", "range=6h", "by=key", "format=csv",
                 "model=up%2Flarge"):
        check(part in link, link, "lacks", part)
    link = page.run("document.getElementById('latest-csv').href")
    check("/api/requests?" in link and "format=csv" in link
          and "model=up%2Flarge" in link, link)


@case
def charts_are_updated_not_rebuilt_and_shown_as_tables(bench):
    page = bench.open()
    page.run("void (window.kept = Chart.getChart('chart-spend-canvas'))")
    page.run("document.querySelector('[data-range=\"1h\"]').click()")
    page.wait("document.getElementById('saved-label').textContent"
              ".includes('hour') && kept.data.labels.length < 70")
    check(page.run("Chart.getChart('chart-spend-canvas') === kept"),
          "another chart")
    each = page.run("kept.data.datasets[1].data")
    page.run("document.querySelector('[data-curve=running]').click()")
    last = page.run("kept.data.datasets[1].data.at(-1)")
    check(abs(sum(each) - last) < 1e-6, sum(each), last)
    page.run("document.querySelector('#chart-spend .card-head > .quiet')"
             ".click()")
    check_equal(page.run("document.querySelectorAll("
                         "'#chart-spend tbody tr').length"), len(each))


@case
def a_step_of_a_chart_can_be_looked_into(bench):
    page = bench.open("/?range=24h")
    page.run("document.querySelector('#chart-spend .card-head > .quiet')"
             ".click()")
    page.run("document.querySelector('#chart-spend .rows tbody button')"
             ".click()")
    page.wait("document.getElementById('saved-label').textContent"
              ".includes(' to ')")
    check("since=" in query(page) and "until=" in query(page), query(page))
    check_equal(page.run("document.querySelectorAll('[data-range]"
                         "[aria-pressed=true]').length"), 0)
    page.run("document.querySelector('#filters button').click()")
    page.wait("document.getElementById('saved-label').textContent"
              ".includes('24 hours')")
    page.run("document.querySelector('#chart-spend .card-head > .quiet')"
             ".click()")
    spot = page.run("""(() => { const box = document.querySelector(
        '#chart-outcomes-canvas'); box.scrollIntoView();
        const at = box.getBoundingClientRect();
        return [at.x + at.width / 2, at.y + at.height / 2]; })()""")
    for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", {
            "type": kind, "x": spot[0], "y": spot[1], "button": "left",
            "clickCount": 1})
    page.wait("location.search.includes('since=')")
    healthy(page, "looked into")


@case
def numbers_are_told_with_the_digits_that_count(bench):
    page = bench.open()
    for call, wanted in FORMATS:
        check_equal(page.run("import('/assets/format.js').then((f) => f."
                             f"{call})"), wanted, call)
    told = json.dumps({"cost_nano_usd": 2**53 + 1, "cache": "hit",
                       "name": 'x "cost_nano_usd": 12', "saved_nano_usd": None})
    exact = page.run(f"""import('/assets/api.js').then((api) => {{
        const row = api.parse({json.dumps(told)});
        return [String(row.cost_nano_usd), row.name, row.cache,
            row.saved_nano_usd];
    }})""")
    check_equal(exact, [str(2**53 + 1), 'x "cost_nano_usd": 12', "hit", None])


FORMATS = [
    ("money(0n)", "$0.00"), ("money(null)", "unpriced"),
    ("money(1n)", "$0.000000001"), ("money(12000n)", "$0.000012"),
    ("money(123456789n)", "$0.123"), ("money(999999999n)", "$1.00"),
    ("money(1500000000n)", "$1.50"), ("money(-3100000000n)", "−$3.10"),
    ("money(1234567891234n)", "$1,234.57"),
    ("money(9223372036854775807n)", "$9,223,372,037"),
    ("money(12000n, 2)", "$0.00"), ("money(0n, 6)", "$0"),
    ("exactMoney(9223372036854775807n)", "$9,223,372,036.854775807"),
    ("exactMoney(-12000n)", "−$0.000012"),
    ("columnPlaces([1500000000n, 20000000n])", 3),
    ("columnPlaces([0n, null])", 2),
    ("columnPlaces([1n, 1000000000n])", None),
    ("percent(1, 0)", None), ("percent(0, 5)", "0%"),
    ("percent(5, 5)", "100%"), ("percent(1, 1000000)", "<0.01%"),
    ("percent(999999, 1000000)", ">99.9%"), ("percent(-1n, 3n)", "−33.3%"),
    ("percent(300n, 2n)", "15,000%"),
    ("duration(null)", "–"), ("duration(0.25)", "0.25 ms"),
    ("duration(3.21)", "3.2 ms"), ("duration(999)", "999 ms"),
    ("duration(1420)", "1.42 s"), ("duration(125000)", "2 min 05 s"),
    ("short(9999)", "9,999"), ("short(45600)", "45.6k"),
    ("short(7890000)", "7.89M"), ("moneyTick(0.00005)", "$0.00005"),
    ("moneyTick(12000)", "$12k"), ("moneyTick(-2.5)", "−$2.5"),
    ("step(900)", "15 minutes"), ("step(86400)", "1 day"),
    ("durationTick(2000)", "2 s"), ("durationTick(2500)", "2.5 s"),
]


# --- states ----------------------------------------------------------------------------

@case
def nothing_yet_says_how_to_send_the_first(bench):
    bench.fake.play("empty")
    for width in (1440, 360):
        page = bench.open("/", width)
        page.wait(says("curl http://127.0.0.1:8080/v1/chat/completions"))
        check_equal(data(page, "requests"), "0")
        healthy(page, "empty")
        shot(page, f"empty-{width}")
    page = bench.open("/?key=search")
    check("No request matches" in text(page, "#empty"), text(page, "#empty"))
    page.run("document.querySelector('#empty button').click()")
    page.wait(says("curl"))
    check_equal(query(page), "")


# What the gateway is, the page learns only when the test lets it.
SUMMARY_WAITS = """{
    const ask = window.fetch;
    const passes = new Promise((pass) => { window.letSummaryPass = pass; });
    window.fetch = async (where, ...more) => {
        if (String(where).includes('/api/summary')) await passes;
        return ask(where, ...more);
    };
}"""


@case
def an_address_is_told_only_once_it_is_known(bench):
    bench.fake.play("empty")
    page = bench.open("/", script=SUMMARY_WAITS)
    told = text(page, "#empty")
    check("No request" in told and "curl" not in told, told)
    page.run("window.letSummaryPass()")
    page.wait(says("curl http://127.0.0.1:8080/v1/chat/completions"))


@case
def twelve_micro_dollars_are_not_nothing(bench):
    bench.fake.play("tiny")
    page = bench.open("/?range=1h")
    check_equal((text(page, "[data-metric=cost]"), data(page, "cost")),
                ("$0.000012", "12000"))
    check_equal(text(page, "[data-metric=saved]"), "$0.000228")
    check("$0.000012" in page.run("document.querySelector("
                                  "'[data-metric=cost]').title"), "title")
    shot(page, "tiny")


@case
def what_was_lost_is_shown_as_lost(bench):
    bench.fake.play("negative")
    page = bench.open()
    check(int(data(page, "saved")) < 0, data(page, "saved"))
    check(text(page, "[data-metric=saved]").startswith("−$"),
          text(page, "[data-metric=saved]"))
    check("more than up/large" in text(page, "#saved-why"),
          text(page, "#saved-why"))
    check(page.run("document.querySelector('[data-metric=saved]')"
                   ".classList.contains('is-loss')"), "its colour")
    check(page.run("document.querySelector('.bar-loss') !== null"), "its bar")
    healthy(page, "negative")
    shot(page, "negative")


@case
def amounts_past_two_to_the_53_stay_exact(bench):
    bench.fake.play("huge")
    for width in (1440, 360):
        page = bench.open("/?range=90d", width)
        shown = page.run(
            "Promise.all(['cost', 'baseline', 'saved'].map((name) => "
            "document.querySelector(`[data-metric=${name}]`).dataset.value))")
        cost, baseline, saved = map(int, shown)
        check(baseline > 2**53, baseline)
        check_equal(baseline - cost, saved)
        rows = page.run("[...document.querySelectorAll('.breakdown tbody "
                        ".saved-cell')].map((e) => e.dataset.value)")
        check_equal(sum(map(int, rows)), saved, "the rows' sum")
        healthy(page, "huge")
        shot(page, f"huge-{width}")


@case
def names_from_callers_are_text(bench):
    bench.fake.play("hostile")
    for width in (1440, 360):
        page = bench.open("/", width)
        check(fake_admin.HOSTILE in page.run(
            "document.querySelector('.breakdown tbody').textContent"), "name")
        check_equal(page.run("document.querySelectorAll('img').length"), 1,
                    "only the icon")
        healthy(page, "hostile")
        shot(page, f"hostile-{width}")
    page = bench.open(f"/?request={FIRST}", 360, False,
                      "document.querySelector('#request[data-loaded]')")
    healthy(page, "hostile request")


@case
def unpriced_estimated_and_unknown_are_said_only_when_there(bench):
    page = bench.open("/?range=7d")
    for name in ("unpriced", "estimated", "unknown", "escalated"):
        note = page.run(f"document.querySelector('[data-note={name}]')"
                        "?.dataset.value")
        check(note and int(note) > 0, name, note)
    bench.fake.play("tiny")
    page = bench.open("/?range=1h")
    check_equal(page.run("document.getElementById('notes').hidden"), True)


@case
def a_gateway_that_is_gone_leaves_the_last_figures(bench):
    page = bench.open("/?range=1h")
    page.expected = ("net::ERR_", "Failed to load resource")
    cost = data(page, "cost")
    bench.fake.play("gone")
    page.wait("!document.getElementById('banner').hidden", 15)
    check("does not answer" in text(page, "#banner"), text(page, "#banner"))
    check_equal(data(page, "cost"), cost, "the last figures")
    check("no answer since" in text(page, "#state"), text(page, "#state"))
    shot(page, "gone")
    bench.fake.play("usual")
    page.wait("document.getElementById('banner').hidden", 15)
    check("live" in text(page, "#state"), text(page, "#state"))


@case
def a_refused_parameter_is_told_and_can_be_left(bench):
    page = bench.open("/?range=99y", wait="!document.getElementById('banner')"
                                          ".hidden")
    check('"range" must be 15m' in text(page, "#banner"),
          text(page, "#banner"))
    shot(page, "refused")
    page.run("document.querySelector('#banner button').click()")
    page.wait(LOADED)
    check_equal((page.run("document.getElementById('banner').hidden"),
                 query(page)), (True, ""))


@case
def a_busy_gateway_is_asked_again_without_a_word(bench):
    page = bench.open("/?range=1h")
    page.expected = ("429",)
    bench.fake.play("busy")
    seen = len(bench.fake.seen)
    eventually(lambda: len(bench.fake.seen) > seen + 1, "asked again", 15)
    check(page.run("document.getElementById('banner').hidden"), "no banner")


@case
def an_unknown_request_is_said_to_be_unknown(bench):
    page = bench.open("/?request=req_nothing",
                      wait="document.querySelector('#request h1')?.textContent"
                           ".includes('cannot')")
    check("No such request" in text(page, "#request"), text(page, "#request"))
    old = fake_admin.request_id(250)
    page = bench.open(f"/?request={old}",
                      wait="document.querySelector('#request[data-loaded]')")
    check("left the memory" in text(page, "#request"), "story null")
    check("Attempts" in text(page, "#request"), "what the ledger knows")


# Keeps the delays of the timers that are to come.
TIMERS = """window.timers = new Map();
    const [set, clear] = [window.setTimeout, window.clearTimeout];
    window.setTimeout = (run, ms) => {
        const id = set(() => { timers.delete(id); run(); }, ms);
        timers.set(id, ms);
        return id;
    };
    window.clearTimeout = (id) => { timers.delete(id); clear(id); };"""


@case
def it_rests_while_paused_and_while_hidden(bench):
    page = bench.open("/?range=1h", script=TIMERS)
    check(page.run("timers.size") > 0, "timers are seen")
    page.run("document.getElementById('pause').click()")
    check_equal(text(page, "#latest-state"), "paused")

    def asked(what):
        return len([one for one in bench.fake.seen if what in one])
    before = asked("/api/requests")
    overviews = asked("/api/overview")
    eventually(lambda: asked("/api/overview") > overviews, "figures go on", 15)
    check_equal(asked("/api/requests"), before, "paused")
    page.run("Object.defineProperty(document, 'hidden', {configurable: true, "
             "get: () => true}); "
             "document.dispatchEvent(new Event('visibilitychange'))")
    page.run("document.getElementById('pause').click()")
    before = len(bench.fake.seen)
    check_equal(page.run("[...timers.values()].filter((ms) => ms >= 1000)"),
                [], "nothing is to come while it is hidden")
    page.run("Object.defineProperty(document, 'hidden', {configurable: true, "
             "get: () => false}); "
             "document.dispatchEvent(new Event('visibilitychange'))")
    eventually(lambda: len(bench.fake.seen) > before, "it goes on", 5)


if __name__ == "__main__":
    run_cases(PageBench)
