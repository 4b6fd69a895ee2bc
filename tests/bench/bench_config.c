/* SPDX-License-Identifier: Apache-2.0 */
/* The worst time that any input costs: the corpus of the unit tests, and bombs of 64 KiB, just small enough to be looked at. Each
 * is read as a file and as a drop-in; the best of a few runs counts, since it is the input's price that is asked for, not the
 * machine's mood. Compared with libyaml's own document loader on the same bytes, in a child that is stopped after two seconds. */
#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <yaml.h>

#include "host/base/clock.h"
#include "host/config/config.h"
#include "host/config/schema.h"

#define AIM_MS 50.0
#define RUNS 5
#define LOADER_SECONDS 2

struct worst {
	char name[256];
	double ms;
	unsigned inputs;
};

static double price_ms(const char *data, size_t bytes)
{
	double best = INFINITY;

	for (int i = 0; i < RUNS; i++) {
		struct arena arena;
		struct node *root = NULL;
		struct config config = {.file = "bench"};
		struct config_driver driver;
		uint64_t before = clock_ns();
		arena_init(&arena, 64u << 20);
		if (yaml_parse(&arena, "bench", data, bytes, NULL, &root, NULL) == 0) {
			(void)schema_read(&schema_top, root, &config, &arena, NULL);
			(void)driver_read("bench", root, "bench", 1, 1, &arena, &driver, NULL);
		}
		arena_reset(&arena);
		double ms = (double)(clock_ns() - before) / (double)NSEC_PER_MSEC;
		best = ms < best ? ms : best;
	}
	return best;
}

static void measure(struct worst *worst, const char *name, const char *data, size_t bytes)
{
	double ms = price_ms(data, bytes);

	worst->inputs++;
	if (ms > worst->ms) {
		worst->ms = ms;
		(void)snprintf(worst->name, sizeof(worst->name), "%s", name);
	}
}

static int measure_dir(struct worst *worst, const char *path)
{
	static char data[1u << 20];
	DIR *dir = opendir(path);

	if (!dir) {
		perror(path);
		return -1;
	}
	for (struct dirent *entry; (entry = readdir(dir));) {
		char file[4096];
		(void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		FILE *in = strstr(entry->d_name, ".yaml") ? fopen(file, "re") : NULL;
		if (!in)
			continue;
		size_t bytes = fread(data, 1, sizeof(data), in);
		(void)fclose(in);
		measure(worst, entry->d_name, data, bytes);
	}
	(void)closedir(dir);
	return 0;
}

/* What libyaml alone takes; negative: stopped after LOADER_SECONDS. */
static double loader_ms(const char *data, size_t bytes)
{
	uint64_t before = clock_ns();
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		yaml_parser_t parser;
		yaml_document_t document;
		(void)alarm(LOADER_SECONDS);
		if (yaml_parser_initialize(&parser)) {
			yaml_parser_set_input_string(&parser, (const unsigned char *)data, bytes);
			(void)yaml_parser_load(&parser, &document);
		}
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return 0;
	return WIFSIGNALED(status) ? -1 : (double)(clock_ns() - before) / (double)NSEC_PER_MSEC;
}

/* `piece` over and over, `#` in it replaced by a number, until the text is full. */
static size_t fill(char *data, const char *piece)
{
	size_t at = 0;

	for (unsigned i = 0;; i++) {
		char text[512];
		const char *hole = strchr(piece, '#');
		int bytes = hole ? snprintf(text, sizeof(text), "%.*s%u%s", (int)(hole - piece), piece, i, hole + 1)
				 : snprintf(text, sizeof(text), "%s", piece);
		if (bytes <= 0 || at + (size_t)bytes > YAML_BYTES_MAX)
			return at;
		memcpy(data + at, text, (size_t)bytes);
		at += (size_t)bytes;
	}
}

static void measure_bombs(struct worst *worst)
{
	static const struct {
		const char *name, *piece;
	} bombs[] = {{"lists in lists", "["},
		     {"maps in maps", "{a: "},
		     {"lists with a word", "[\"a\","},
		     {"block lists", "- "},
		     {"anchors", "- &a# b\n"},
		     {"aliases of themselves", "&a [*a] "},
		     {"%TAG lines", "%TAG !t#! tag:example.org,2026:\n"},
		     {"many items", "- a\n"},
		     {"many keys", "k#: 1\n"},
		     {"many drivers", "d#: {file: a.so}\n"},
		     {"the same key", "key: 1\n"},
		     {"one long word", "x"},
		     {"one long quoted word", "\"\\x41"},
		     {"blanks", "    \n"},
		     {"empty lines", "\n"},
		     {"words over lines", "word\n\n"},
		     {"quotes", "\""},
		     {"question marks", "? a#\n"},
		     {"commas", ",,,,"},
		     {"colons", ": : "}};
	static char data[YAML_BYTES_MAX];

	printf("%-24s %10s %14s\n", "bomb of 64 KiB", "here", "libyaml loads");
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		size_t bytes = fill(data, bombs[i].piece);
		double here = price_ms(data, bytes), theirs = loader_ms(data, bytes);
		measure(worst, bombs[i].name, data, bytes);
		if (theirs < 0)
			printf("%-24s %7.2f ms %9s > %d s\n", bombs[i].name, here, "", LOADER_SECONDS);
		else
			printf("%-24s %7.2f ms %11.2f ms\n", bombs[i].name, here, theirs);
	}
}

int main(void)
{
	static const char *const dirs[] = {CORPUS "/good", CORPUS "/bad", CORPUS "/bad/drivers"};
	struct worst worst = {.ms = 0};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (measure_dir(&worst, dirs[i]) < 0)
			return EXIT_FAILURE;
	printf("corpus: %u files, worst %.2f ms (%s)\n\n", worst.inputs, worst.ms, worst.name);
	measure_bombs(&worst);
	printf("\nworst of %u inputs: %.2f ms (%s), %.2f of the aim of %.0f ms\n", worst.inputs, worst.ms, worst.name,
	       worst.ms / AIM_MS, AIM_MS);
	return EXIT_SUCCESS;
}
