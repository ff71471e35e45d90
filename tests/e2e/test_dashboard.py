"""Goal: the page at / of the admin listener tells a person what happened, where data went and what to look at now.
Method: traffic of each kind through a real gateway, then the page read as a browser reads it: well-formed, fetching
nothing, running nothing, its figures those of the traffic; names with markup in them stay text. Where Chromium is
installed it draws the page, and what it drew is asked for its bars."""
import base64
import datetime
import html.parser
import re
import shutil
import signal
import subprocess
import time

import harness
import pytest

VOID = {"meta", "line", "rect", "path", "br", "img", "link"}
SOON = (datetime.date.today() + datetime.timedelta(days=9)).isoformat()


class Page(html.parser.HTMLParser):
    """Tags in balance, every attribute that could fetch or run something, cells of tables, text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.reaches, self.rows, self.text = [], [], [], [], []
        self.tags = set()
        self.feed(text)
        self.close()
        if self.open:
            self.wrong.append(f"left open: {self.open}")

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.reaches += [(tag, k, v) for k, v in attrs if k in ("src", "href", "action", "data", "srcset") or k.startswith("on")]
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data):
        self.text.append(data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data

    def row(self, first):
        (found,) = [r for r in self.rows if r and r[0] == first]
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory, weir, model, eu, us):
    odd = re.sub(r"entity: [^,}\n]*", "entity: \"<script>alert(1)</script> & Co\"", harness.backend("odd", eu, "EU", models=("m",)))
    soon = re.sub(r"expires: [0-9-]+", f"expires: {SOON}", harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("claude-x",)))
    g = harness.Gateway(str(tmp_path_factory.mktemp("gw")), weir, model=model, backends=[harness.backend("eu", eu, "EU", models=("gpt-x",)), soon, odd],
                        routing="  commodity: [local/home]\n  hard: [eu/gpt-x]\n  threshold: 0.5\n  when_hard_is_denied: local")
    g.admin = g.new_key("root", role="admin")
    assert g.chat("What is a weir?", model="local/home", max_tokens=4)[0] == 200
    for _ in range(2):
        assert g.chat("Mail anna.kowalska@example.eu about the invoice", model="eu/gpt-x")[0] == 200
    assert g.chat("Score him", headers={"x-weir-use-case": "social-scoring"})[0] == 403
    yield g
    g.kill()


def page(g, query="", key=None):
    status, head, body = g.request("GET", "/" + query, key=key or g.admin, port=g.admin_port)
    return status, head, body.decode()


def later(g, query=""):
    """The page once the first sample has been taken: every ten seconds."""
    def ready():
        text = page(g, query)[2]
        return text if re.search(r"<b>3</b>\s*answered", text) else None
    return harness.wait_for("the first sample", ready, 40, 0.5)


def test_the_page_is_sound_and_reaches_nowhere(world):
    text = later(world)
    p = Page(text)
    assert p.wrong == []
    assert "script" not in p.tags and "svg" in p.tags
    assert {v for _, k, v in p.reaches if k == "href"} <= {"/metrics", "?range=1h&refresh=10", "?range=24h&refresh=10", "?range=1h&refresh=0"}
    assert [a for a in p.reaches if a[1] != "href"] == []
    head = page(world)[1]
    assert head["content-security-policy"].startswith("default-src 'none'")
    assert head["cache-control"] == "no-store"


def test_its_figures_are_those_of_the_traffic(world):
    text = later(world)
    p = Page(text)
    for value, what in (("3", "answered"), ("33.3 %", "of them on premises"), ("2", "left the building"), ("2", "values replaced before"),
                        ("1", "denied by policy"), ("0", "failed")):
        assert re.search(rf"<b>{re.escape(value)}</b>\s*{what}", text), (value, what)
    assert ["local/home", "1", "0"] in [r[:3] for r in p.rows]
    assert p.row("eu/gpt-x")[1:3] == ["2", "0"]
    assert p.row("prohibited") == ["prohibited", "1"]
    assert p.row("EMAIL") == ["EMAIL", "2"]
    assert p.row("us")[3:7] == ["US", "dpf", "DPF-1", SOON]
    assert "anna" not in text and "weir_" not in re.sub(r"/metrics|weir_[a-z]+_total", "", text), "content or a key"


def test_names_with_markup_stay_text(world):
    p = Page(page(world)[2])
    assert p.row("odd")[2] == "<script>alert(1)</script> & Co"


def test_it_says_what_to_look_at(world):
    text = page(world)[2]
    assert f"The transfer basis of us expires on {SOON}, in 9 days: renew it." in text
    done = world.command("policy", "kill", "-c", world.config, "--backend", "eu", "--reason", "contract ended")
    assert done.returncode == 0, done.stderr
    try:
        harness.wait_for("the notice", lambda: "backend eu (contract ended)" in page(world)[2], 10)
        assert Page(page(world)[2]).row("eu")[-1] == "switched off"
    finally:
        world.command("policy", "revive", "-c", world.config, "--backend", "eu", "--reason", "signed again")


def test_a_refused_reload_is_at_the_top(world):
    with open(world.config, encoding="utf-8") as f:
        good = f.read()
    try:
        with open(world.config, "a", encoding="utf-8") as f:
            f.write("nonsense: true\n")
        world.process.send_signal(signal.SIGHUP)
        harness.wait_for("the notice", lambda: "<li class=bad>The last reload was refused" in page(world)[2], 10)
    finally:
        with open(world.config, "w", encoding="utf-8") as f:
            f.write(good)
        world.process.send_signal(signal.SIGHUP)
    harness.wait_for("its end", lambda: "reload was refused" not in page(world)[2], 10)


def test_ranges_and_refresh(world):
    later(world, "?range=24h")
    assert "<h2>The last day" in page(world, "?range=24h")[2]
    assert "http-equiv=refresh content=10" in page(world)[2]
    assert "http-equiv=refresh" not in page(world, "?refresh=0")[2]
    for odd in ("?refresh=x", "?refresh=99999", "?range=%3Cscript%3E&refresh=-1", "?&&=&range"):
        status, _, text = page(world, odd)
        assert status == 200 and "content=10" in text and "%3C" not in text


def test_only_an_admin_sees_it(world):
    auditor = world.new_key("outside", role="auditor")
    time.sleep(1.2)
    assert page(world, key=auditor)[0] == 401
    assert page(world, key=world.key)[0] == 401
    assert world.request("GET", "/", key=world.admin)[0] == 404, "the main listener serves it"
    basic = base64.b64encode(f"anyone:{world.admin}".encode()).decode()
    status, _, _ = world.request("GET", "/", headers={"authorization": f"Basic {basic}"}, port=world.admin_port)
    assert status == 200


def test_a_browser_draws_it(world, tmp_path):
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("Chromium is not installed (apt-get install chromium): nobody draws the page")
    later(world)
    url = f"https://anyone:{world.admin}@127.0.0.1:{world.admin_port}/?refresh=0"
    shot = tmp_path / "page.png"
    common = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors", f"--user-data-dir={tmp_path}/profile",
              "--window-size=1400,2200", "--virtual-time-budget=2000"]
    done = subprocess.run([*common, "--dump-dom", url], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.count("<svg") == 6 and "<rect class=\"c0\"" in done.stdout, done.stderr[-800:]
    subprocess.run([*common, f"--screenshot={shot}", url], capture_output=True, timeout=120, check=True)
    assert shot.stat().st_size > 20000
