#!/usr/bin/env bash
# Checks everything under deploy/ and the Dockerfile: chart, manifests, rules, boards, image. Offline once
# scripts/deps.sh deploy has run. The last line is `N passed, N failed`; the exit status is that of the checks.
# Arguments are handed on to pytest: scripts/deploy_check.sh -k boards
source "$(dirname "$0")/settings.sh"
scripts/deps.sh deploy

results=$BUILD/results/pytest-deploy.xml
rm -f "$results"
status=0
TEST_BUILD_DIR=$BUILD "$VENV_DEPLOY/bin/python" -m pytest -q --junitxml "$results" tests/deploy "$@" || status=$?
python3 scripts/count_results.py "$results" || status=1
exit "$status"
