# SPDX-License-Identifier: Apache-2.0
# The SDK as a vendor sees it.
include tests/unit/sdk.mk
