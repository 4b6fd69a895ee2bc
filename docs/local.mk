# SPDX-License-Identifier: Apache-2.0
dist_man_MANS += %D%/man/ndrvd.8 %D%/man/ndrvctl.1
dist_doc_DATA += %D%/architecture.md %D%/config.md %D%/abi.md %D%/errors.md %D%/writing-a-driver.md %D%/state.md %D%/upgrade.md
dist_doc_DATA += %D%/swap.md %D%/trust.md
dist_doc_DATA += %D%/openapi.yaml %D%/parents.md
dist_doc_DATA += %D%/drivers/bridge.md
dist_doc_DATA += %D%/drivers/overlay.md
dist_doc_DATA += %D%/drivers/remote.md

dist_doc_DATA += %D%/tables.md
dist_doc_DATA += %D%/nat.md
dist_man_MANS += %D%/man/ndrv-check.1
dist_doc_DATA += %D%/conformance.md
dist_doc_DATA += %D%/docker.md
dist_doc_DATA += %D%/install.md
dist_man_MANS += %D%/man/ndrv-newdriver.1
dist_doc_DATA += %D%/rpm.md
