#!/usr/bin/env python3
"""Writes packaging/grafana/weir.json, a Grafana board over Weir's /metrics.

The board is a list of rows of panels; a panel is a title, a unit and its queries. Every series that it
names has to exist in the sources (tests/e2e/test_package.py), and the file has to be what this prints.

usage: grafana_board.py > packaging/grafana/weir.json
"""
import json

RATE = "[$__rate_interval]"
ROWS = [
    ("What happens to requests", [
        ("Requests a second, by status", "reqps", [("sum by (status) (rate(weir_requests_total%s))" % RATE, "{{status}}")]),
        ("Which way they went", "reqps", [("sum by (tier) (rate(weir_requests_total%s))" % RATE, "{{tier}}")]),
        ("Denied, by rule", "reqps", [("sum by (rule) (rate(weir_denied_total%s))" % RATE, "{{rule}}")]),
        ("Replaced before it left", "ops", [("sum by (type) (rate(weir_redactions_total%s))" % RATE, "{{type}}")]),
    ]),
    ("How long it takes", [
        ("First token", "s", [("histogram_quantile(0.5, sum by (le) (rate(weir_first_token_seconds_bucket%s)))" % RATE, "median"),
                              ("histogram_quantile(0.95, sum by (le) (rate(weir_first_token_seconds_bucket%s)))" % RATE, "95 %")]),
        ("Weir's own share", "s", [("histogram_quantile(0.5, sum by (le) (rate(weir_overhead_seconds_bucket%s)))" % RATE, "median"),
                                   ("histogram_quantile(0.99, sum by (le) (rate(weir_overhead_seconds_bucket%s)))" % RATE, "99 %")]),
        ("In progress", "short", [("sum(weir_requests_in_progress)", "requests"), ("sum(weir_connections)", "connections")]),
        ("Tokens a second", "short", [("sum by (direction) (rate(weir_tokens_total%s))" % RATE, "{{direction}}")]),
    ]),
    ("Where it fails", [
        ("Fallbacks", "ops", [("sum(rate(weir_fallbacks_total%s))" % RATE, "to the next allowed route")]),
        ("Back ends' errors", "ops", [("sum by (backend) (rate(weir_upstream_errors_total%s))" % RATE, "{{backend}}")]),
        ("At the door", "ops", [("sum(rate(weir_auth_failures_total%s))" % RATE, "no valid key"),
                                ("sum(rate(weir_malformed_requests_total%s))" % RATE, "malformed"),
                                ("sum(rate(weir_tls_failures_total%s))" % RATE, "TLS")]),
        ("A reload was refused", "short", [("max(weir_reload_refused)", "1: the old configuration still serves")]),
    ]),
    ("The log", [
        ("Records a second", "ops", [("sum(rate(weir_audit_leaves_total%s))" % RATE, "records")]),
        ("The last sync", "s", [("max(weir_audit_sync_seconds_last)", "seconds")]),
        ("Failed, disk", "short", [("max(weir_audit_failed)", "1: nothing is answered"), ("max(weir_audit_disk_stage)", "stage of the disk")]),
        ("Room on the log's disk", "bytes", [("min(weir_audit_disk_free_bytes)", "free")]),
        ("Copies behind", "short", [("max by (sink) (weir_audit_sink_lag_records)", "{{sink}}")]),
        ("Reviews that wait for a human", "short", [("sum(weir_reviews_pending)", "answers")]),
    ]),
    ("The local engine", [
        ("Requests", "short", [("sum by (model) (weir_engine_active)", "{{model}} run"), ("sum by (model) (weir_engine_queued)", "{{model}} wait")]),
        ("Expected wait", "s", [("max by (model) (weir_engine_expected_wait_seconds)", "{{model}}")]),
        ("The cache's tokens", "short", [("sum by (model, state) (weir_engine_cache_tokens)", "{{model}} {{state}}")]),
        ("Prompt tokens not computed again", "percentunit",
         [("sum by (model) (rate(weir_engine_prefix_tokens_total{result=\"hit\"}%s)) / sum by (model) (rate(weir_engine_prefix_tokens_total{result=\"asked\"}%s))"
           % (RATE, RATE), "{{model}}")]),
        ("The busiest expert over the mean", "short", [("max by (model) (weir_engine_expert_imbalance)", "{{model}}")]),
        ("Experts moved to the GPU", "ops", [("sum by (model) (rate(weir_engine_expert_moves_total%s))" % RATE, "{{model}}")]),
    ]),
]


def board():
    panels, y, number = [], 0, 1
    for title, row in ROWS:
        panels.append({"id": number, "type": "row", "title": title, "collapsed": False, "panels": [],
                       "gridPos": {"h": 1, "w": 24, "x": 0, "y": y}})
        number, y = number + 1, y + 1
        for i, (name, unit, queries) in enumerate(row):
            panels.append({
                "id": number, "type": "timeseries", "title": name, "datasource": {"type": "prometheus", "uid": "${source}"},
                "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
                "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
                "gridPos": {"h": 8, "w": 6, "x": i % 4 * 6, "y": y + i // 4 * 8},
                "targets": [{"refId": chr(65 + k), "expr": q, "legendFormat": legend} for k, (q, legend) in enumerate(queries)]})
            number += 1
        y += (len(row) + 3) // 4 * 8
    return {"title": "Weir", "uid": "weir", "schemaVersion": 38, "version": 1, "editable": True, "refresh": "30s", "timezone": "utc",
            "time": {"from": "now-6h", "to": "now"}, "tags": ["weir"],
            "templating": {"list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]},
            "panels": panels}


if __name__ == "__main__":
    print(json.dumps(board(), indent=1))
