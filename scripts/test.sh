#!/usr/bin/env bash
# Builds everything, runs ctest and pytest, and sums both up in one line. Fails if any test fails.
source "$(dirname "$0")/settings.sh"
scripts/build.sh
scripts/deps.sh model test prometheus

results=$BUILD/results
rm -rf "$results"
mkdir -p "$results/gtest"
failed=0
GTEST_OUTPUT="xml:$results/gtest/" ctest --test-dir "$BUILD" --output-on-failure --no-tests=error --parallel "$JOBS" \
  --output-junit "$results/ctest.xml" || failed=1

export TEST_BUILD_DIR=$BUILD TEST_MODEL TEST_LOOKAHEAD TEST_EMBEDDINGS=$default_embeddings
export TEST_PROMETHEUS=$VENV_DEPLOY/bin/prometheus
TEST_MODEL=$(model_path)
TEST_LOOKAHEAD=$(lookahead_path)
shopt -s nullglob
python_tests=(tests/e2e tests/bench/*_test.py tests/core/*/*_test.py)
"$VENV/bin/python" -m pytest -q --junitxml "$results/pytest.xml" "${python_tests[@]}" || failed=1

summary=$("$VENV/bin/python" scripts/count_results.py "$results") || failed=1
say "tests: ${summary:-not all of them ran}"
exit "$failed"
