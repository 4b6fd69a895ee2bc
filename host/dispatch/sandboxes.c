/* SPDX-License-Identifier: Apache-2.0 */
#include "host/dispatch/sandboxes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/dispatch/owed.h"
#include "host/dispatch/record_io.h"

#define LOOKS 2
#define BATCH 64u
#define MEMORY (64u << 10)

/* --- who lives where --- */

struct spaces {
	size_t count, room;
	struct space {
		dev_t dev;
		ino_t ino;
	} * list;
	bool whole; /* nobody was left out */
};

static int by_number(const void *a, const void *b)
{
	const struct space *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->dev < y->dev ? -1 : x->dev > y->dev;
}

static void add_space(struct spaces *spaces, const struct stat *st)
{
	if (spaces->count == spaces->room) {
		size_t room = spaces->room ? spaces->room * 2 : 256;
		struct space *list = realloc(spaces->list, room * sizeof(*list));
		if (!list) {
			spaces->whole = false;
			return;
		}
		spaces->list = list;
		spaces->room = room;
	}
	spaces->list[spaces->count++] = (struct space){.dev = st->st_dev, .ino = st->st_ino};
}

/* The network namespaces that processes are in. Who may not look at one of them (CAP_SYS_PTRACE) cannot say that anybody is dead;
 * the machine's first process is in no sandbox. */
static void read_spaces(struct spaces *spaces)
{
	DIR *proc = opendir("/proc");
	struct stat st;

	*spaces = (struct spaces){.whole = proc != NULL};
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this directory stream */
	for (struct dirent *entry = NULL; proc && (entry = readdir(proc));) {
		char path[64];
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%.20s/ns/net", entry->d_name);
		if (stat(path, &st) == 0)
			add_space(spaces, &st);
		else if (errno != ENOENT && errno != ESRCH && strcmp(entry->d_name, "1") != 0)
			spaces->whole = false;
	}
	if (proc)
		(void)closedir(proc);
	if (spaces->count)
		qsort(spaces->list, spaces->count, sizeof(*spaces->list), by_number);
}

static bool lives(const struct spaces *spaces, dev_t dev, ino_t ino)
{
	const struct space space = {.dev = dev, .ino = ino};

	return spaces->count && bsearch(&space, spaces->list, spaces->count, sizeof(space), by_number);
}

/* --- one endpoint; under the turn --- */

static bool is_watched(const struct endpoint *endpoint)
{
	const struct join_record *join = &endpoint->join;

	return endpoint->state == RECORD_LIVE && join->state == JOIN_JOINED && (join->flags & JOIN_BY_DOCKER) &&
	       join->sandbox_key && join->sandbox_key[0] == '/';
}

/* Not told by the path alone: what is mounted there may be hidden from us, and its processes are not. */
static bool is_dead(const struct endpoint *endpoint, const struct spaces *spaces)
{
	const struct join_record *join = &endpoint->join;

	return join->netns_ino && spaces->whole && !lives(spaces, (dev_t)join->netns_dev, (ino_t)join->netns_ino);
}

bool sandbox_is_dead(const struct endpoint *endpoint)
{
	struct spaces spaces;

	if (!is_watched(endpoint) || !endpoint->join.netns_ino)
		return false;
	read_spaces(&spaces);
	bool dead = is_dead(endpoint, &spaces);
	free(spaces.list);
	return dead;
}

/* Docker keeps the namespaces of dead containers mounted, so that the path alone says nothing. */
bool sandbox_may_live(const char *path)
{
	struct spaces spaces;
	struct stat st;

	if (path[0] != '/' || stat(path, &st))
		return false;
	read_spaces(&spaces);
	bool may = !spaces.whole || lives(&spaces, st.st_dev, st.st_ino);
	free(spaces.list);
	return may;
}

static void see_alive(struct dispatch *dispatch, struct endpoint *endpoint, const struct spaces *spaces)
{
	struct join_record *join = &endpoint->join;
	struct ndrv_error err = {0};
	struct stat st;

	if (stat(join->sandbox_key, &st) || !lives(spaces, st.st_dev, st.st_ino))
		return;
	join->netns_dev = st.st_dev;
	join->netns_ino = st.st_ino;
	if (!keep_endpoint(dispatch, endpoint, &err))
		return;
	join->netns_dev = join->netns_ino = 0;
	log_warning("sandboxes", "endpoint %s: %s", endpoint->view.id, err.text);
}

/* --- all of them --- */

struct looking {
	struct dispatch *dispatch;
	struct spaces spaces;
	bool any;
	uint32_t dead;
	struct dead {
		char nid[NDRV_ID_MAX + 1], eid[NDRV_ID_MAX + 1];
	} list[BATCH];
};

static int look_at_endpoint(struct endpoint *endpoint, void *data)
{
	struct looking *looking = data;

	if (!is_watched(endpoint))
		return 0;
	looking->any = true;
	if (!endpoint->join.netns_ino)
		see_alive(looking->dispatch, endpoint, &looking->spaces);
	if (!is_dead(endpoint, &looking->spaces)) {
		endpoint->dead_looks = 0;
		return 0;
	}
	if (endpoint->dead_looks < LOOKS)
		endpoint->dead_looks++;
	if (endpoint->dead_looks < LOOKS || looking->dead == BATCH)
		return 0;
	struct dead *dead = &looking->list[looking->dead++];
	(void)snprintf(dead->nid, sizeof(dead->nid), "%s", endpoint->network->view.id);
	(void)snprintf(dead->eid, sizeof(dead->eid), "%s", endpoint->view.id);
	return 0;
}

/* One that is busy is looked at the next time. */
static int look_at_network(struct network *network, void *data)
{
	struct looking *looking = data;

	if (!turn_try(&network->turn)) {
		looking->any = true;
		return 0;
	}
	if (!atomic_load(&network->gone))
		(void)network_each_endpoint(network, look_at_endpoint, looking);
	turn_pass(&network->turn);
	return 0;
}

/* A deletion on its way. */
struct burial {
	struct dispatch *dispatch;
	struct arena arena;
	struct request request;
	struct dead dead;
};

static void buried(struct request *request, struct reply *reply, void *data)
{
	struct burial *burial = data;

	(void)request;
	if (!reply->error.code) {
		(void)atomic_fetch_add(&burial->dispatch->dead_endpoints, 1);
		log_warning("sandboxes", "endpoint %s of network %s is deleted: its sandbox died, and dockerd has not said so",
			    burial->dead.eid, burial->dead.nid);
	}
	arena_reset(&burial->arena);
	free(burial);
}

/* What fails is owed. */
static void bury(struct dispatch *dispatch, const struct dead *dead)
{
	struct burial *burial = calloc(1, sizeof(*burial));

	if (!burial)
		return;
	burial->dispatch = dispatch;
	burial->dead = *dead;
	arena_init(&burial->arena, MEMORY);
	burial->request = (struct request){
		.op = REQ_ENDPOINT_DELETE,
		.arena = &burial->arena,
		.caller = {.front = NDRV_FRONT_HOST, .role = ROLE_ADMIN},
		.id = "",
		.network = burial->dead.nid,
		.endpoint = burial->dead.eid,
		.force = true,
		.sandbox_gone = true,
		.if_dead = true,
		.by_docker = true,
	};
	dispatch_submit(dispatch, &burial->request, buried, burial, NULL);
}

static bool look(struct dispatch *dispatch)
{
	struct looking *looking = calloc(1, sizeof(*looking));

	if (!looking)
		return true;
	looking->dispatch = dispatch;
	read_spaces(&looking->spaces);
	(void)records_each(dispatch->parts.records, look_at_network, looking);
	for (uint32_t i = 0; i < looking->dead; i++)
		bury(dispatch, &looking->list[i]);
	bool any = looking->any;
	free(looking->spaces.list);
	free(looking);
	return any;
}

uint64_t sandboxes_work(struct dispatch *dispatch)
{
	uint64_t now = clock_ns();

	if (!atomic_load(&dispatch->watches_sandboxes))
		return UINT64_MAX;
	if (now < dispatch->next_look_ns)
		return dispatch->next_look_ns;
	dispatch->next_look_ns = now + SANDBOX_LOOK_NS;
	/* Whoever joins meanwhile sets it again. */
	atomic_store(&dispatch->watches_sandboxes, false);
	if (look(dispatch))
		atomic_store(&dispatch->watches_sandboxes, true);
	return atomic_load(&dispatch->watches_sandboxes) ? dispatch->next_look_ns : UINT64_MAX;
}
