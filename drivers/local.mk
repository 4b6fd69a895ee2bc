# SPDX-License-Identifier: Apache-2.0
# One folder and four lines per driver. A driver may include <ndrv/*> and its own folder, nothing else.
