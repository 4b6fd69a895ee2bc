/* SPDX-License-Identifier: Apache-2.0 */
#include <ndrv/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* How much of the buffer a context may take, so that the cause behind it is always seen. */
#define CONTEXT_MAX (NDRV_ERROR_TEXT_MAX / 2)
/* Room kept for an errno's description. */
#define ERRNO_TEXT_MAX 64

struct row {
	int code;
	uint32_t kind;
	const char *name;
	const char *text;
};

static const struct row rows[] = {
#define NDRV_X(number, name, kind, text) {number, NDRV_KIND_##kind, #name, text},
	NDRV_ERRORS(NDRV_X)
#undef NDRV_X
};

static const struct {
	int sys_errno;
	int code;
} errno_map[] = {
	{ENOENT, NDRV_E_NOT_FOUND},
	{ESRCH, NDRV_E_NOT_FOUND},
	{ENODEV, NDRV_E_NOT_FOUND},
	{ENXIO, NDRV_E_NOT_FOUND},
	{EADDRNOTAVAIL, NDRV_E_NOT_FOUND},
	{EPERM, NDRV_E_FORBIDDEN},
	{EACCES, NDRV_E_FORBIDDEN},
	{EROFS, NDRV_E_FORBIDDEN},
	{EEXIST, NDRV_E_FORBIDDEN},
	{ENOTEMPTY, NDRV_E_FORBIDDEN},
	{EADDRINUSE, NDRV_E_ADDRESS_IN_USE},
	{ENOSYS, NDRV_E_NOT_IMPLEMENTED},
	{EOPNOTSUPP, NDRV_E_NOT_IMPLEMENTED},
	{EPROTONOSUPPORT, NDRV_E_NOT_IMPLEMENTED},
	{ESOCKTNOSUPPORT, NDRV_E_NOT_IMPLEMENTED},
	{EAFNOSUPPORT, NDRV_E_NOT_IMPLEMENTED},
	{EPFNOSUPPORT, NDRV_E_NOT_IMPLEMENTED},
	{ENOPROTOOPT, NDRV_E_NOT_IMPLEMENTED},
	{EINVAL, NDRV_E_BAD_REQUEST},
	{ERANGE, NDRV_E_BAD_REQUEST},
	{EDOM, NDRV_E_BAD_REQUEST},
	{E2BIG, NDRV_E_BAD_REQUEST},
	{ENAMETOOLONG, NDRV_E_BAD_REQUEST},
	{ENOTDIR, NDRV_E_BAD_REQUEST},
	{EISDIR, NDRV_E_BAD_REQUEST},
	{ELOOP, NDRV_E_BAD_REQUEST},
	{EDESTADDRREQ, NDRV_E_BAD_REQUEST},
	{ECONNREFUSED, NDRV_E_NO_SERVICE},
	{ECONNRESET, NDRV_E_NO_SERVICE},
	{ECONNABORTED, NDRV_E_NO_SERVICE},
	{ENOTCONN, NDRV_E_NO_SERVICE},
	{ESHUTDOWN, NDRV_E_NO_SERVICE},
	{EPIPE, NDRV_E_NO_SERVICE},
	{EHOSTUNREACH, NDRV_E_NO_SERVICE},
	{EHOSTDOWN, NDRV_E_NO_SERVICE},
	{ENETUNREACH, NDRV_E_NO_SERVICE},
	{ENETDOWN, NDRV_E_NO_SERVICE},
	{ENOSPC, NDRV_E_NO_SERVICE},
	{EDQUOT, NDRV_E_NO_SERVICE},
	{EMFILE, NDRV_E_NO_SERVICE},
	{ENFILE, NDRV_E_NO_SERVICE},
	{EXFULL, NDRV_E_NO_SERVICE},
	{ETIMEDOUT, NDRV_E_TIMEOUT},
	{ETIME, NDRV_E_TIMEOUT},
	{ECANCELED, NDRV_E_CANCELLED},
	{EAGAIN, NDRV_E_RETRY},
	{EINTR, NDRV_E_RETRY},
	{EBUSY, NDRV_E_RETRY},
	{EALREADY, NDRV_E_RETRY},
	{EINPROGRESS, NDRV_E_RETRY},
	{ENOBUFS, NDRV_E_RETRY},
};

static const char *const kind_names[] = {[NDRV_KIND_OK] = "OK",
#define NDRV_X(number, name, text) [number] = text,
					 NDRV_KINDS(NDRV_X)
#undef NDRV_X
};

/* The row of a code, whatever its sign; INTERNAL's for a number this side does not know, and for 0: something that fails has not
 * succeeded. */
static const struct row *row_of(int code)
{
	const struct row *internal = &rows[0];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].code == code || rows[i].code == -code)
			return &rows[i];
		if (rows[i].code == NDRV_E_INTERNAL)
			internal = &rows[i];
	}
	return internal;
}

/* Ends a text that did not fit with "...", cutting no UTF-8 sequence in two. `bytes` is what the whole text would have taken. */
static void mark_cut(char *text, size_t room, int bytes)
{
	if (bytes < 0) {
		text[0] = '\0';
		return;
	}
	if ((size_t)bytes < room)
		return;
	size_t end = room - sizeof("...");
	while (end > 0 && ((unsigned char)text[end] & 0xC0u) == 0x80u)
		end--;
	memcpy(text + end, "...", sizeof("..."));
}

NDRV_PRINTF(3, 0) static void format(char *text, size_t room, const char *fmt, va_list args)
{
	mark_cut(text, room, vsnprintf(text, room, fmt, args));
}

NDRV_PRINTF(3, 4) static void put(char *text, size_t room, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	format(text, room, fmt, args);
	va_end(args);
}

/* `text` is never inside `err`: callers format into a buffer of their own, since arguments may point into the error they replace.
 */
static int fill(struct ndrv_error *err, int code, int sys_errno, const char *text)
{
	const struct row *row = row_of(code);

	if (err) {
		*err = (struct ndrv_error){.code = row->code, .kind = row->kind, .sys_errno = sys_errno};
		put(err->text, sizeof(err->text), "%s", text);
	}
	return -row->code;
}

int ndrv_fail(struct ndrv_error *err, int code, const char *fmt, ...)
{
	char text[NDRV_ERROR_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	format(text, sizeof(text), fmt, args);
	va_end(args);
	return fill(err, code, 0, text);
}

int ndrv_fail_object(struct ndrv_error *err, int code, const char *object)
{
	const char *row = row_of(code)->text;
	const char *hole = strstr(row, "%s");
	char text[NDRV_ERROR_TEXT_MAX];

	if (hole)
		put(text, sizeof(text), "%.*s%s%s", (int)(hole - row), row, object ? object : "?", hole + 2);
	else
		put(text, sizeof(text), "%s", row);
	return fill(err, code, 0, text);
}

int ndrv_fail_errno(struct ndrv_error *err, int sys_errno, const char *fmt, ...)
{
	char sentence[NDRV_ERROR_TEXT_MAX - ERRNO_TEXT_MAX];
	char text[NDRV_ERROR_TEXT_MAX];
	const char *description = strerrordesc_np(sys_errno);
	va_list args;

	va_start(args, fmt);
	format(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	if (description)
		put(text, sizeof(text), "%s: %s", sentence, description);
	else
		put(text, sizeof(text), "%s: errno %d", sentence, sys_errno);
	return fill(err, ndrv_error_from_errno(sys_errno), sys_errno, text);
}

int ndrv_wrap(struct ndrv_error *err, int rc, const char *fmt, ...)
{
	char context[CONTEXT_MAX];
	char cause[NDRV_ERROR_TEXT_MAX];
	va_list args;

	if (rc == 0 || !err)
		return rc;
	va_start(args, fmt);
	format(context, sizeof(context), fmt, args);
	va_end(args);
	if (err->code == 0) {
		put(cause, sizeof(cause), "failed without saying why (%s)", ndrv_kind_name(ndrv_error_kind(rc)));
		fill(err, rc, 0, cause);
	}
	err->text[sizeof(err->text) - 1] = '\0';
	memcpy(cause, err->text, sizeof(cause));
	put(err->text, sizeof(err->text), "%s: %s", context, cause);
	return rc;
}

int ndrv_maskable(struct ndrv_error *err, int rc)
{
	if (err && rc != 0)
		err->flags |= NDRV_ERROR_MASKABLE;
	return rc;
}

void ndrv_error_clear(struct ndrv_error *err)
{
	if (err)
		*err = (struct ndrv_error){0};
}

uint32_t ndrv_error_kind(int code)
{
	return code == 0 ? (uint32_t)NDRV_KIND_OK : row_of(code)->kind;
}

const char *ndrv_error_name(int code)
{
	return code == 0 ? "OK" : row_of(code)->name;
}

const char *ndrv_kind_name(uint32_t kind)
{
	return kind < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[kind] : kind_names[NDRV_KIND_INTERNAL];
}

int ndrv_error_from_errno(int sys_errno)
{
	for (size_t i = 0; i < sizeof(errno_map) / sizeof(errno_map[0]); i++)
		if (errno_map[i].sys_errno == sys_errno)
			return errno_map[i].code;
	return NDRV_E_INTERNAL;
}
