"""A page in a real browser, watched: all that it says and asks for. What every test of a page and every picture of one needs."""

import pathlib
import shutil
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def launch(playwright):
    """Debian's Chromium. As root it runs without its own sandbox."""
    return playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"])


class WatchedPage:
    """
    One page in a context of its own. `own` says how the addresses begin that it may ask for besides its own. With `content` the
    browser gets that for the address.
    """

    own = ("blob:", "data:")

    def __init__(self, browser, address, width=1280, height=800, content=None, **options):
        self.context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
        self.page = self.context.new_page()
        self.address = address
        self.requests, self.console = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.console.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.console.append(f"error: {error}"))
        if content:
            self.context.route(address, lambda route: route.fulfill(body=content, content_type="text/html"))
        self.page.goto(address)

    def foreign_requests(self):
        return [url for url in self.requests if url != self.address and not url.startswith(self.own)]

    def run(self, script, argument=None):
        return self.page.evaluate(script, argument)

    def until(self, script, argument=None, seconds=120):
        """Waits for a condition. Playwright's own wait evaluates text in the page, which the pages' policies forbid."""
        end = time.monotonic() + seconds
        while not self.run(script, argument):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.02)

    def resize(self, width, height):
        """Makes the window that large, and waits until the page has answered: it hears of a media query in the frame after."""
        self.page.set_viewport_size({"width": width, "height": height})
        self.until("([width, height]) => innerWidth === width && innerHeight === height", [width, height])
        self.run("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")

    def close(self):
        self.context.close()


def faults_for_people(watched):
    """What WCAG 2.2 AA asks and the page as it stands lacks: axe-core's findings, and texts of too little contrast."""
    from axe_playwright_python import sync_playwright as axe
    source = pathlib.Path(axe.__file__).with_name("axe.min.js").read_text()
    watched.run(source)
    found = watched.run(AXE)
    return found + watched.run(CONTRAST)


AXE = """async () => {
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) =>
    `${id}: ${html.slice(0, 110)} ${failureSummary.split('\\n').slice(1).join(' ').slice(0, 200)}`)); }"""

# Every visible text and placeholder against its ground; axe leaves out placeholders and what it cannot decide.
CONTRAST = """() => {
  const parse = (text) => { const c = document.createElement('canvas').getContext('2d'); c.fillStyle = text; c.fillRect(0, 0, 1, 1);
    return [...c.getImageData(0, 0, 1, 1).data]; };
  const luminance = ([r, g, b]) => [r, g, b].map((v) => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 250) return c; }
    return [255, 255, 255, 255]; };
  const found = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const isField = ['INPUT', 'TEXTAREA', 'SELECT'].includes(e.tagName);
    if ((!own && !isField) || !e.checkVisibility() || e.disabled || e.tagName === 'OPTION') continue;
    if (e.closest('.pictures, #stage, svg, .visually-hidden')) continue;
    const style = getComputedStyle(e, isField && e.placeholder && !e.value ? '::placeholder' : null);
    const [a, b] = [luminance(parse(style.color)), luminance(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ${e.outerHTML.slice(0, 90)}`);
  }
  return found; }"""
