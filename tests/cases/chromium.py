# chromium.py -- a headless Chromium, driven by its DevTools protocol.
# SPDX-License-Identifier: Apache-2.0
"""Speaks the protocol over a pair of pipes, so that no port is opened and no
library is needed: JSON messages, each ended by a NUL.

    with Chromium() as browser:
        page = browser.page(1440, 900, dark=True)
        page.open("http://127.0.0.1:8081/")
        page.wait("document.querySelector('[data-loaded]')")
        page.press("Tab")
        print(page.troubles)        # console errors, CSP violations ...
"""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ("chromium", "chromium-browser", "google-chrome",
            "google-chrome-stable")
KEYS = {  # name: (code, number, text)
    "Tab": ("Tab", 9, ""), "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""), " ": ("Space", 32, " "),
    "ArrowRight": ("ArrowRight", 39, ""), "ArrowLeft": ("ArrowLeft", 37, ""),
    "ArrowDown": ("ArrowDown", 40, ""), "ArrowUp": ("ArrowUp", 38, ""),
    "Home": ("Home", 36, ""), "End": ("End", 35, ""),
}


class BrowserError(OSError):
    """The browser did not do, or say, what was asked."""


def find():
    return next((path for path in map(shutil.which, PROGRAMS) if path), None)


class Chromium:
    """One browser process; one page at a time is enough for us."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="sluice-chromium-")
        ours_in, its_out = os.pipe()
        its_in, ours_out = os.pipe()
        # It talks on descriptors 3 and 4; ours may be those numbers now.
        high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 20) for fd in (its_in, its_out)]
        os.close(its_in)
        os.close(its_out)

        def place():
            os.dup2(high[0], 3)
            os.dup2(high[1], 4)
        self.process = subprocess.Popen(
            [find(), "--headless=new", "--no-sandbox", "--disable-gpu",
             "--remote-debugging-pipe", "--no-first-run", "--mute-audio",
             "--disable-dev-shm-usage", "--disable-background-networking",
             "--disable-component-update", "--disable-sync",
             "--disable-default-apps", "--disable-extensions",
             "--force-color-profile=srgb", "--no-proxy-server",
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
             f"--user-data-dir={self.folder}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, preexec_fn=place, pass_fds=(3, 4),
            start_new_session=True)
        for fd in high:
            os.close(fd)
        self.reader, self.writer = ours_in, ours_out
        self.number = 0
        self.waiting = b""
        self.on_event = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            self.call("Browser.close", timeout=5)
            self.process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait(10)
        os.close(self.reader)
        os.close(self.writer)
        shutil.rmtree(self.folder, ignore_errors=True)

    def receive(self, deadline):
        """The next message, or None at the deadline."""
        while b"\0" not in self.waiting:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.reader], [], [], left)[0]:
                return None
            data = os.read(self.reader, 1 << 20)
            if not data:
                raise BrowserError("the browser ended")
            self.waiting += data
        text, _, self.waiting = self.waiting.partition(b"\0")
        return json.loads(text)

    def call(self, method, params=None, session=None, timeout=30):
        self.number += 1
        number = self.number
        message = {"id": number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        os.write(self.writer, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        while True:
            answer = self.receive(deadline)
            if answer is None:
                raise BrowserError(f"no answer to {method} in {timeout} s")
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                return answer.get("result", {})
            if self.on_event and "method" in answer:
                self.on_event(answer["method"], answer["params"])

    def page(self, width, height, dark=False, calm=False):
        return Page(self, width, height, dark, calm)


class Page:
    """One tab, and all that it complained of."""

    def __init__(self, browser, width, height, dark, calm):
        self.browser = browser
        target = browser.call("Target.createTarget", {"url": "about:blank"})
        self.target = target["targetId"]
        self.session = browser.call("Target.attachToTarget", {
            "targetId": self.target, "flatten": True})["sessionId"]
        self.troubles = []
        self.requests = []
        self.expected = ()  # parts of complaints that the test brings about
        browser.on_event = self.note
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": width < 600})
        self.call("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme",
             "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion",
             "value": "reduce" if calm else "no-preference"}]})

    def note(self, method, params):
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complain(details.get("exception", {}).get("description")
                          or details["text"])
        elif method == "Runtime.consoleAPICalled":
            if params["type"] in ("error", "warning", "assert"):
                self.complain(" ".join(
                    str(one.get("value", one.get("description")))
                    for one in params["args"]))
        elif method == "Log.entryAdded":
            if params["entry"]["level"] in ("error", "warning"):
                self.complain(f"{params['entry']['text']} "
                              f"{params['entry'].get('url', '')}")
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def complain(self, text):
        if not any(part in text for part in self.expected):
            self.troubles.append(text)

    def call(self, method, params=None, timeout=30):
        return self.browser.call(method, params, self.session, timeout)

    def close(self):
        self.browser.call("Target.closeTarget", {"targetId": self.target})

    # --- looking

    def open(self, url):
        self.call("Page.navigate", {"url": url})

    def run(self, expression):
        """The value of a JavaScript expression; promises are awaited."""
        answer = self.call("Runtime.evaluate", {
            "expression": expression, "returnByValue": True,
            "awaitPromise": True})
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, expression, timeout=20):
        """Until the expression is true; its value. What is not there yet
        may make it throw."""
        deadline = time.monotonic() + timeout
        probe = (f"(() => {{ try {{ const v = {expression}; return v "
                 "instanceof Node || v; } catch { return null; } })()")
        while True:
            value = self.run(probe)
            if value:
                return value
            if time.monotonic() > deadline:
                raise BrowserError(f"not within {timeout} s: {expression}")
            # Waits on the browser's own events, not on the clock alone.
            event = self.browser.receive(time.monotonic() + 0.03)
            if event and "method" in event:
                self.note(event["method"], event["params"])

    def shot(self, path, whole=True):
        picture = self.call("Page.captureScreenshot", {
            "format": "png", "captureBeyondViewport": whole}, 60)
        with open(path, "wb") as out:
            out.write(base64.b64decode(picture["data"]))

    # --- doing

    def press(self, key, shift=False):
        code, number, text = KEYS[key]
        both = {"key": key, "code": code, "windowsVirtualKeyCode": number,
                "modifiers": 8 if shift else 0}
        down = dict(both, type="keyDown" if text else "rawKeyDown")
        if text:
            down["text"] = text
        self.call("Input.dispatchKeyEvent", down)
        self.call("Input.dispatchKeyEvent", dict(both, type="keyUp"))

    def focused(self):
        """What has the focus, in words."""
        return self.run("""(() => { const e = document.activeElement;
            return e ? (e.id || e.dataset.focus || e.dataset.curve ||
                e.className || e.tagName) : "" })()""")

    def tab_to(self, selector, most=80):
        """Presses Tab until the focus is on <selector>."""
        for _ in range(most):
            self.press("Tab")
            if self.run(f"document.activeElement.matches({selector!r})"):
                return
        raise BrowserError(f"{selector} cannot be reached by Tab")
