/* SPDX-License-Identifier: Apache-2.0 */
/* The rules a driver is held to, in the order of docs/conformance.md, which numbers and explains them. */
#ifndef HOST_CHECK_RULES_H
#define HOST_CHECK_RULES_H

#include "host/check/trial.h"

enum {
	RULE_NETWORK = 1u << 0, /* a network "n1" is there, made before */
	RULE_LINK = 1u << 1,	/* only for drivers whose endpoints have interfaces */
	RULE_MANY = 1u << 2,	/* only for drivers that can have several networks */
	RULE_IPAM = 1u << 3,	/* only for drivers whose networks have addresses */
	RULE_CLOSED = 1u << 4,	/* it starts the host itself */
};

struct rule {
	const char *id;
	const char *text;
	uint32_t needs; /* RULE_... */
	const char *op; /* only for drivers that have it; NULL: any */
	enum verdict (*run)(struct trial *trial);
};

struct rule_list {
	uint32_t count;
	const struct rule *rules;
};

extern const struct rule_list rules_network, rules_endpoint, rules_join, rules_ports, rules_tables, rules_life, rules_manners;

/* All of them, one list after the other; NULL at the end of `index`. */
const struct rule *rule_at(uint32_t index);

/* The namespace a sandbox of this type is in: the host's own, for types that live there. */
const char *rule_netns(struct trial *trial, unsigned number);
#endif
