/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as what the SDK reads from strangers: IPAM data, prefixes, addresses, MACs, names. What is accepted survives a round
 * trip; what is not is a BAD_REQUEST with a sentence. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ndrv/options.h>
#include <ndrv/types.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what, const char *text)
{
	if (!holds) {
		fprintf(stderr, "fuzz_sdk: %s: %s\n", what, text);
		abort();
	}
}

static int accepted(int rc, const struct ndrv_error *err, const char *text)
{
	require(rc == 0 || (rc == -NDRV_E_BAD_REQUEST && err->kind == NDRV_KIND_BAD_REQUEST && err->text[0]), "an odd refusal",
		text);
	return rc == 0;
}

static void try_ipam(const char *text)
{
	struct ndrv_ipam_data first, second;
	struct ndrv_error err = {0};
	char *once = NULL, *twice = NULL, *shown;

	if (!accepted(ndrv_ipam_from_json(text, &first, &err), &err, text))
		return;
	require(ndrv_ipam_to_json(&first, &once, &err) == 0, "what was read cannot be written", text);
	require(ndrv_ipam_from_json(once, &second, &err) == 0, "what was written cannot be read", once);
	require(ndrv_ipam_to_json(&second, &twice, &err) == 0 && strcmp(once, twice) == 0, "another text the second time", once);
	(void)accepted(ndrv_ipam_validate(&first, &err), &err, text);
	shown = ndrv_ipam_string(&first);
	require(shown != NULL, "no text", once);
	free(shown);
	free(once);
	free(twice);
	ndrv_ipam_clear(&first);
	ndrv_ipam_clear(&second);
}

static void try_addresses(const char *text)
{
	char buffer[NDRV_PREFIX_TEXT];
	struct ndrv_prefix prefix, again;
	struct ndrv_addr addr, addr_again;
	struct ndrv_mac mac, mac_again;
	struct ndrv_error err = {0};

	if (accepted(ndrv_prefix_parse(text, &prefix, &err), &err, text)) {
		require(ndrv_prefix_check("it", &prefix, &err) == 0, "a prefix that does not hold", text);
		require(ndrv_prefix_parse(ndrv_prefix_format(&prefix, buffer), &again, &err) == 0, "unreadable", buffer);
		require(ndrv_prefix_equal(&prefix, &again) && ndrv_prefix_contains(&prefix, &prefix.addr), "another prefix",
			buffer);
		again = ndrv_prefix_network(&prefix);
		require(ndrv_prefix_overlaps(&prefix, &again), "a prefix beside its network", buffer);
	}
	if (accepted(ndrv_addr_parse(text, &addr, &err), &err, text)) {
		require(ndrv_addr_parse(ndrv_addr_format(&addr, buffer), &addr_again, &err) == 0, "unreadable", buffer);
		require(memcmp(&addr, &addr_again, sizeof(addr)) == 0, "another address", buffer);
	}
	if (accepted(ndrv_mac_parse(text, &mac, &err), &err, text)) {
		require(ndrv_mac_parse(ndrv_mac_format(&mac, buffer), &mac_again, &err) == 0, "unreadable", buffer);
		require(memcmp(&mac, &mac_again, sizeof(mac)) == 0, "another MAC", buffer);
		(void)accepted(ndrv_mac_check(&mac, &err), &err, text);
	}
}

static void try_names(const char *text)
{
	static const struct ndrv_option table[] = {{.name = "com.docker.network.driver.mtu"}, {.name = "mode"}};
	struct ndrv_error err = {0};

	if (accepted(ndrv_id_check("id", text, &err), &err, text))
		require(strlen(text) >= 1 && strlen(text) <= NDRV_ID_MAX && !strpbrk(text, "/ %\n"), "an id that is none", text);
	if (accepted(ndrv_ifname_check(text, &err), &err, text))
		require(strlen(text) < NDRV_IFNAME_MAX && !strpbrk(text, "/: %\n"), "a name the kernel refuses", text);
	(void)ndrv_options_nearest(table, 2, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	try_ipam(text);
	try_addresses(text);
	try_names(text);
	free(text);
	return 0;
}
