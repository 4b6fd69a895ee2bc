/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite reads its write-ahead log up to the first frame whose checksum is wrong and takes the rest for what a crash left
 * unfinished. That is right for the frames of a transaction that was not committed, but damage in the middle of the log looks the
 * same and silently takes all later transactions with it. This tells the two apart: behind the damage stand whole commits of the
 * same generation of the log. The format: https://sqlite.org/fileformat2.html#walformat */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/state/db.h"

#define HEADER_BYTES 32u
#define FRAME_BYTES 24u
#define MAGIC 0x377f0682u /* its lowest bit: checksums over big-endian words */
/* The log is kept near 4 MB; a larger one is not worth reading twice. */
#define LOG_MAX (64 * 1024 * 1024)

struct wal {
	unsigned char *bytes;
	size_t size;
	uint32_t page;
	uint32_t sum[2];
	bool big_endian;
};

static uint32_t big32(const unsigned char *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t little32(const unsigned char *at)
{
	return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void add_to_sum(struct wal *wal, const unsigned char *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 8) {
		uint32_t first = wal->big_endian ? big32(at + i) : little32(at + i);
		uint32_t second = wal->big_endian ? big32(at + i + 4) : little32(at + i + 4);
		wal->sum[0] += first + wal->sum[1];
		wal->sum[1] += second + wal->sum[0];
	}
}

static bool read_whole(const char *path, struct wal *wal)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool ok =
		fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)HEADER_BYTES && st.st_size <= LOG_MAX;

	if (ok) {
		wal->size = (size_t)st.st_size;
		wal->bytes = malloc(wal->size);
		ok = wal->bytes && pread(fd, wal->bytes, wal->size, 0) == (ssize_t)wal->size;
	}
	if (fd >= 0)
		(void)close(fd);
	return ok;
}

/* A bad header hides all there is; its frames do not tell their size then. */
static bool header_is_good(struct wal *wal)
{
	uint32_t magic = big32(wal->bytes);

	wal->page = big32(wal->bytes + 8);
	wal->big_endian = magic & 1;
	if ((magic & ~1u) != MAGIC || wal->page < 512 || wal->page > 65536 || (wal->page & (wal->page - 1)))
		return false;
	add_to_sum(wal, wal->bytes, 24);
	return wal->sum[0] == big32(wal->bytes + 24) && wal->sum[1] == big32(wal->bytes + 28);
}

static bool frame_is_good(struct wal *wal, const unsigned char *frame)
{
	add_to_sum(wal, frame, 8);
	add_to_sum(wal, frame + FRAME_BYTES, wal->page);
	return big32(frame + 8) == big32(wal->bytes + 16) && big32(frame + 12) == big32(wal->bytes + 20) &&
	       big32(frame + 16) == wal->sum[0] && big32(frame + 20) == wal->sum[1];
}

/* Either salt: the one of the damaged frame may be what is damaged. Frames of an earlier generation have both different. */
static bool is_commit_of_this_log(const struct wal *wal, const unsigned char *frame)
{
	bool same = big32(frame + 8) == big32(wal->bytes + 16) || big32(frame + 12) == big32(wal->bytes + 20);

	return same && big32(frame + 4) != 0;
}

static uint64_t count_lost(struct wal *wal)
{
	if (!header_is_good(wal))
		return wal->size > HEADER_BYTES + FRAME_BYTES ? 1 : 0;
	size_t step = FRAME_BYTES + wal->page, at = HEADER_BYTES;
	uint64_t lost = 0;
	while (at + step <= wal->size && frame_is_good(wal, wal->bytes + at))
		at += step;
	for (; at + step <= wal->size; at += step)
		lost += is_commit_of_this_log(wal, wal->bytes + at);
	return lost;
}

uint64_t wal_lost_commits(const char *path)
{
	char name[PATH_MAX + 8];
	struct wal wal = {0};

	(void)snprintf(name, sizeof(name), "%s-wal", path);
	uint64_t lost = read_whole(name, &wal) ? count_lost(&wal) : 0;
	free(wal.bytes);
	return lost;
}
