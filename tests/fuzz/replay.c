/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over its committed corpus without a fuzzer, so that `make check` keeps what fuzzing once found. A target is
 * one LLVMFuzzerTestOneInput; link it with this file and define REPLAY_CORPUS (a directory), or name files and directories on the
 * command line. Every input is also tried cut short and with bytes changed, the same way each time: no randomness, no time. */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX (1u << 20)
#define CUTS 32u
#define CHANGES 64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned inputs, runs;

/* The target gets memory of exactly the input's size, so that a read past the end is seen by the sanitizers. */
static int run(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy) {
		fputs("replay: out of memory\n", stderr);
		return -1;
	}
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
	return 0;
}

static int run_variants(uint8_t *data, size_t size)
{
	/* What parsers give a meaning to: ends, signs, brackets, quotes, invalid UTF-8. */
	static const uint8_t bytes[] = {0, '\n', '"', '\'', '{', '[', ']', ':', '-', '%', '&', '\t', ' ', 0x7f, 0x80, 0xff};
	uint32_t state = 2166136261u;

	for (size_t i = 1; i <= CUTS && i < size; i++)
		if (run(data, size * i / (CUTS + 1)) < 0)
			return -1;
	for (unsigned i = 0; i < CHANGES && size > 0; i++) {
		state = state * 1664525u + 1013904223u;
		size_t at = (state >> 8) % size;
		uint8_t before = data[at];
		data[at] = bytes[i % sizeof(bytes)];
		int rc = run(data, size);
		data[at] = before;
		if (rc < 0)
			return -1;
	}
	return 0;
}

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *data = file ? malloc(INPUT_MAX) : NULL;
	int rc = -1;

	if (data) {
		size_t size = fread(data, 1, INPUT_MAX, file);
		rc = ferror(file) ? -1 : run(data, size);
		if (rc == 0)
			rc = run_variants(data, size);
		inputs++;
	}
	if (rc < 0)
		fprintf(stderr, "replay: %s: %s\n", path, strerrordesc_np(errno));
	free(data);
	if (file)
		(void)fclose(file);
	return rc;
}

/* A file, or every file of a directory (its folders too). */
static int replay_path(const char *path)
{
	DIR *dir = opendir(path);

	if (!dir)
		return replay_file(path);
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(dir));) {
		char child[4096];
		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		rc = replay_path(child);
	}
	(void)closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	int rc = 0;

	for (int i = 1; rc == 0 && i < argc; i++)
		rc = replay_path(argv[i]);
#ifdef REPLAY_CORPUS
	if (argc < 2)
		rc = replay_path(REPLAY_CORPUS);
#endif
	if (rc == 0 && inputs == 0) {
		fputs("replay: there is no input to run\n", stderr);
		rc = -1;
	}
	printf("replayed %u inputs, %u runs\n", inputs, runs);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
