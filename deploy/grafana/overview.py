"""The board "Overview": is the service well, and what do its users feel?"""

from panels import (
    SELECTED,
    TIMES,
    TOKENS,
    TOKENS_PER_SECOND,
    bars,
    board,
    facts,
    graph,
    happened,
    mean,
    number,
    quantiles,
    rate,
    ratio,
    series,
    total,
)

WELL_CODES = "OK|CANCELLED|INVALID_ARGUMENT|NOT_FOUND|FAILED_PRECONDITION|ALREADY_EXISTS"


def now():
    codes = "requests_by_code_total"
    failed = f'sum (rate(pass_{codes}{{code!~"{WELL_CODES}", {SELECTED}}}[$__rate_interval]))'
    return [
        number(
            "Ready replicas",
            "As many as the deployment asks for. 0 means that no one is served.",
            "none",
            f"count({series('build_info')})",
            thresholds=[(None, "red"), (1, "green")],
            empty="no replica is ready",
        ),
        number(
            "Decode speed-up now",
            "Above 1: speculation saves time. The board Speculation says why.",
            TIMES,
            f"sum({series(':plain_equivalent_seconds:rate5m')}) / sum({series(':compared_seconds:rate5m')})",
            thresholds=[(None, "red"), (1, "orange"), (1.1, "green")],
            decimals=2,
            empty="nothing is speculated, or no plain forward was measured beside it",
        ),
        number(
            "Requests",
            "As many as your clients send; a sudden 0 is worth a look at them.",
            "reqps",
            f"sum ({rate(codes)})",
        ),
        number(
            "Failed or refused",
            "Below 1 %. Ends that are not the client's doing: refusals, missed deadlines, faults.",
            "percentunit",
            ratio(f"({failed} or vector(0))", f"sum ({rate(codes)})"),
            thresholds=[(None, "green"), (0.01, "orange"), (0.05, "red")],
            decimals=2,
            empty="no request ends",
        ),
        number(
            "Tokens out",
            "Grows with the load until all sequences are busy.",
            TOKENS_PER_SECOND,
            total("generated_tokens_total"),
        ),
        number(
            "Waiting",
            "0, or short bursts. A queue that stays asks for another replica.",
            "none",
            f"sum({series('requests_waiting')})",
            thresholds=[(None, "green"), (5, "orange"), (50, "red")],
        ),
    ]


def latency():
    return [
        graph(
            "Time to first token",
            "Flat; p95 below a second or two for short prompts. Queue wait plus prompt time.",
            "s",
            quantiles("time_to_first_token_seconds", 0.5, 0.95, 0.99),
            empty="no request runs",
        ),
        graph(
            "Time per token",
            "Flat, and p95 below 0.1 s, which still reads faster than people do.",
            "s",
            quantiles("inter_token_seconds", 0.5, 0.95, 0.99),
            empty="no request runs",
        ),
        graph(
            "End to end",
            "Follows the length of the answers: compare with tokens out before blaming the server.",
            "s",
            quantiles("request_seconds", 0.5, 0.95, 0.99),
            empty="no request ends",
        ),
    ]


def requests():
    return [
        graph(
            "Requests by outcome",
            "Mostly stop and length. Errors are the server's, cancels the clients'.",
            "reqps",
            [(happened("requests_total", "outcome"), "{{outcome}}")],
            stacked=True,
            empty="no request ends",
        ),
        graph(
            "Requests by code",
            "Mostly OK. RESOURCE_EXHAUSTED: too little capacity; INTERNAL: a fault.",
            "reqps",
            [(happened("requests_by_code_total", "code"), "{{code}}")],
            stacked=True,
            empty="no request ends",
        ),
        graph(
            "Refused and cut short",
            "Empty, or near 0. Refusals by reason, and running requests that ended early, by cause.",
            "reqps",
            [
                (happened("rejected_requests_total", "reason"), "refused: {{reason}}"),
                (happened("cancelled_requests_total", "cause"), "cut short: {{cause}}"),
            ],
            empty="no request is refused or cut short",
        ),
    ]


def load():
    return [
        graph(
            "Running and waiting",
            "Waiting near 0. Running at its limit with a queue means: add replicas.",
            "none",
            [
                (f"sum({series('requests_running')})", "running"),
                (f"sum({series('requests_waiting')})", "waiting"),
            ],
        ),
        graph(
            "KV use",
            "Below 0.95. At 1 requests wait for memory even though sequences are free.",
            "percentunit",
            [(f"max by (instance) ({series('kv_cache_usage_ratio')})", "{{instance}}")],
            line=0.95,
            ceiling=1,
        ),
        graph(
            "Queue wait",
            "Milliseconds. Seconds mean too little capacity or clients that do not balance.",
            "s",
            quantiles("queue_seconds", 0.5, 0.95, 0.99),
            empty="no request is admitted",
        ),
        graph(
            "Prompt time",
            "Grows with the prompts' length only. From admission to the end of the prompt.",
            "s",
            quantiles("prefill_seconds", 0.5, 0.95, 0.99),
            empty="no request is admitted",
        ),
        graph(
            "Tokens in and out",
            "Follows the requests. Many tokens in with few out: long prompts.",
            TOKENS_PER_SECOND,
            [(total("prompt_tokens_total"), "in"), (total("generated_tokens_total"), "out")],
        ),
        graph(
            "Lengths",
            "Stable. A jump in either explains most jumps of the other panels.",
            TOKENS,
            [
                (mean("prompt_length_tokens"), "prompt (mean)"),
                (mean("generated_length_tokens"), "answer (mean)"),
            ],
            empty="no request ends",
        ),
    ]


def process():
    start = series("process_start_time_seconds")
    return [
        number(
            "Restarts",
            "0 in the chosen time. A rollout does not count: its pods are new.",
            "none",
            f"sum(changes({start}[$__range]))",
            thresholds=[(None, "green"), (1, "orange"), (3, "red")],
            size=(4, 5),
        ),
        number(
            "Youngest process",
            "Hours or days. Minutes mean a restart or a rollout just now.",
            "s",
            f"time() - max({start})",
            graph=False,
            size=(4, 5),
        ),
        number(
            "Slow readers cut off",
            "0 in the chosen time. Clients that do not read their streams.",
            "none",
            f"sum(increase({series('slow_reader_cutoffs_total')}[$__range]))",
            graph=False,
            decimals=0,
            thresholds=[(None, "green"), (1, "orange")],
            size=(4, 5),
        ),
        bars(
            "Time to ready by phase",
            "Seconds. The longest phase is what a faster disk or more cores would shorten.",
            "s",
            [(f"max by (phase) ({series('model_load_seconds')})", "{{phase}}")],
            size=(12, 5),
        ),
        facts(
            "Version",
            "The same version, model and type everywhere, once a rollout is over.",
            series("build_info"),
            ["Time", "Value", "__name__", "endpoint", "container", "namespace", "service"],
            size=(24, 5),
        ),
    ]


def overview():
    return board(
        "pass-server: Overview",
        "pass-server-overview",
        "What users of pass-server feel, and what the server does about it.",
        ("pass-server: Speculation", "pass-server-speculation"),
        [
            ("Now", now()),
            ("What users feel", latency()),
            ("Requests", requests()),
            ("Load", load()),
            ("Process", process()),
        ],
    )
