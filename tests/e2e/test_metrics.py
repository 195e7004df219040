"""/metrics over HTTP: the series exist, and they add up with what the streams say of themselves."""

import re
import time

import grpc

import serving

NAMES = """
requests_running requests_waiting kv_cache_usage_ratio engine_last_step_timestamp_seconds build_info
model_load_seconds requests_total prompt_tokens_total generated_tokens_total rejected_requests_total
cancelled_requests_total forwards_total decode_steps_total decode_seconds_total emitted_tokens_total
draft_tokens_total accepted_tokens_total accepted_tokens_by_position_total
drafted_steps_by_position_total rows_total
time_to_first_token_seconds_count inter_token_seconds_count step_seconds_count request_seconds_count
queue_seconds_count prefill_seconds_count
cancel_to_free_seconds_count accepted_tokens_per_step_bucket""".split()


def total(samples, name, **labels):
    """The sum of a family's samples that carry these labels."""
    result = 0.0
    for series, value in samples.items():
        base, _, rest = series.partition("{")
        if base == f"pass_{name}" and all(f'{key}="{label}"' in rest for key, label in labels.items()):
            result += value
    return result


def scrape_until(server, condition):
    """A stream's end may be seen a moment before its counters and gauges: scrapes until they agree."""
    end = time.monotonic() + serving.HANG_SECONDS
    while True:
        samples = server.scrape()
        if condition(samples) or time.monotonic() > end:
            return samples


def test_every_promised_series_is_there(server, client):
    client.stream(client.request("x", max_tokens=2))
    bases = {series.partition("{")[0] for series in server.scrape()}
    assert [name for name in NAMES if f"pass_{name}" not in bases] == []


def test_counters_add_up_with_the_streams_own_summaries(server, client, prompts):
    before = scrape_until(server, lambda samples: total(samples, "requests_running") == 0)
    requests = [
        client.request(prompt, temperature=0, max_tokens=48, ignore_eos=True, method=method)
        for prompt, method in zip(
            prompts[:6], ("plain", "pass", "tree", "plain", "tree", "auto"), strict=True
        )
    ]
    results = client.stream_all(requests, concurrency=3)
    cancelled = client.stream(
        client.request(prompts[7], max_tokens=500, ignore_eos=True, method="plain"), cancel_after=3
    )
    assert cancelled.code == grpc.StatusCode.CANCELLED
    refused = client.stream(client.request(prompts[7], max_tokens=0))
    assert refused.code == grpc.StatusCode.INVALID_ARGUMENT

    def delta(samples, name, **labels):
        return total(samples, name, **labels) - total(before, name, **labels)

    after = scrape_until(
        server,
        lambda samples: delta(samples, "requests_total") == len(results) + 1
        and total(samples, "requests_running") == 0,
    )
    ends = [result.finish for result in results]
    assert delta(after, "requests_total", outcome="length") == len(results)
    assert delta(after, "requests_total", outcome="cancelled") == 1
    assert delta(after, "rejected_requests_total", reason="invalid") == 1
    assert delta(after, "cancelled_requests_total", cause="client") == 1
    assert delta(after, "cancel_to_free_seconds_count") == 1

    for name, key in (("draft_tokens_total", "drafted"), ("accepted_tokens_total", "accepted")):
        streamed = sum(getattr(message.speculation, key) for result in results for message in result.messages)
        assert streamed == sum(getattr(end.speculation, key) for end in ends)
        # The cancelled one is plain and drafts nothing.
        assert delta(after, name) == streamed
    for position in range(4):
        for name, key in (
            ("drafted_steps_by_position_total", "drafted_by_position"),
            ("accepted_tokens_by_position_total", "accepted_by_position"),
        ):
            counts = [getattr(end.speculation, key) for end in ends]
            expected = sum(count[position] for count in counts if len(count) > position)
            assert delta(after, name, position=position + 1) == expected

    tokens = sum(end.usage.completion_tokens for end in ends)
    assert tokens == sum(len(result.token_ids) for result in results) == 48 * len(results)
    assert (
        tokens + 3 <= delta(after, "generated_tokens_total") <= tokens + 500
    )  # and those of the cancelled one
    assert delta(after, "prompt_tokens_total") > sum(end.usage.prompt_tokens for end in ends)
    assert delta(after, "time_to_first_token_seconds_count") == len(results) + 1
    assert delta(after, "request_seconds_count") == len(results) + 1
    assert (
        total(after, "requests_running")
        == total(after, "requests_waiting")
        == total(after, "kv_cache_usage_ratio")
        == 0
    )


def test_a_stream_alone_accounts_for_every_forward(server, client, prompts):
    for method in ("plain", "pass", "tree"):
        before = server.scrape()
        result = client.stream(
            client.request(prompts[8], temperature=0, max_tokens=40, ignore_eos=True, method=method)
        )
        names = ("forwards_total", "decode_steps_total", "generated_tokens_total")
        after = scrape_until(
            server, lambda samples: total(samples, "requests_total") > total(before, "requests_total")
        )
        forwards, steps, tokens = (total(after, name) - total(before, name) for name in names)
        speculation = result.finish.speculation
        assert tokens == 40
        assert forwards == speculation.forwards  # the prompt fits one chunk, whose forward samples
        assert steps == forwards  # decoding rides in it
        assert sum(message.speculation.forwards for message in result.messages) == forwards
        if method == "plain":
            assert speculation.validation_steps == forwards
        elif method == "tree":
            assert speculation.validation_steps == forwards < tokens
        else:  # up to eight drafts each, far from the context's end
            assert speculation.validation_steps <= speculation.drafted <= 8 * speculation.validation_steps


def test_histogram_buckets_are_cumulative_and_end_with_the_count(server):
    samples = server.scrape()
    families = {series.partition("_bucket{")[0] for series in samples if "_bucket{" in series}
    assert families
    for family in families:
        groups = {}
        for series, value in samples.items():
            if series.startswith(family + "_bucket{"):
                labels = re.sub(r'le="[^"]*"', "", series)
                groups.setdefault(labels, []).append(
                    (float(re.search(r'le="([^"]*)"', series)[1].replace("+Inf", "inf")), value)
                )
        for buckets in groups.values():
            values = [value for _, value in sorted(buckets)]
            assert values == sorted(values) and sorted(buckets)[-1][0] == float("inf")
