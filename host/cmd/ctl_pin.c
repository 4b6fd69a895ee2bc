/* SPDX-License-Identifier: Apache-2.0 */
/* ndrvctl driver pin: the content that serves now, written into the administrator's descriptor. ndrvctl does it, not the host: the
 * directory is the administrator's, and the host writes nowhere but into its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cmd/ctl.h"

#define NAME_ROOM 64
#define PATH_ROOM 512
#define FILE_MAX (64u << 10) /* what a descriptor may have */
#define COPIED "# ndrvctl driver pin: a copy of "

struct pin {
	const struct ctl *ctl;
	char name[NAME_ROOM], sha256[80];
	char origin[PATH_ROOM]; /* the descriptor that is in force */
	char dir[PATH_ROOM - 128], path[PATH_ROOM];
	mode_t mode;
};

static int fails(const struct pin *pin, const char *path, int error)
{
	char text[2 * PATH_ROOM];

	(void)snprintf(text, sizeof(text), "%s: %s", path, strerrordesc_np(error));
	return ctl_error(pin->ctl, 0, "FORBIDDEN", error == ENOENT ? "NotFound" : "Forbidden", text);
}

static int refuses(const struct pin *pin, const char *path, const char *why)
{
	char text[3 * PATH_ROOM];

	(void)snprintf(text, sizeof(text), "driver %s: %s %s", pin->name, path, why);
	return ctl_error(pin->ctl, 0, "FORBIDDEN", "Forbidden", text);
}

/* The file's text, malloc'ed; NULL with errno. */
static char *read_text(const char *path, mode_t *ret_mode)
{
	struct stat st;
	char *text = NULL;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= FILE_MAX) {
		text = ctl_memory(calloc(1, FILE_MAX + 1));
		*ret_mode = st.st_mode & 0777;
		if (read(fd, text, FILE_MAX) < 0) {
			free(text);
			text = NULL;
		}
	} else {
		errno = EINVAL;
	}
	int saved = errno;
	(void)close(fd);
	errno = saved;
	return text;
}

static const char *line_after(const char *line)
{
	line += strcspn(line, "\n");
	return line + (*line == '\n');
}

/* The key at the left margin, and the lines that belong to its value: a list below it. */
static bool is_pin_line(const char *line)
{
	return strncmp(line, "sha256:", 7) == 0;
}

static bool continues(const char *line)
{
	size_t blanks = strspn(line, " ");

	return line[blanks] && line[blanks] != '\n' && line[blanks] != '#' && (blanks > 0 || *line == '-');
}

/* What a text editor would be needed for: a map in braces, or a key in quotes. */
static bool is_plain(const char *text)
{
	for (const char *line = text; *line; line = line_after(line))
		if (strchr("{\"'?", *line))
			return false;
	return true;
}

/* `text` without its pin, and with `with` in that place, or at the end. malloc'ed. */
static char *edit(const char *text, const char *with)
{
	char *to = ctl_memory(malloc(strlen(text) + strlen(with) + 2));
	size_t at = 0;
	bool done = false;

	for (const char *line = text, *next; *line; line = next) {
		next = line_after(line);
		if (!is_pin_line(line)) {
			memcpy(to + at, line, (size_t)(next - line));
			at += (size_t)(next - line);
			continue;
		}
		while (continues(next))
			next = line_after(next);
		if (!done)
			at += (size_t)sprintf(to + at, "%s", with);
		done = true;
	}
	if (!done && *with) {
		if (at > 0 && to[at - 1] != '\n')
			to[at++] = '\n';
		at += (size_t)sprintf(to + at, "%s", with);
	}
	to[at] = '\0';
	return to;
}

/* Whole or not at all. A name that begins with a dot is not read as a drop-in. */
static int write_text(const struct pin *pin, const char *text)
{
	char temporary[PATH_ROOM];
	size_t length = strlen(text);

	(void)snprintf(temporary, sizeof(temporary), "%s/.%s.yaml.new", pin->dir, pin->name);
	if (mkdir(pin->dir, 0755) && errno != EEXIST)
		return fails(pin, pin->dir, errno);
	(void)unlink(temporary);
	int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fails(pin, temporary, errno);
	bool good = write(fd, text, length) == (ssize_t)length && fchmod(fd, pin->mode) == 0 && fsync(fd) == 0;
	int error = good ? 0 : errno;
	(void)close(fd);
	if (good && rename(temporary, pin->path) != 0)
		error = errno;
	if (error) {
		(void)unlink(temporary);
		return fails(pin, pin->path, error);
	}
	int dir = open(pin->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0) {
		(void)fsync(dir);
		(void)close(dir);
	}
	return 0;
}

/* A copy that nobody changed is of no use without the pin: the package's file is in force again. */
static bool is_mere_copy(const char *text)
{
	char from[PATH_ROOM];
	mode_t mode;

	if (strncmp(text, COPIED, strlen(COPIED)) != 0)
		return false;
	const char *begin = text + strlen(COPIED), *rest = line_after(text);
	(void)snprintf(from, sizeof(from), "%.*s", (int)strcspn(begin, "\n"), begin);
	char *original = read_text(from, &mode);
	bool same = original && strcmp(original, rest) == 0;
	free(original);
	return same;
}

static int unpin(struct pin *pin)
{
	char *text = read_text(pin->path, &pin->mode);

	if (!text)
		return errno == ENOENT ? 0 : fails(pin, pin->path, errno);
	char *without = edit(text, "");
	int status = 0;
	if (!is_plain(text))
		status = refuses(pin, pin->path, "is not written a key a line: take sha256 out by hand");
	else if (is_mere_copy(without))
		status = unlink(pin->path) ? fails(pin, pin->path, errno) : 0;
	else if (strcmp(without, text) != 0)
		status = write_text(pin, without);
	free(without);
	free(text);
	return status;
}

/* The administrator's own descriptor, else a copy of the one in force. malloc'ed; NULL: *ret_status was reported. */
static char *begin_text(struct pin *pin, int *ret_status)
{
	char *text = read_text(pin->path, &pin->mode), *copy = NULL;

	if (text)
		return text;
	if (errno != ENOENT) {
		*ret_status = fails(pin, pin->path, errno);
		return NULL;
	}
	text = read_text(pin->origin, &pin->mode);
	if (!text) {
		*ret_status = fails(pin, pin->origin, errno);
		return NULL;
	}
	if (asprintf(&copy, COPIED "%s\n%s", pin->origin, text) < 0)
		copy = NULL;
	free(text);
	return ctl_memory(copy);
}

static int put_pin(struct pin *pin)
{
	char line[128];
	int status = 0;
	const char *base = strrchr(pin->origin, '/');

	(void)snprintf(line, sizeof(line), "%s.yaml", pin->name);
	if (!base || strcmp(base + 1, line) != 0)
		return refuses(pin, *pin->origin ? pin->origin : "by hand",
			       "is where it comes from, not a drop-in: put sha256 there");
	char *text = begin_text(pin, &status);
	if (!text)
		return status;
	(void)snprintf(line, sizeof(line), "sha256: %s\n", pin->sha256);
	char *with = edit(text, line);
	if (!is_plain(text))
		status = refuses(pin, pin->path, "is not written a key a line: put sha256 there by hand");
	else if (strcmp(with, text) != 0)
		status = write_text(pin, with);
	free(with);
	free(text);
	return status;
}

/* "FILE:LINE:COLUMN" */
static void cut_place(char *origin)
{
	for (int i = 0; i < 2; i++) {
		char *colon = strrchr(origin, ':');
		if (colon)
			*colon = '\0';
	}
}

static int report(const struct pin *pin, bool removed)
{
	if (!pin->ctl->json)
		(void)printf("driver %s: %s in %s; in force with the next reload\n", pin->name,
			     removed ? "no pin any more" : "pinned", pin->path);
	if (pin->ctl->json) {
		json_t *json = ctl_memory(json_pack("{s:s, s:s, s:s?}", "driver", pin->name, "file", pin->path, "sha256",
						    removed ? NULL : pin->sha256));
		ctl_print_json(json);
		json_decref(json);
	}
	return 0;
}

int ctl_driver_pin(struct ctl *ctl, char **arguments, int count)
{
	struct pin pin = {.ctl = ctl, .mode = 0644};
	const char *dir = ctl_value(ctl, "dir");
	char *path = ctl_path("/v1/drivers/%s", arguments[0]);
	int status;
	json_t *json = ctl_call(ctl, "GET", path, NULL, &status);

	(void)count;
	free(path);
	if (!json)
		return status;
	(void)ctl_text(json, "driver", pin.name, sizeof(pin.name));
	(void)ctl_text(json, "sha256", pin.sha256, sizeof(pin.sha256));
	cut_place((char *)(uintptr_t)ctl_text(json, "origin", pin.origin, sizeof(pin.origin)));
	json_decref(json);
	if (strlen(pin.sha256) != 64 || !*pin.name || strchr(pin.name, '/'))
		return ctl_error(ctl, 0, "INTERNAL", "Internal", "the host does not say which file serves");
	(void)snprintf(pin.dir, sizeof(pin.dir), "%s", dir ? dir : NDRV_SYSCONFDIR "/ndrv/drivers.d");
	(void)snprintf(pin.path, sizeof(pin.path), "%s/%s.yaml", pin.dir, pin.name);
	status = ctl_flag(ctl, "remove") ? unpin(&pin) : put_pin(&pin);
	return status ? status : report(&pin, ctl_flag(ctl, "remove"));
}
