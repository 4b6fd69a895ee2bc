/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_STATE_CRC32C_H
#define HOST_STATE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli) of `bytes` bytes, continuing from `crc`, which is 0 at the start. Thread-safe. */
uint32_t crc32c(uint32_t crc, const void *data, size_t bytes);

#endif
