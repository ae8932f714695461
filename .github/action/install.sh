#!/usr/bin/env bash
# An environment with jaccheck and what it is to judge. Variables: COMMAND, INSTALL, TORCH, as in action.yml.
set -eo pipefail
export PIP_DISABLE_PIP_VERSION_CHECK=1

constraints="$GITHUB_ACTION_PATH/constraints/torch-$TORCH.txt"
if [[ ! -f "$constraints" ]]; then
    echo "::error::torch: there are no constraints for torch $TORCH, only $(cd "$GITHUB_ACTION_PATH/constraints" && ls torch-*.txt | xargs)"
    exit 2
fi
case "$COMMAND" in
    verify) jaccheck="$GITHUB_ACTION_PATH" ;;
    # The versions of BackPACK are laid over an environment that has what BackPACK requires.
    gate) jaccheck="$GITHUB_ACTION_PATH[backpack]" INSTALL="" ;;
    pytest) jaccheck="$GITHUB_ACTION_PATH[pytest]" ;;
    *)
        echo "::error::command: expected verify, gate or pytest, not $COMMAND"
        exit 2
        ;;
esac
read -r -a install <<<"$INSTALL"
python -m venv "$RUNNER_TEMP/jaccheck"
"$RUNNER_TEMP/jaccheck/bin/python" -m pip install -q -c "$constraints" "$jaccheck" "${install[@]}"
