/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of driver files. The keys and signatures below trust/ were made with signify-openbsd and minisign. */
#include "host/plugin/trust.h"
#include "tests/unit/config/tempdir.h"

#define REFUSED NDRV_E_DRIVER_REFUSED

static struct trust trust;
static char signer[TRUST_SIGNER_MAX];

static const char *fixture(const char *name)
{
	static char path[TEMPDIR_PATH];
	(void)snprintf(path, sizeof(path), "%s/trust/%s", TEST_UNIT, name);
	return path;
}

/* driver, its signature (NULL: none), and the keys of signify and minisign. */
static void install(const char *signature)
{
	static char dir[TEMPDIR_PATH];
	(void)tempdir_copy(fixture("driver"), "driver.so");
	(void)unlink(tempdir_path("driver.so.sig"));
	if (signature)
		(void)tempdir_copy(fixture(signature), "driver.so.sig");
	(void)tempdir_copy(fixture("signify.pub"), "trust.d/signify.pub");
	(void)tempdir_copy(fixture("minisign.pub"), "trust.d/minisign.pub");
	(void)snprintf(dir, sizeof(dir), "%s", tempdir_path("trust.d"));
	trust = (struct trust){.mode = CONFIG_TRUST_REQUIRED, .dir = dir};
}

static int check(struct ndrv_error *err)
{
	struct source source = {0};
	*err = (struct ndrv_error){0};
	assert_ok(source_read(tempdir_path("driver.so"), NULL, &source, err), err);
	memset(signer, 'x', sizeof(signer));
	int rc = trust_check(&trust, &source, signer, err);
	source_clear(&source);
	if (rc)
		assert_string_equal(signer, "");
	return rc;
}

#define assert_signed(by)                        \
	do {                                     \
		struct ndrv_error err_;          \
		assert_ok(check(&err_), &err_);  \
		assert_string_equal(signer, by); \
	} while (0)
/* A sentence that names the file. */
#define assert_unsigned(file, part)                                   \
	do {                                                          \
		struct ndrv_error err_;                               \
		assert_fails(check(&err_), &err_, REFUSED, part);     \
		if (!strstr(err_.text, file))                         \
			fail_msg("\"%s\" lacks %s", err_.text, file); \
	} while (0)

static void signatures_of_signify_and_minisign_are_good(void **state)
{
	(void)state;
	install("signify.sig");
	assert_signed("signify.pub");
	trust.mode = CONFIG_TRUST_OPTIONAL;
	assert_signed("signify.pub");
	install("minisign.sig");
	assert_signed("minisign.pub");
}

static void a_missing_signature_is_refused_only_where_one_is_required(void **state)
{
	(void)state;
	install(NULL);
	assert_unsigned("driver.so", "has no signature, and \"trust\" is \"required\": put its .sig beside it");
	trust.mode = CONFIG_TRUST_OPTIONAL;
	assert_signed("");
	trust.mode = CONFIG_TRUST_OFF;
	assert_signed("");
}

static void with_trust_off_no_signature_is_looked_at(void **state)
{
	(void)state;
	install("stranger.sig");
	trust.mode = CONFIG_TRUST_OFF;
	assert_signed("");
}

static void a_signature_that_is_there_must_be_good_even_where_none_is_required(void **state)
{
	(void)state;
	install("stranger.sig");
	trust.mode = CONFIG_TRUST_OPTIONAL;
	assert_unsigned("driver.so", "is signed with key 3076207198A98FB6, which is not in ");
	(void)tempdir_copy(fixture("stranger.pub"), "trust.d/stranger.pub");
	assert_signed("stranger.pub");
	assert_int_equal(unlink(tempdir_path("trust.d/stranger.pub")), 0);
}

static void a_directory_of_keys_that_is_not_there_holds_no_key(void **state)
{
	(void)state;
	install("signify.sig");
	trust.dir = "/nowhere/trust.d";
	assert_unsigned("driver.so", "is signed with key 80AFB1BA55E21052, which is not in /nowhere/trust.d: put it there");
}

static void every_flipped_bit_of_the_driver_is_seen(void **state)
{
	size_t bytes = 0;
	char *text = file_slurp(fixture("driver"), &bytes);
	(void)state;
	install("signify.sig");
	for (size_t bit = 0; bit < bytes * 8; bit++) {
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
		(void)tempdir_write_bytes("driver.so", text, bytes);
		assert_unsigned("driver.so", "its signature by signify.pub is bad: it or its .sig was changed");
		text[bit / 8] = (char)(text[bit / 8] ^ 1 << bit % 8);
	}
	(void)tempdir_write_bytes("driver.so", text, bytes - 1);
	assert_unsigned("driver.so", "is bad");
	text[bytes] = '\n';
	(void)tempdir_write_bytes("driver.so", text, bytes + 1);
	assert_unsigned("driver.so", "is bad");
	(void)tempdir_write_bytes("driver.so", text, bytes);
	assert_signed("signify.pub");
	free(text);
}

/* The number in a key file is only a hint: whoever writes one may put any there. */
static void a_signature_is_not_good_for_bearing_a_known_number(void **state)
{
	(void)state;
	install(NULL);
	/* signify's number, the stranger's signature */
	(void)tempdir_write("driver.so.sig", "untrusted comment: x\nRWRSEOJVurGvgLmzjaHLcQu7Xh8ItPRy75DOIUnoZBJFyqhDsrTYRGKWtWZBEB/"
					     "oPGcOuzCHictlfcgKZ+WT0mz757VkAa1BDgI=\n");
	assert_unsigned("driver.so", "its signature by signify.pub is bad");
	/* The stranger's key under signify's number: both are tried, whichever comes first. */
	install("signify.sig");
	const char *clash = "untrusted comment: x\nRWRSEOJVurGvgIVRyB2q9kr3f2zG0oAYDaeaPZUGDcTS4loAwU2s58Dz\n";
	(void)tempdir_write("trust.d/a.pub", clash);
	(void)tempdir_write("trust.d/z.pub", clash);
	assert_signed("signify.pub");
	assert_int_equal(unlink(tempdir_path("trust.d/signify.pub")), 0);
	assert_unsigned("driver.so", "its signature by z.pub is bad");
	assert_int_equal(unlink(tempdir_path("trust.d/a.pub")), 0);
	assert_int_equal(unlink(tempdir_path("trust.d/z.pub")), 0);
}

static void a_signature_of_a_hash_is_refused_and_told_how_to_sign(void **state)
{
	(void)state;
	install("prehashed.sig");
	assert_unsigned("driver.so.sig", "signs a hash of the driver, not the driver: sign with \"minisign -S -l\" or signify");
}

static void malformed_signatures_are_refused(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{"", "does not begin with \"untrusted comment:\""},
		{"untrusted comment", "does not begin with"},
		{"RWRSEOJVurGvgM0g\n", "does not begin with"},
		{"untrusted comment: x", "has no second line"},
		{"untrusted comment: x\n", "has a second line that is not the base64"},
		{"untrusted comment: x\n\n", "has a second line that is not the base64"},
		{"untrusted comment: x\nRWRSEOJVurGvgM0g\n", "has a second line that is not the base64"},
		/* a key */
		{"untrusted comment: x\nRWRSEOJVurGvgM0g9UzwNuiHGL074+uTfDEjmSyUrb2UKm7HRT4EjZxx\n", "second line"},
		/* one character short, one that is not base64, one too long */
		{"untrusted comment: x\nRWRSEOJVurGvgObeKXlxgxUZYROQ7EW9lYDpzUkL60jeFmsmmomu8YN8e2zRicluKKE9PjponnxTFX9pDdBEKqVaBP"
		 "XFO5IgQw4\n",
		 "second line"},
		{"untrusted comment: x\nRWRSEOJVurGvgObeKXlxgxUZYROQ7EW9lYDpzUkL60jeFmsmmomu8YN8e2zRicluKKE9PjponnxTFX9pDdBEKqVaBP"
		 "XFO5IgQ?4=\n",
		 "second line"},
		{"untrusted comment: x\nRWRSEOJVurGvgObeKXlxgxUZYROQ7EW9lYDpzUkL60jeFmsmmomu8YN8e2zRicluKKE9PjponnxTFX9pDdBEKqVaBP"
		 "XFO5IgQw4AAAA=\n",
		 "second line"},
		/* "Xd" */
		{"untrusted comment: x\nWGRSEOJVurGvgObeKXlxgxUZYROQ7EW9lYDpzUkL60jeFmsmmomu8YN8e2zRicluKKE9PjponnxTFX9pDdBEKqVaBP"
		 "XFO5IgQw4=\n",
		 "is of an unknown algorithm"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		install(NULL);
		(void)tempdir_write("driver.so.sig", rows[i].text);
		assert_unsigned("driver.so.sig", rows[i].part);
		assert_unsigned("signature file ", "signify");
	}
	char *text = calloc(1, 20000);
	assert_non_null(text);
	memset(text, 'a', 19999);
	(void)tempdir_write("driver.so.sig", text);
	free(text);
	assert_unsigned("driver.so.sig", "is too long");
}

static void line_ends_and_a_missing_last_one_do_not_matter(void **state)
{
	static const char line[] =
		"RWRSEOJVurGvgObeKXlxgxUZYROQ7EW9lYDpzUkL60jeFmsmmomu8YN8e2zRicluKKE9PjponnxTFX9pDdBEKqVaBPXFO5IgQw4=";
	char text[256];
	(void)state;
	install(NULL);
	(void)snprintf(text, sizeof(text), "untrusted comment:\r\n%s\r\n", line);
	(void)tempdir_write("driver.so.sig", text);
	assert_signed("signify.pub");
	(void)snprintf(text, sizeof(text), "untrusted comment: \n%s", line);
	(void)tempdir_write("driver.so.sig", text);
	assert_signed("signify.pub");
}

static void a_malformed_key_is_named_unless_another_key_is_the_right_one(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{"", "does not begin with"},
		{"untrusted comment: x\nRWS2j6mYcSB2MIVRyB2q9kr3f2zG0oAYDaeaPZUGDcTS4loAwU2s58D\n", "second line"},
		{"untrusted comment: x\nWGS2j6mYcSB2MIVRyB2q9kr3f2zG0oAYDaeaPZUGDcTS4loAwU2s58Dz\n", "is of an unknown algorithm"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		install("stranger.sig");
		(void)tempdir_write("trust.d/broken.pub", rows[i].text);
		assert_unsigned("trust.d/broken.pub", rows[i].part);
		assert_unsigned("key file ", "put a public key of signify or minisign there, or remove it");
		install("signify.sig");
		assert_signed("signify.pub");
	}
	assert_int_equal(unlink(tempdir_path("trust.d/broken.pub")), 0);
}

static void only_files_called_pub_are_keys(void **state)
{
	(void)state;
	install("stranger.sig");
	(void)tempdir_copy(fixture("stranger.pub"), "trust.d/stranger.pub.old");
	(void)tempdir_copy(fixture("stranger.pub"), "trust.d/.stranger.pub");
	(void)tempdir_copy(fixture("stranger.pub"), "trust.d/.pub");
	assert_unsigned("driver.so", "is signed with key 3076207198A98FB6");
}

static void a_key_that_others_can_write_is_no_key(void **state)
{
	(void)state;
	install("signify.sig");
	const char *key = tempdir_path("trust.d/signify.pub");
	assert_int_equal(chmod(key, 0666), 0);
	assert_unsigned("trust.d/signify.pub", "key file /");
	assert_unsigned("trust.d/signify.pub", "it can be written by anyone (mode 0666)");
	assert_int_equal(chmod(key, 0664), 0);
	assert_unsigned("trust.d/signify.pub", "it can be written by its group (mode 0664)");
	assert_int_equal(chmod(key, 0644), 0);
	assert_int_equal(chmod(trust.dir, 0777), 0);
	assert_unsigned("trust.d/", "can be written by anyone (mode 0777)");
	assert_int_equal(chmod(trust.dir, 0755), 0);
	assert_signed("signify.pub");
}

static void a_key_or_signature_that_belongs_to_another_user_is_refused(void **state)
{
	(void)state;
	install("signify.sig");
	if (geteuid() != 0)
		skip();
	const char *key = tempdir_path("trust.d/signify.pub"), *sig = tempdir_path("driver.so.sig");
	assert_int_equal(chown(key, 4711, 0), 0);
	assert_unsigned("trust.d/signify.pub", "it belongs to user 4711, not to root");
	assert_int_equal(chown(key, 0, 0), 0);
	assert_int_equal(chown(sig, 4711, 0), 0);
	assert_unsigned("driver.so.sig", "signature file /");
	assert_unsigned("driver.so.sig", "it belongs to user 4711, not to root");
	assert_int_equal(chown(sig, 0, 0), 0);
	assert_signed("signify.pub");
}

static void a_signature_that_is_no_file_is_refused(void **state)
{
	(void)state;
	install(NULL);
	trust.mode = CONFIG_TRUST_OPTIONAL;
	assert_int_equal(mkfifo(tempdir_path("driver.so.sig"), 0644), 0);
	assert_unsigned("driver.so.sig", "is a FIFO, not a file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signatures_of_signify_and_minisign_are_good),
		cmocka_unit_test(a_missing_signature_is_refused_only_where_one_is_required),
		cmocka_unit_test(with_trust_off_no_signature_is_looked_at),
		cmocka_unit_test(a_signature_that_is_there_must_be_good_even_where_none_is_required),
		cmocka_unit_test(a_directory_of_keys_that_is_not_there_holds_no_key),
		cmocka_unit_test(every_flipped_bit_of_the_driver_is_seen),
		cmocka_unit_test(a_signature_is_not_good_for_bearing_a_known_number),
		cmocka_unit_test(a_signature_of_a_hash_is_refused_and_told_how_to_sign),
		cmocka_unit_test(malformed_signatures_are_refused),
		cmocka_unit_test(line_ends_and_a_missing_last_one_do_not_matter),
		cmocka_unit_test(a_malformed_key_is_named_unless_another_key_is_the_right_one),
		cmocka_unit_test(only_files_called_pub_are_keys),
		cmocka_unit_test(a_key_that_others_can_write_is_no_key),
		cmocka_unit_test(a_key_or_signature_that_belongs_to_another_user_is_refused),
		cmocka_unit_test(a_signature_that_is_no_file_is_refused),
	};
	return cmocka_run_group_tests(tests, tempdir_make, tempdir_remove);
}
