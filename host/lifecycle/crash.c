/* SPDX-License-Identifier: Apache-2.0 */
#include "host/lifecycle/crash.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "host/dispatch/attempt.h"
#include "host/dispatch/frames.h"

/* Everything below runs in a signal handler: no allocation, no stdio, no locks. */
struct line {
	char text[512];
	size_t used;
};

static void add(struct line *line, const char *text)
{
	size_t length = strlen(text), room = sizeof(line->text) - line->used;

	if (length > room)
		length = room;
	memcpy(line->text + line->used, text, length);
	line->used += length;
}

static void name_frame(struct line *line, const struct frame *frame)
{
	const struct instance *instance = atomic_load(&frame->instance);
	const struct network *network = atomic_load(&frame->network);

	if (!instance) {
		add(line, "outside any driver\n");
		return;
	}
	add(line, "in driver ");
	add(line, instance->generation->name);
	if (instance->generation->module) {
		add(line, " ");
		add(line, instance->generation->module->note.version);
		add(line, " (");
		add(line, instance->generation->module->path);
		add(line, ")");
	}
	add(line, ", op ");
	add(line, slot_name(atomic_load(&frame->slot)));
	if (network) {
		add(line, ", network ");
		add(line, network->view.id);
	}
	add(line, "\n");
}

static void crashed(int number)
{
	const struct frame *frame = frame_here();
	struct line line = {.used = 0};

	add(&line, "host: crashed with ");
	const char *name = sigabbrev_np(number);
	add(&line, name ? "SIG" : "signal");
	add(&line, name ? name : "");
	add(&line, " ");
	const struct network *network = frame ? atomic_load(&frame->network) : NULL;
	if (network)
		attempts_crashed(network->view.id, number);
	if (frame)
		name_frame(&line, frame);
	else
		add(&line, "outside any driver\n");
	ssize_t ignored = write(STDERR_FILENO, line.text, line.used);
	(void)ignored;
	/* The handler was one-shot: the signal now does what it always did. */
	(void)raise(number);
}

void crash_attribute(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	struct sigaction action = {.sa_handler = crashed, .sa_flags = (int)SA_RESETHAND | SA_NODEFER};

	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		struct sigaction before;
		/* A sanitizer that handles it knows more. */
		if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			(void)sigaction(signals[i], &action, NULL);
	}
}
