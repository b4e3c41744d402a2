"""Anthropic's SDKs for TypeScript, unmodified, talk to `looms emulator`.

The checks are written in JavaScript (clients/node/anthropic_sdk.js); this starts the emulator that they talk to. Their
report is passed on as it is.
"""

import subprocess
import sys
from pathlib import Path

import checks
import looms

SCRIPT = Path(__file__).parents[1] / "node/anthropic_sdk.js"

with looms.emulator():
    sys.exit(subprocess.run(["node", SCRIPT], timeout=checks.MAX_SECONDS).returncode)
