/* SPDX-License-Identifier: Apache-2.0 */
#include "host/base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 2048

static _Atomic int current_level = NDRV_LOG_INFO;
static _Atomic int current_fd = 2;
static _Atomic int prefix;

void log_set_level(int level)
{
	atomic_store_explicit(&current_level, level, memory_order_relaxed);
}

int log_level(void)
{
	return atomic_load_explicit(&current_level, memory_order_relaxed);
}

void log_set_fd(int fd)
{
	atomic_store(&current_fd, fd);
}

void log_set_prefix(int on)
{
	atomic_store(&prefix, on);
}

static const char *level_prefix(int level)
{
	if (!atomic_load_explicit(&prefix, memory_order_relaxed))
		return "";
	switch (level) {
	case NDRV_LOG_ERROR:
		return "<3>";
	case NDRV_LOG_WARNING:
		return "<4>";
	case NDRV_LOG_INFO:
		return "<6>";
	default:
		return "<7>";
	}
}

void log_write(int level, const char *topic, const char *fmt, ...)
{
	if (level > log_level())
		return;
	int saved_errno = errno;
	char line[LINE_MAX_BYTES];
	int head = snprintf(line, sizeof(line), "%s%s: ", level_prefix(level), topic);
	va_list args;
	va_start(args, fmt);
	int body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, fmt, args);
	va_end(args);
	size_t length = (size_t)head + (body > 0 ? (size_t)body : 0);
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	/* Ids and names come from clients: a newline in one must not fake a second line. */
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[length++] = '\n';
	ssize_t ignored = write(atomic_load(&current_fd), line, length);
	(void)ignored;
	errno = saved_errno;
}
