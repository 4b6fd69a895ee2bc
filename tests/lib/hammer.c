/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/hammer.h"

#include <unistd.h>

#include "host/base/clock.h"
#include "tests/lib/http.h"
#include "tests/lib/test.h"

#define PATIENCE_MS 30000

static void wrong(struct hammer_client *client, const char *method, const char *target, const struct http_answer *answer)
{
	if (!client->counts.wrong++)
		(void)snprintf(client->counts.first_wrong, sizeof(client->counts.first_wrong), "%s %s gave %d %.160s", method,
			       target, answer->status, answer->body ? answer->body : "");
}

/* Asks until there is an answer. `ret_cut`: a try before it was cut off, so it may have been done already. */
static int ask(struct hammer_client *client, const char *method, const char *target, const char *body, struct http_answer *answer,
	       bool *ret_cut)
{
	*ret_cut = false;
	for (;;) {
		uint64_t start = clock_ns();
		if (client->fd < 0)
			client->fd = http_connect(client->hammer->socket);
		if (client->fd < 0) {
			client->counts.unconnected++;
			(void)usleep(1000);
			if (atomic_load(&client->hammer->stop))
				return -1;
			continue;
		}
		client->counts.requests++;
		/* The other side has ended an idle connection: it was not asked. */
		if (http_send_request(client->fd, method, target, body) != 0) {
			(void)close(client->fd);
			client->fd = -1;
			client->counts.ended++;
			continue;
		}
		bool answered = http_receive(client->fd, answer, PATIENCE_MS) == 0;
		uint64_t took = clock_ns() - start;
		if (took > client->counts.longest_ns)
			client->counts.longest_ns = took;
		if (!answered || !client->keep || !answer->keep_alive) {
			(void)close(client->fd);
			client->fd = -1;
		}
		client->counts.ended += answered && client->keep && !answer->keep_alive;
		if (answered)
			return answer->status;
		client->counts.cut++;
		*ret_cut = true;
		http_answer_free(answer);
	}
}

/* `otherwise`: what is right too, if an earlier try was cut off. */
static void expect(struct hammer_client *client, const char *method, const char *target, const char *body, int status,
		   int otherwise, const char *part)
{
	struct http_answer answer = {0};
	bool cut;

	int got = ask(client, method, target, body, &answer, &cut);
	if (got < 0)
		return;
	if (!(got == status && strstr(answer.body, part)) && !(cut && got == otherwise))
		wrong(client, method, target, &answer);
	http_answer_free(&answer);
}

static void *work(void *data)
{
	struct hammer_client *client = data;

	for (unsigned round = 0; !atomic_load(&client->hammer->stop); round++) {
		char name[32], target[64], body[96];
		(void)snprintf(name, sizeof(name), "h%d-%u", client->number, round);
		(void)snprintf(target, sizeof(target), "/v1/networks/%s", name);
		(void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"type\":\"%s\"}", name, client->hammer->type);
		expect(client, "POST", "/v1/networks", body, 201, 403, "\"id\"");
		expect(client, "GET", target, NULL, 200, 200, name);
		expect(client, "GET", "/v1/status", NULL, 200, 200, "\"pid\"");
		expect(client, "DELETE", target, NULL, 200, 404, "");
		expect(client, "GET", target, NULL, 404, 404, "NotFound");
	}
	if (client->fd >= 0)
		(void)close(client->fd);
	return NULL;
}

void hammer_start(struct hammer *hammer, const char *socket, const char *type)
{
	*hammer = (struct hammer){.socket = socket, .type = type};
	for (int i = 0; i < HAMMER_CLIENTS; i++) {
		struct hammer_client *client = &hammer->clients[i];
		*client = (struct hammer_client){.hammer = hammer, .number = i, .fd = -1, .keep = i % 2 == 0};
		assert_int_equal(pthread_create(&client->thread, NULL, work, client), 0);
	}
}

void hammer_stop(struct hammer *hammer)
{
	struct hammer_counts *total = &hammer->total;

	atomic_store(&hammer->stop, true);
	for (int i = 0; i < HAMMER_CLIENTS; i++) {
		const struct hammer_counts *counts = &hammer->clients[i].counts;
		(void)pthread_join(hammer->clients[i].thread, NULL);
		total->requests += counts->requests;
		total->unconnected += counts->unconnected;
		total->cut += counts->cut;
		total->ended += counts->ended;
		if (counts->wrong && !total->wrong)
			(void)snprintf(total->first_wrong, sizeof(total->first_wrong), "%s", counts->first_wrong);
		total->wrong += counts->wrong;
		if (counts->longest_ns > total->longest_ns)
			total->longest_ns = counts->longest_ns;
	}
}

void hammer_print(const struct hammer *hammer, const char *what)
{
	const struct hammer_counts *total = &hammer->total;

	print_message("%-34s requests %6llu, failed connects %llu, cut %llu, wrong %llu, longest wait %.1f ms\n", what,
		      (unsigned long long)total->requests, (unsigned long long)total->unconnected, (unsigned long long)total->cut,
		      (unsigned long long)total->wrong, (double)total->longest_ns / (double)NSEC_PER_MSEC);
}
