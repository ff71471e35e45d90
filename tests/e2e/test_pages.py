"""Goal: the local model's cache in pages, as its users meet it: a conversation's next turn and prompts that begin
alike skip what is there, another tenant finds nothing, more requests than fit in `cache_tokens` all get the answer
they would get alone, and /metrics tells of it.

Method: the demo model behind a gateway with four slots of 512 tokens and room for 640 in all.
"""
import concurrent.futures
import re

import harness
import pytest

SYSTEM = "You are a clerk of a small town's archive. You answer in one short sentence, in plain words, and never guess. " * 3


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, weir, model):
    g = harness.Gateway(str(tmp_path_factory.mktemp("pages")), weir, model=model,
                        model_extra="context: 512, slots: 4, cache_tokens: 640")
    yield g
    g.kill()


def other_tenant(g):
    out = g.command("key", "new", "-c", g.config, "--tenant", "other", "--name", "other")
    return out.stdout.decode().strip()


def ask(g, user, key=None, max_tokens=12):
    status, _, answer = g.chat("", messages=[{"role": "system", "content": SYSTEM}, {"role": "user", "content": user}],
                               max_tokens=max_tokens, temperature=0, key=key)
    assert status == 200, answer
    usage = answer["usage"]
    return (answer["choices"][0]["message"]["content"], usage["prompt_tokens"],
            usage["prompt_tokens_details"]["cached_tokens"])


def figure(g, series):
    text = g.get("/metrics", port=g.admin_port)[2].decode()
    found = re.search("^" + re.escape(series) + r" (\S+)$", text, re.M)
    assert found, f"{series} is missing:\n" + "\n".join(x for x in text.splitlines() if "weir_engine" in x)
    return float(found.group(1))


def test_prefixes_are_shared_within_a_tenant_only(gateway):
    first, n, cached = ask(gateway, "Who kept the books in 1870?")
    assert cached == 0 and n > 80
    again, _, cached = ask(gateway, "Who kept the books in 1870?")
    assert again == first and cached == n - 1
    _, m, cached = ask(gateway, "Where do the maps lie?")
    assert 60 < cached < m - 3, "the system prompt, and no more"
    key = other_tenant(gateway)
    harness.wait_for("the key", lambda: gateway.get("/v1/models", key=key)[0] == 200, 10)
    same, _, cached = ask(gateway, "Who kept the books in 1870?", key=key)
    assert same == first and cached == 0, "another tenant's prompt was found"
    harness.wait_for("the figures", lambda: figure(gateway, 'weir_engine_prefix_tokens_total{model="home",result="hit"}')
                     >= n - 1, 10)
    assert figure(gateway, 'weir_engine_cache_tokens{model="home",state="room"}') == 640 + 64


def test_more_than_fits(gateway):
    """Eight at once that need twice the room: each as alone; what was kept made room."""
    questions = [f"Tell the story of house number {i} at length." for i in range(8)]
    alone = [ask(gateway, q, max_tokens=60)[0] for q in questions]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        crowd = list(pool.map(lambda q: ask(gateway, q, max_tokens=60)[0], questions))
    assert crowd == alone
    assert figure(gateway, 'weir_engine_cache_evicted_tokens_total{model="home"}') > 0
    harness.wait_for("the last to leave", lambda: figure(
        gateway, 'weir_engine_cache_tokens{model="home",state="running"}') == 0, 10)
    assert figure(gateway, 'weir_engine_expected_wait_seconds{model="home"}') == 0


def test_a_change_of_room_is_checked_and_taken(gateway):
    text = open(gateway.config, encoding="utf-8").read()
    with open(gateway.config, "w", encoding="utf-8") as f:
        f.write(text.replace("cache_tokens: 640", "cache_tokens: 3"))
    bad = gateway.command("check", "-c", gateway.config, check=False)
    assert bad.returncode != 0 and b"cache_tokens" in bad.stdout + bad.stderr
    with open(gateway.config, "w", encoding="utf-8") as f:
        f.write(text)
    assert gateway.command("check", "-c", gateway.config).returncode == 0
