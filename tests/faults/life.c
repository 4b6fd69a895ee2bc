/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/faults/life.h"

#include <dirent.h>
#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/lib/http.h"
#include "tests/lib/test.h"

#define BODY_BYTES 512

#define POOL "\"pools\": [{\"subnet\": \"10.9.0.0/24\"}],"
#define ADDRESSES                                    \
	{                                            \
		[0] = "10.9.0.10", [1] = "10.9.0.11" \
	}

/* The NAT service's elements name whose they are: a network, or an endpoint and its network. Each network has some, and each
 * endpoint one for its port. */
static int count_nat(int networks, int endpoints)
{
	char line[1024];
	int ofnetworks = 0, ofendpoints = 0;
	FILE *list = popen("nft list ruleset", "r"); /* NOLINT(cert-env33-c) */

	assert_non_null(list);
	while (fgets(line, sizeof(line), list))
		for (const char *at = line; (at = strstr(at, "comment \"")) != NULL; at++) {
			bool two = at[9 + strcspn(at + 9, " \"")] == ' ';
			ofendpoints += two;
			ofnetworks += !two;
		}
	assert_int_equal(pclose(list), 0);
	return abs(ofendpoints - endpoints) + ((ofnetworks > 0) != (networks > 0));
}

const struct life_kind life_kinds[] = {
	{.name = "bridge",
	 .type = "bridge",
	 .file = BUILT_DRIVERS "/bridge.so",
	 .network_body = POOL,
	 .address = ADDRESSES,
	 .network_links = 1,
	 .endpoint_links = 1,
	 .plugged = true,
	 .doubles = 240},
	{.name = "macvlan",
	 .type = "macvlan",
	 .file = BUILT_DRIVERS "/macvlan.so",
	 .network_body = POOL "\"options\": {\"parent\": \"p0\"},",
	 .address = ADDRESSES,
	 .parent = "p0 192.0.2.1/24",
	 .plugged = true,
	 .doubles = 120},
	{.name = "ipvlan",
	 .type = "ipvlan",
	 .file = BUILT_DRIVERS "/ipvlan.so",
	 .network_body = POOL "\"options\": {\"parent\": \"p0\"},",
	 .address = ADDRESSES,
	 .parent = "p0 192.0.2.1/24",
	 .plugged = true,
	 .doubles = 60},
	{.name = "bridge, NAT and ports",
	 .type = "bridge",
	 .file = BUILT_DRIVERS "/bridge.so",
	 .network_body = POOL,
	 .connect_body = "\"ports\": [{\"port\": 80}],",
	 .address = ADDRESSES,
	 .network_links = 1,
	 .endpoint_links = 1,
	 .plugged = true,
	 .others = count_nat,
	 .doubles = 120},
	{.name = "overlay",
	 .type = "overlay",
	 .file = BUILT_DRIVERS "/overlay.so",
	 .yaml = "config: {local_address: 192.0.2.1}\n",
	 .network_body = POOL "\"options\": {\"com.docker.network.driver.overlay.vxlanid_list\": \"4096\"},",
	 .address = ADDRESSES,
	 .parent = "p0 192.0.2.1/24",
	 .network_links = 2,
	 .endpoint_links = 1,
	 .plugged = true,
	 .doubles = 120},
	{.name = "null", .type = "null", .file = BUILT_DRIVERS "/null.so", .network_body = "", .doubles = 60},
	{.name = "host", .type = "host", .file = BUILT_DRIVERS "/host.so", .network_body = "", .doubles = 60},
	{.name = "files",
	 .type = "files",
	 .file = BUILT_FAULTS "/filedrv.so",
	 .network_body = POOL,
	 .address = ADDRESSES,
	 .files = true,
	 .doubles = 120},
};
const size_t life_kind_count = sizeof(life_kinds) / sizeof(life_kinds[0]);

const struct life_kind *life_kind(const char *name)
{
	for (size_t i = 0; i < life_kind_count; i++)
		if (!strcmp(life_kinds[i].name, name))
			return &life_kinds[i];
	fail_msg("no row \"%s\"", name);
	return NULL;
}

/* "p0 192.0.2.1/24": one end of a cable; the other one lies about. */
static void make_parent(const char *what)
{
	struct ndrv_link_peer peer = {.name = "wall", .netns_fd = -1};
	struct ndrv_link_spec spec = {.kind = "veth", .up = 1, .peer = &peer};
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	struct ndrv_prefix prefix;
	char name[NDRV_IFNAME_MAX];
	size_t length = strcspn(what, " ");
	struct ndrv_link link;

	(void)snprintf(name, sizeof(name), "%.*s", (int)length, what);
	spec.name = name;
	assert_ok(ndrv_link_create(nl, &spec, NULL, NULL, NULL, &err), &err);
	assert_ok(ndrv_link_get(nl, name, 0, &link, &err), &err);
	assert_ok(ndrv_prefix_parse(what + length + 1, &prefix, &err), &err);
	assert_ok(ndrv_address_add(nl, name, link.index, &prefix, &err), &err);
	assert_ok(ndrv_link_get(nl, "wall", 0, &link, &err), &err);
	assert_ok(ndrv_link_set(nl, "wall", link.index, &(struct ndrv_link_change){.up = 1}, &err), &err);
	ndrv_nl_close(nl);
}

/* --- the steps --- */

enum { CREATE, CONNECT_A, CONNECT_B, DISCONNECT_A, DELETE };

void life_set_up(struct life *life, const struct life_kind *kind)
{
	char yaml[512];

	*life = (struct life){.kind = kind};
	netns_enter_fresh();
	netns_new(&life->sandboxes[0]);
	netns_new(&life->sandboxes[1]);
	if (kind->parent)
		make_parent(kind->parent);
	life->links_before = (int)netns_link_count(NULL);
	daemon_set_up(&life->daemon, "calls: {workers: 1, max_workers: 1}\n");
	(void)snprintf(life->files, sizeof(life->files), "%s/files", life->daemon.dir);
	assert_int_equal(mkdir(life->files, 0700), 0);
	(void)snprintf(yaml, sizeof(yaml), "config: {dir: %s}\n", life->files);
	daemon_add_driver(&life->daemon, kind->type, kind->file, kind->files ? yaml : kind->yaml);
}

void life_tear_down(struct life *life)
{
	daemon_tear_down(&life->daemon);
	netns_free(&life->sandboxes[0]);
	netns_free(&life->sandboxes[1]);
}

static void connect_body(const struct life *life, int which, char *ret)
{
	const char *address = life->kind->address[which];

	(void)snprintf(ret, BODY_BYTES, "{%s \"netns\": \"%s\", \"id\": \"e%d\", \"endpoint\": \"name%d\"%s%s%s}",
		       life->kind->connect_body ? life->kind->connect_body : "", life->sandboxes[which].path, which, which,
		       address ? ", \"ip\": \"" : "", address ? address : "", address ? "\"" : "");
}

/* -1 with `errors`: an error that names code and kind. */
static int judge(struct life *life, int step, const struct http_answer *answer, bool errors)
{
	if (answer->status >= 200 && answer->status < 300) {
		life->acknowledged++;
		return 1;
	}
	life->lacking |= strstr(answer->body, "KERNEL_LACKS") != NULL;
	if (!errors)
		fail_msg("step %d was answered with %d %s", step, answer->status, answer->body);
	/* Without memory even for the error's text. Done or not: nobody has said. */
	if (answer->status == 500 && !answer->bytes) {
		life->speechless++;
		return 0;
	}
	if (!strstr(answer->body, "\"code\"") || !strstr(answer->body, "\"kind\""))
		fail_msg("step %d was answered with %d and no typed error: %s", step, answer->status, answer->body);
	life->refused++;
	return -1;
}

static int ask(struct life *life, int step, const char *method, const char *target, const char *body, bool errors)
{
	struct http_answer answer = {0};
	int rc = http_ask(life->daemon.socket, method, target, body, &answer);

	rc = rc == 0 && answer.status ? judge(life, step, &answer, errors) : 0;
	http_answer_free(&answer);
	return rc;
}

/* An answer settles it; none leaves both open. What a failed creation left is nothing; a failed deletion may be half done. */
static enum known outcome(int rc, enum known success)
{
	if (rc > 0)
		return success;
	return rc < 0 && success == PRESENT ? ABSENT : UNKNOWN;
}

int life_step(struct life *life, int step, bool errors)
{
	char body[BODY_BYTES];
	int rc, which = step - CONNECT_A;

	if (step == CREATE) {
		(void)snprintf(body, sizeof(body), "{%s \"name\": \"web\", \"id\": \"n1\", \"type\": \"%s\"}",
			       life->kind->network_body, life->kind->type);
		rc = ask(life, step, "POST", "/v1/networks", body, errors);
		life->network = outcome(rc, PRESENT);
	} else if (step == CONNECT_A || step == CONNECT_B) {
		connect_body(life, which, body);
		rc = ask(life, step, "POST", "/v1/networks/n1/connect", body, errors);
		life->endpoints[which] = outcome(rc, PRESENT);
	} else if (step == DISCONNECT_A) {
		rc = ask(life, step, "POST", "/v1/networks/n1/disconnect", "{\"endpoint\": \"e0\"}", errors);
		life->endpoints[0] = outcome(rc, ABSENT);
	} else {
		rc = ask(life, step, "DELETE", "/v1/networks/n1?force=1", NULL, errors);
		life->network = outcome(rc, ABSENT);
		for (int i = 0; i < 2; i++)
			if (life->endpoints[i] != ABSENT)
				life->endpoints[i] = life->network;
	}
	return rc;
}

int life_run(struct life *life, bool errors)
{
	int done = 0;

	while (done < LIFE_STEPS && life_step(life, done, errors) > 0)
		done++;
	return done;
}

bool life_possible(const struct life_kind *kind)
{
	struct life life;

	life_set_up(&life, kind);
	daemon_start(&life.daemon);
	int steps = life_run(&life, true);
	bool lacking = life.lacking;
	life_tear_down(&life);
	if (lacking)
		print_message("%s: skipped, this kernel lacks what it needs\n", kind->name);
	else
		assert_int_equal(steps, LIFE_STEPS);
	return !lacking;
}

/* --- what is there --- */

struct seen {
	json_int_t networks, endpoints, lost, failed;
	bool endpoint[2];
	int links; /* in the host's namespace, but for lo and the parent */
	int others;
	bool plugged[2]; /* a link in the sandbox */
	int network_files, endpoint_files, join_files;
};

static json_t *get(const struct life *life, const char *target)
{
	struct http_answer answer = {0};

	if (http_ask(life->daemon.socket, "GET", target, NULL, &answer) || answer.status != 200)
		fail_msg("GET %s: %d %s", target, answer.status, answer.body ? answer.body : "");
	json_t *document = json_loads(answer.body, 0, NULL);
	assert_non_null(document);
	http_answer_free(&answer);
	return document;
}

/* What dies behind an answer, or behind a recovery, does so soon. */
static void await_the_dying(const struct life *life)
{
	json_int_t dying = 1;

	for (int i = 0; i < 1000 && dying; i++) {
		json_t *status = get(life, "/v1/status");
		dying = json_integer_value(json_object_get(status, "links_dying"));
		json_decref(status);
		if (dying)
			(void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
	}
	assert_int_equal(dying, 0);
}

static void see_records(const struct life *life, struct seen *seen)
{
	json_t *networks = get(life, "/v1/networks"), *endpoints = get(life, "/v1/endpoints"), *status = get(life, "/v1/status");
	json_t *endpoint, *recovery = json_object_get(status, "recovery");
	size_t i;

	seen->networks = (json_int_t)json_array_size(json_object_get(networks, "networks"));
	seen->endpoints = (json_int_t)json_array_size(json_object_get(endpoints, "endpoints"));
	json_array_foreach(json_object_get(endpoints, "endpoints"), i, endpoint)
	{
		const char *id = json_string_value(json_object_get(endpoint, "id"));
		const char *join = json_string_value(json_object_get(json_object_get(endpoint, "join"), "state"));
		if (id && id[0] == 'e' && (id[1] == '0' || id[1] == '1') && join && !strcmp(join, "joined"))
			seen->endpoint[id[1] - '0'] = true;
	}
	seen->lost = json_integer_value(json_object_get(recovery, "lost"));
	seen->failed = json_integer_value(json_object_get(recovery, "failed"));
	json_decref(networks);
	json_decref(endpoints);
	json_decref(status);
}

static void see_links(const struct life *life, struct seen *seen)
{
	struct ndrv_nl *nl = netns_nl(NULL);
	struct ndrv_error err = {0};
	struct ndrv_link *links;
	uint32_t count;

	assert_ok(ndrv_link_list(nl, &links, &count, &err), &err);
	seen->links = (int)count - life->links_before;
	free(links);
	ndrv_nl_close(nl);
	for (int i = 0; i < 2; i++)
		seen->plugged[i] = netns_link_count(&life->sandboxes[i]) > 1;
	if (life->kind->others)
		seen->others = life->kind->others((int)seen->networks, (int)seen->endpoints);
}

static void see_files(const struct life *life, struct seen *seen)
{
	const struct dirent *entry;
	DIR *dir = opendir(life->files);

	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		seen->network_files += !strncmp(entry->d_name, "network-", 8);
		seen->endpoint_files += !strncmp(entry->d_name, "endpoint-", 9);
		seen->join_files += !strncmp(entry->d_name, "join-", 5);
	}
	(void)closedir(dir);
}

/* --- what is wrong --- */

static bool fits(enum known known, bool there)
{
	return known == UNKNOWN || (known == PRESENT) == there;
}

static void compare_answers(const struct life *life, const struct seen *seen, char *ret, size_t size)
{
	if (seen->networks > 1 || !fits(life->network, seen->networks == 1))
		(void)snprintf(ret, size, "the answers say %d network (2: either), the records %d", (int)life->network,
			       (int)seen->networks);
	for (int i = 0; i < 2; i++)
		if (!fits(life->endpoints[i], seen->endpoint[i]))
			(void)snprintf(ret, size, "the answers say endpoint e%d is %d (2: either), the records %d", i,
				       (int)life->endpoints[i], (int)seen->endpoint[i]);
	if (seen->endpoints != seen->endpoint[0] + seen->endpoint[1])
		(void)snprintf(ret, size, "%d endpoints, of which %d are joined", (int)seen->endpoints,
			       seen->endpoint[0] + seen->endpoint[1]);
	if (seen->lost || seen->failed)
		(void)snprintf(ret, size, "recovery lost %d and failed with %d", (int)seen->lost, (int)seen->failed);
}

static void compare_kernel(const struct life *life, const struct seen *seen, char *ret, size_t size)
{
	const struct life_kind *kind = life->kind;
	int networks = (int)seen->networks, endpoints = (int)seen->endpoints;
	bool files = kind->files;

	if (seen->links != networks * kind->network_links + endpoints * kind->endpoint_links)
		(void)snprintf(ret, size, "%d networks and %d endpoints, but %d links", networks, endpoints, seen->links);
	if (seen->others)
		(void)snprintf(ret, size, "%d networks and %d endpoints, and %d objects too many", networks, endpoints,
			       seen->others);
	for (int i = 0; i < 2; i++)
		if (seen->plugged[i] != (kind->plugged && seen->endpoint[i]))
			(void)snprintf(ret, size, "endpoint e%d is %sthere, its interface is %sthere", i,
				       seen->endpoint[i] ? "" : "not ", seen->plugged[i] ? "" : "not ");
	if (seen->network_files != (files ? seen->networks : 0) || seen->endpoint_files != (files ? seen->endpoints : 0) ||
	    seen->join_files != seen->endpoint_files)
		(void)snprintf(ret, size, "%d networks and %d endpoints, but %d, %d, %d files of networks, endpoints, joins",
			       (int)seen->networks, (int)seen->endpoints, seen->network_files, seen->endpoint_files,
			       seen->join_files);
}

/* The records are the truth from here on. */
static void settle(struct life *life, const struct seen *seen)
{
	life->network = seen->networks ? PRESENT : ABSENT;
	for (int i = 0; i < 2; i++)
		life->endpoints[i] = seen->endpoint[i] ? PRESENT : ABSENT;
}

void life_look(struct life *life, char *ret, size_t size)
{
	struct seen seen = {0};

	ret[0] = '\0';
	await_the_dying(life);
	see_records(life, &seen);
	see_links(life, &seen);
	see_files(life, &seen);
	compare_kernel(life, &seen, ret, size);
	compare_answers(life, &seen, ret, size);
	settle(life, &seen);
}

void life_close(struct life *life, char *ret, size_t size)
{
	if (life->network == ABSENT)
		(void)life_step(life, CREATE, false);
	for (int i = 0; i < 2; i++)
		if (life->endpoints[i] == ABSENT)
			(void)life_step(life, CONNECT_A + i, false);
	if (life->kind->plugged && !netns_ping(&life->sandboxes[0], life->kind->address[1]))
		(void)snprintf(ret, size, "the endpoints do not reach each other");
	else if (life_step(life, DELETE, false) != 1)
		(void)snprintf(ret, size, "the deletion was not answered");
	else
		life_look(life, ret, size);
}
