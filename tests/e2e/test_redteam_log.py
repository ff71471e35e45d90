"""Goal: a record too large for the log refuses the request, with words that say so, and nothing leaves; the largest
configuration that loads still answers.

Method: one alias with as many candidates as a configuration allows, with the longest names, all judged.
"""
import harness


def test_the_longest_decision_is_recorded_or_refused(tmp_path, weir):
    s = harness.StandIn(str(tmp_path / "s"), "s")
    names = [f"m{i:02d}-" + "x" * 58 for i in range(31)]
    back = "b" * 30
    g = harness.Gateway(
        str(tmp_path / "gw"), weir,
        backends=[harness.backend(back, s, "US", basis="dpf", reference="DPF-" + "1" * 60, models=names),
                  harness.backend("eu", s, "EU", models=("gpt-x",))],
        routing="  commodity: [eu/gpt-x]\n  aliases: { many: [" + ", ".join(f"{back}/{n}" for n in names)
                + ", eu/gpt-x], none: [" + ", ".join(f"{back}/{n}" for n in names) + "] }")
    try:
        text = "Mail anna@example.eu, IBAN DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111, +49 30 901820"
        status, _, answer = g.chat(text, model="none")
        assert status == 403, answer
        before = len(s.received())
        status, head, answer = g.chat(text, model="many", headers={"x-weir-subject": "s" * 128})
        assert status == 200, answer
        assert len(s.received()) == before + 1
        rows = [x for x in g.leaves() if x["req"] == head["x-request-id"]]
        assert [x["ev"] for x in rows] == ["req.intent", "req.outcome"]
        code, said = g.verify()
        assert code == 0, said
    finally:
        g.kill()
        s.kill()
