/* SPDX-License-Identifier: Apache-2.0 */
/* A life cycle of a network with two endpoints, driven over the control socket of a real ndrvd, and what must hold whenever it was
 * broken off: every operation that was answered counts, one that was not has happened or has not, and the kernel holds exactly what
 * the records say. */
#ifndef TESTS_FAULTS_LIFE_H
#define TESTS_FAULTS_LIFE_H

#include <stdbool.h>

#include "tests/lib/daemon.h"
#include "tests/lib/netns.h"

/* What a driver is made to live, and what its objects in the kernel are then. One row of life_kinds[] is all a driver needs. */
struct life_kind {
	const char *name; /* of the row */
	const char *type;
	const char *file;	  /* the driver */
	const char *yaml;	  /* further lines of its descriptor; NULL: none */
	const char *network_body; /* members of the request besides name, id and type, each followed by a comma */
	const char *connect_body; /* the same of connect; NULL: none */
	const char *address[2];	  /* the endpoints'; NULL: none is asked for */
	const char *parent;	  /* a link of this name and address ("p0 192.0.2.1/24") is there; NULL: none */
	int network_links;	  /* in the host's namespace, of each network */
	int endpoint_links;	  /* and of each endpoint */
	bool plugged;		  /* each endpoint has a link in its sandbox, and they reach each other */
	bool files;		  /* each network, endpoint and join a file */
	/* Further objects, as a count that must be nothing for nothing; NULL: none. */
	int (*others)(int networks, int endpoints);
	/* In the full run: points of a life, all or so many, and double crashes. */
	long points, doubles;
};
extern const struct life_kind life_kinds[];
extern const size_t life_kind_count;
/* By the row's name. */
const struct life_kind *life_kind(const char *name);

enum known { ABSENT, PRESENT, UNKNOWN };

struct life {
	const struct life_kind *kind;
	struct daemon daemon;
	struct netns sandboxes[2];
	char files[96];
	int links_before; /* in the host's namespace */
	/* What the answers so far say: of the network, then of the two endpoints. */
	enum known network, endpoints[2];
	int acknowledged; /* operations, in all */
	int refused;	  /* operations answered with a typed error, in all */
	bool lacking;	  /* an answer said that the kernel lacks something */
	int speechless;	  /* with 500 and nothing, where `errors` are allowed */
};

#define LIFE_STEPS 5

/* False, and says so: this kernel cannot do what the driver needs. */
bool life_possible(const struct life_kind *kind);

/* In a fresh host namespace. Does not start the daemon, whose `preload` and `environment` may be set first. */
void life_set_up(struct life *life, const struct life_kind *kind);
void life_tear_down(struct life *life);

/* create, connect, connect, disconnect, delete with an endpoint left; up to the first that is not answered. Returns the number of
 * answers. A typed error ends it too where `errors`, and fails the test where not. */
int life_run(struct life *life, bool errors);
/* One of the steps, 0 ... LIFE_STEPS - 1: 1 done, 0 not answered, -1 a typed error. */
int life_step(struct life *life, int step, bool errors);

/* What is wrong, as a sentence in `ret`; "" nothing: records and answers, kernel and records, leases. */
void life_look(struct life *life, char *ret, size_t size);
/* From wherever it is to a full network and back to nothing at all, all with the same names and addresses. */
void life_close(struct life *life, char *ret, size_t size);

#endif
