/* SPDX-License-Identifier: Apache-2.0 */
/* The host's log: one line per event to standard error (journald adds the rest). Libraries (sdk, drivers, base, config, state,
 * sandbox) do not log, they return errors; the edges do: dispatcher, loader, lifecycle, fronts, cmd. Levels are NDRV_LOG_ERROR ...
 * NDRV_LOG_DEBUG. */
#ifndef HOST_BASE_LOG_H
#define HOST_BASE_LOG_H

#include <ndrv/host.h>

/* Highest level written; NDRV_LOG_INFO until set. Thread-safe. 0 turns the log off. */
void log_set_level(int level);
int log_level(void);
/* Where lines go; a file descriptor that is not closed. 2 until set. */
void log_set_fd(int fd);
/* "<6>topic: text": the level as sd-daemon(3) prefix when `log_set_prefix(1)`, control characters written as "?", at most one
 * write(2). */
void log_set_prefix(int on);
void log_write(int level, const char *topic, const char *fmt, ...) NDRV_PRINTF(3, 4);

#define log_error(topic, ...) log_write(NDRV_LOG_ERROR, topic, __VA_ARGS__)
#define log_warning(topic, ...) log_write(NDRV_LOG_WARNING, topic, __VA_ARGS__)
#define log_info(topic, ...) log_write(NDRV_LOG_INFO, topic, __VA_ARGS__)
#define log_debug(topic, ...)                                          \
	do {                                                           \
		if (log_level() >= NDRV_LOG_DEBUG)                     \
			log_write(NDRV_LOG_DEBUG, topic, __VA_ARGS__); \
	} while (0)

#endif
