#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every source, script and build file says its licence in its first two lines (the first may be #!).
# shellcheck source=tests/lint/files.sh
. "$(dirname "$0")/files.sh"

missing=$(shipped | grep -E '\.([chly]|sh|mk|am|ac|py|in|ya?ml|service|socket|[1-9])$|^dev$|^\.ci/run$' |
	grep -vE '^(tests/[^ ]*/(corpus|golden|data|fixtures|bad|good)/|tests/lint/[a-z]*.allow$)' |
	while IFS= read -r f; do
		head -n 2 "$f" | grep -q 'SPDX-License-Identifier: Apache-2\.0' || echo "$f: no SPDX line in its first two lines"
	done)
[ -z "$missing" ] || { echo "$missing"; exit 1; }
