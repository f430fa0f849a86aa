#!/usr/bin/env bash
# Runs the published clients against the simulator; see run.py for the options, and GREENROOM_BIN for another program.

set -euo pipefail
exec python3 "$(dirname "${BASH_SOURCE[0]}")/run.py" "$@"
