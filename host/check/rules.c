/* SPDX-License-Identifier: Apache-2.0 */
#include "host/check/rules.h"

static const struct rule_list *const lists[] = {&rules_network, &rules_endpoint, &rules_join,	&rules_ports,
						&rules_tables,	&rules_life,	 &rules_manners};

const struct rule *rule_at(uint32_t index)
{
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		if (index < lists[i]->count)
			return &lists[i]->rules[index];
		index -= lists[i]->count;
	}
	return NULL;
}

const char *rule_netns(struct trial *trial, unsigned number)
{
	const char *path =
		trial_can(trial, NDRV_CAPABILITY_HOST_SANDBOX) ? "/proc/self/ns/net" : space_sandbox(&trial->space, number);

	return path ? path : "/no/sandbox/could/be/made";
}
