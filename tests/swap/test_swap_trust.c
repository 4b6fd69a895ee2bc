/* SPDX-License-Identifier: Apache-2.0 */
/* Whose signatures a host asks for: on loading, reloading, swapping; and what it has itself needs none. */
#include <nettle/base64.h>
#include <nettle/eddsa.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/plugin/source.h"
#include "tests/lib/netns.h"
#include "tests/swap/swaprig.h"

#define REFUSED NDRV_E_DRIVER_REFUSED

static const uint8_t secret[ED25519_KEY_SIZE] = "a test's secret key, known to a";
static const char *const with_trust = "swap: {drain: 500ms, probation: 0s}\n";

/* What signify writes: a comment, and in base64 the algorithm, the key's number and the thing itself. */
static void write_packed(const char *path, const uint8_t *thing, size_t size)
{
	uint8_t packed[2 + 8 + ED25519_SIGNATURE_SIZE] = "Edtestkey1";
	char text[BASE64_ENCODE_RAW_LENGTH(sizeof(packed)) + 1] = "", file[256];

	memcpy(packed + 10, thing, size);
	base64_encode_raw(text, 10 + size, packed);
	text[BASE64_ENCODE_RAW_LENGTH(10 + size)] = '\0';
	(void)snprintf(file, sizeof(file), "untrusted comment: a test's\n%s\n", text);
	swaprig_write(path, file);
}

static void make_key(const struct swaprig *rig)
{
	uint8_t key[ED25519_KEY_SIZE];
	char path[128];

	ed25519_sha512_public_key(key, secret);
	(void)snprintf(path, sizeof(path), "%s/trust.d", rig->dir);
	assert_int_equal(mkdir(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/trust.d/vendor.pub", rig->dir);
	write_packed(path, key, sizeof(key));
}

static void sign(const struct swaprig *rig)
{
	uint8_t key[ED25519_KEY_SIZE], signature[ED25519_SIGNATURE_SIZE];
	struct source source = {0};
	struct ndrv_error err = {0};
	char path[128];

	assert_ok(source_read(rig->driver, NULL, &source, &err), &err);
	ed25519_sha512_public_key(key, secret);
	ed25519_sha512_sign(key, secret, source.size, source.bytes, signature);
	source_clear(&source);
	(void)snprintf(path, sizeof(path), "%s.sig", rig->driver);
	write_packed(path, signature, sizeof(signature));
}

static void take_signature_away(const struct swaprig *rig)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s.sig", rig->driver);
	assert_int_equal(unlink(path), 0);
}

static void set_trust(const struct swaprig *rig, const char *trust)
{
	char text[1024];

	(void)snprintf(text, sizeof(text), "trust: %s\ntrust_dir: %s/trust.d\n%s", trust, rig->dir, rig->yaml);
	swaprig_write(rig->config, text);
}

static int set_up(void **state)
{
	struct swaprig *rig = calloc(1, sizeof(*rig));

	swaprig_open(rig, "v1", with_trust);
	make_key(rig);
	*state = rig;
	return 0;
}

static int tear_down(void **state)
{
	struct swaprig *rig = *state;

	swaprig_close(rig);
	free(rig);
	return 0;
}

static void make_endpoint(struct swaprig *rig)
{
	assert_answer(swaprig_network(rig, &rig->arena, "swap", "n1"));
	assert_answer(swaprig_ask(rig, &rig->arena, REQ_ENDPOINT_CREATE, "n1", "e1"));
}

static void assert_reload(struct swaprig *rig, const char *part)
{
	const char *said = swaprig_reload(rig);

	if (!strstr(said, part))
		fail_msg("the reload said: %s", said);
}

#define assert_version(rig, number) assert_int_equal(swaprig_info(rig, "n1", "e1", "version"), number)

static const char *signer(struct swaprig *rig)
{
	struct reply reply = swaprig_driver(rig, REQ_DRIVER_INSPECT);
	const char *name = NULL;

	assert_answer(reply);
	return ndrv_map_string(&reply.value, "signed_by", &name, NULL) == 1 ? name : "";
}

static void a_reload_asks_for_what_the_configuration_asks_for(void **state)
{
	struct swaprig *rig = *state;

	make_endpoint(rig);
	assert_reload(rig, "unchanged");
	set_trust(rig, "required");
	assert_reload(rig, "stays as it is: driver file ");
	assert_reload(rig, "has no signature, and \"trust\" is \"required\"");
	set_trust(rig, "optional");
	assert_reload(rig, "unchanged");
	set_trust(rig, "required");
	sign(rig);
	assert_reload(rig, "unchanged");
	/* Another content under the former's signature. */
	swaprig_install(rig, "v2", false);
	assert_reload(rig, "its signature by vendor.pub is bad");
	set_trust(rig, "optional");
	assert_reload(rig, "its signature by vendor.pub is bad");
	assert_version(rig, 1);
	set_trust(rig, "required");
	sign(rig);
	assert_reload(rig, "swapped");
	assert_version(rig, 2);
	assert_string_equal(signer(rig), "vendor.pub");
	set_trust(rig, "off");
	take_signature_away(rig);
	assert_reload(rig, "unchanged");
}

static void what_is_loaded_and_swapped_by_hand_must_be_signed_as_well(void **state)
{
	struct swaprig *rig = *state;

	set_trust(rig, "required");
	sign(rig);
	assert_reload(rig, "unchanged");
	assert_answer(swaprig_driver(rig, REQ_DRIVER_UNLOAD));
	take_signature_away(rig);
	assert_refused(swaprig_load(rig, rig->driver), REFUSED, "has no signature");
	assert_refused(swaprig_network(rig, &rig->arena, "swap", "n0"), NDRV_E_NO_DRIVER, "swap");
	sign(rig);
	assert_answer(swaprig_load(rig, rig->driver));
	assert_string_equal(signer(rig), "vendor.pub");
	make_endpoint(rig);
	assert_refused(swaprig_dry(rig, "v2"), REFUSED, "has no signature");
	assert_refused(swaprig_swap(rig, "v2"), REFUSED, "has no signature");
	assert_version(rig, 1);
	swaprig_install(rig, "v2", false);
	sign(rig);
	assert_answer(swaprig_swap(rig, rig->driver));
	assert_version(rig, 2);
}

static void the_hosts_own_copies_need_no_signature(void **state)
{
	struct swaprig *rig = *state;

	make_endpoint(rig);
	set_trust(rig, "required");
	sign(rig);
	assert_reload(rig, "unchanged");
	/* What is installed is refused at a start: the copy of what served takes over. */
	swaprig_install(rig, "v2", false);
	take_signature_away(rig);
	swaprig_restart(rig);
	assert_version(rig, 1);
	assert_reload(rig, "has no signature");
	assert_version(rig, 1);
	sign(rig);
	assert_reload(rig, "swapped");
	assert_version(rig, 2);
	/* So it does when it is rolled back to. */
	swaprig_restart(rig);
	assert_version(rig, 2);
	assert_answer(swaprig_driver(rig, REQ_DRIVER_ROLLBACK));
	assert_version(rig, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_reload_asks_for_what_the_configuration_asks_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_loaded_and_swapped_by_hand_must_be_signed_as_well, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_hosts_own_copies_need_no_signature, set_up, tear_down),
	};

	netns_need();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
