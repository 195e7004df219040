"""The board "Speculation": how much faster than plain decoding are we now, at which batch size, and why?"""

from panels import (
    ROWS_PER_SECOND,
    TIMES,
    TOKENS_PER_SECOND,
    bars,
    board,
    graph,
    mean,
    number,
    ratio,
    series,
    states,
    total,
)

NOTHING = "nothing is speculated"
NO_BASELINE = "nothing is speculated, or no plain forward was measured beside it"
SPECULATIVE = "pass|tree"


def speedup(by=""):
    grouped = f"sum by ({by})" if by else "sum"
    saved, spent = series(":plain_equivalent_seconds:rate5m"), series(":compared_seconds:rate5m")
    return f"{grouped} ({saved}) / {grouped} ({spent})"


def coverage():
    tokens, baseline = series(":speculative_tokens:rate5m"), series(":plain_seconds_per_token:rate5m")
    compared = f"sum ({tokens} and on (job, instance, batch) {baseline})"
    return ratio(f"({compared} or sum ({tokens}) * 0)", f"sum ({tokens})")


def control_share():
    return ratio(total("control_arm_seconds_total"), total("decode_seconds_total"))


def acceptance(by=""):
    return ratio(total("accepted_tokens_total", by), total("draft_tokens_total", by))


def verdict():
    return [
        number(
            "Speed-up now",
            "Above 1. Seconds that plain decoding would have taken for the same tokens / seconds taken, against "
            "plain forwards in the same process and batch bucket.",
            TIMES,
            speedup(),
            size=(8, 8),
            decimals=2,
            empty=NO_BASELINE,
            thresholds=[(None, "red"), (1, "orange"), (1.1, "green")],
        ),
        number(
            "Coverage",
            "Above 80 %: share of the speculative tokens that the speed-up speaks of. The others' batch "
            "buckets have no plain measurement yet.",
            "percentunit",
            coverage(),
            decimals=0,
            empty=NOTHING,
            thresholds=[(None, "red"), (0.2, "orange"), (0.8, "green")],
        ),
        number(
            "Tokens per forward",
            "Above 1, which is plain decoding. Speculative forwards that hold one stream; those with more are in "
            "Tokens per forward by batch.",
            "none",
            ratio(
                total("emitted_tokens_total", method=SPECULATIVE, batch="1"),
                total("decode_steps_total", method=SPECULATIVE, batch="1"),
            ),
            decimals=2,
            empty="no stream is alone, or nothing is speculated",
        ),
        number(
            "Acceptance rate",
            "Stable for your traffic. Accepted / proposed draft tokens: trees propose more than "
            "they can keep, so 20 % may be fine.",
            "percentunit",
            acceptance(),
            decimals=1,
            empty=NOTHING,
        ),
        number(
            "Mean accepted length",
            "Above 0.5. Draft tokens that a validation step with drafts accepts.",
            "none",
            mean("accepted_tokens_per_step"),
            decimals=2,
            empty=NOTHING,
        ),
        number(
            "Control arm",
            "Below 5 % of the decoding time: the price of knowing the speed-up. The flag, 1 %, counts forwards; "
            "each brings a step without drafts behind it.",
            "percentunit",
            control_share(),
            decimals=2,
            empty="nothing is decoded",
        ),
        number(
            "Auto is resting",
            "0: batch buckets in which auto has turned speculation off. They are plain, and "
            "neither in the speed-up nor a fault.",
            "none",
            f"sum({series('auto_resting')})",
            thresholds=[(None, "green"), (1, "orange")],
        ),
        number(
            "Rows of a forward",
            "Up to a few tens: rows of the planner's last forward. Large where rows are cheap.",
            "none",
            f"max({series('planner_rows')})",
        ),
        number(
            "Tokens a message",
            "Above 1: what a client gets at a time. Far above 10 reads as jerks.",
            "none",
            mean("tokens_per_message"),
            decimals=2,
            empty="no message is sent",
        ),
    ]


def by_batch():
    plain = ratio(
        total("decode_seconds_total", "batch", method="plain"),
        total("emitted_tokens_total", "batch", method="plain"),
    )
    ours = ratio(
        total("decode_seconds_total", "batch", method=SPECULATIVE),
        total("emitted_tokens_total", "batch", method=SPECULATIVE),
    )
    return [
        graph(
            "Speed-up by batch",
            "All lines above 1. It falls with the batch, as rows become dear.",
            TIMES,
            [(speedup("batch"), "batch {{batch}}")],
            line=1,
            size=(12, 8),
            decimals=2,
            empty=NO_BASELINE,
        ),
        bars(
            "Speed-up by batch now",
            "Longer than 1 everywhere.",
            TIMES,
            [(speedup("batch"), "batch {{batch}}")],
            size=(6, 8),
            decimals=2,
            empty=NO_BASELINE,
            thresholds=[(None, "red"), (1, "orange"), (1.1, "green")],
        ),
        graph(
            "Coverage over time",
            "Near 100 %. It dips when a batch size is new, until the control arm has measured it.",
            "percentunit",
            [(coverage(), "coverage")],
            size=(6, 4),
            ceiling=1,
            empty=NOTHING,
        ),
        graph(
            "Control arm over time",
            "Below 5 %, and level.",
            "percentunit",
            [(control_share(), "control arm")],
            size=(6, 4),
            empty="nothing is decoded",
        ),
        graph(
            "Seconds a token by batch",
            "Speculative lines below the plain ones of the same batch.",
            "s",
            [(plain, "plain, batch {{batch}}"), (ours, "speculative, batch {{batch}}")],
            size=(12, 8),
            empty="nothing is decoded",
        ),
        states(
            "Auto by batch",
            "Speculating. Resting: auto found that it does not pay there, and looks again later.",
            [(f"max by (batch) ({series('auto_resting')})", "batch {{batch}}")],
            {"0": ("speculating", "green"), "1": ("resting", "orange")},
            size=(12, 8),
        ),
    ]


def drafts():
    position = ratio(
        total("accepted_tokens_by_position_total", "position"),
        total("drafted_steps_by_position_total", "position"),
    )
    return [
        graph(
            "Acceptance by source",
            "Stable. Look-ahead falls when the model and its look-ahead file do not fit.",
            "percentunit",
            [(acceptance("source"), "{{source}}")],
            ceiling=1,
            empty=NOTHING,
        ),
        bars(
            "Acceptance by position",
            "No bar near 0. Deep positions are proposed only where they are likely, so later bars may be "
            "longer. A first bar near 0: the look-ahead file does not fit the model.",
            "percentunit",
            [(position, "{{position}}")],
            ceiling=1,
            empty=NOTHING,
        ),
        bars(
            "Accepted length",
            "Weight away from 0: validation steps with drafts, by how many were accepted.",
            "none",
            [(total("accepted_tokens_per_step_bucket", "le"), "{{le}}")],
            heat=True,
            empty=NOTHING,
            decimals=2,
        ),
        graph(
            "Proposed and accepted by source",
            "Accepted well above 0 for each source that proposes.",
            TOKENS_PER_SECOND,
            [
                (total("draft_tokens_total", "source"), "proposed: {{source}}"),
                (total("accepted_tokens_total", "source"), "accepted: {{source}}"),
            ],
        ),
        graph(
            "Mean accepted length over time",
            "Stable for your traffic; the speed-up follows it.",
            "none",
            [(mean("accepted_tokens_per_step"), "accepted a step")],
            empty=NOTHING,
        ),
        graph(
            "Tokens per forward by batch",
            "Each line above its number of streams, which is what plain decoding gives. Batch 4 stands for 3 and 4 "
            "streams, batch 8 for 5 to 8.",
            "none",
            [
                (
                    ratio(
                        total("emitted_tokens_total", "batch", method=SPECULATIVE),
                        total("decode_steps_total", "batch", method=SPECULATIVE),
                    ),
                    "batch {{batch}}",
                )
            ],
            empty=NOTHING,
        ),
    ]


def costs():
    emitted = total("emitted_tokens_total")
    rows = total("rows_total", kind="decode|lookahead")
    return [
        graph(
            "Wasted rows",
            "Stable. Decoding and look-ahead rows that gave no token; they are what speculation pays.",
            "percentunit",
            [(f"clamp_min(1 - {emitted} / ({rows} > 0), 0)", "share of rows")],
            ceiling=1,
            empty="nothing is decoded",
        ),
        graph(
            "Rows by kind",
            "Look-ahead rows in proportion to decoding rows.",
            ROWS_PER_SECOND,
            [(total("rows_total", "kind"), "{{kind}}")],
            stacked=True,
        ),
        graph(
            "Seconds of a forward by rows",
            "Lines close together: further rows are nearly free, so trees may grow.",
            "s",
            [(mean("forward_seconds", "rows"), "{{rows}} rows")],
            empty="nothing is decoded",
        ),
        graph(
            "Method shares",
            "What your clients ask for and what auto makes of it. Mixed: prompts in the same forward.",
            "percentunit",
            [
                (
                    f"{total('emitted_tokens_total', 'method')} / on () group_left () ({emitted} > 0)",
                    "{{method}}",
                )
            ],
            stacked=True,
            ceiling=1,
            empty="nothing is decoded",
        ),
        graph(
            "Tokens a message over time",
            "p95 below 10 reads smoothly.",
            "none",
            [
                (mean("tokens_per_message"), "mean"),
                (f"histogram_quantile(0.95, {total('tokens_per_message_bucket', 'le')})", "p95"),
            ],
            empty="no message is sent",
        ),
        graph(
            "Time of a validation step",
            "Flat. p95 by method; tree above plain by less than its tokens per forward.",
            "s",
            [(f"histogram_quantile(0.95, {total('step_seconds_bucket', 'method, le')})", "{{method}}")],
            empty="nothing is decoded",
        ),
    ]


def speculation():
    return board(
        "pass-server: Speculation",
        "pass-server-speculation",
        "How much faster than plain decoding, at which batch size, and why.",
        ("pass-server: Overview", "pass-server-overview"),
        [
            ("Does it pay?", verdict()),
            ("At which batch size?", by_batch()),
            ("Are the drafts good?", drafts()),
            ("What does it cost?", costs()),
        ],
    )
