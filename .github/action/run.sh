#!/usr/bin/env bash
# The command, its report as a folder, and its answer in the step's summary. Variables as in action.yml.
set -o pipefail
bin="$RUNNER_TEMP/jaccheck/bin"
read -r -a arguments <<<"$ARGUMENTS"
mkdir -p jaccheck-report
case "$COMMAND" in
    verify)
        # Where it runs in GitHub Actions it writes annotations and the summary by itself.
        local_only=()
        if [[ -n "$REQUIRE_LOCAL" ]]; then local_only=(--require-local "$REQUIRE_LOCAL"); fi
        "$bin/jaccheck" verify --no-store "${local_only[@]}" --report jaccheck-report/report.json \
            --report jaccheck-report/report.html --report jaccheck-report/junit.xml "${arguments[@]}"
        code=$?
        ;;
    gate)
        "$bin/jaccheck" gate "$BASE" "$CANDIDATE" --report jaccheck-report/gate.json \
            --report jaccheck-report/gate.html --report jaccheck-report/gate.md "${arguments[@]}"
        code=$?
        if [[ -f jaccheck-report/gate.md ]]; then cat jaccheck-report/gate.md >>"$GITHUB_STEP_SUMMARY"; fi
        ;;
    pytest)
        "$bin/python" -m pytest --pyargs jaccheck.conformance --jaccheck-database .hypothesis/examples \
            --junitxml jaccheck-report/junit.xml "${arguments[@]}"
        code=$?
        ;;
esac
echo "exit-code=$code" >>"$GITHUB_OUTPUT"
exit "$code"
