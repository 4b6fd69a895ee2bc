/* SPDX-License-Identifier: Apache-2.0 */
/* State files that were cut, flipped, or left by a host that was killed or ran out of disk: the store opens, believes no wrong
 * record, and loses none without saying so. */
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/statedir.h"

#define NETWORKS 10u
#define ENDPOINTS 2u
#define SAMPLES 60u
#define ROUNDS 20u

static struct statedir dir;

static int make_dir(void **state)
{
	(void)state;
	statedir_make(&dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	statedir_remove(&dir);
	return 0;
}

struct image {
	unsigned char *bytes;
	size_t size;
};

static struct image read_image(const char *name)
{
	struct image image = {0};
	struct stat st;
	int fd = open(statedir_file(&dir, name), O_RDONLY);

	if (fd < 0)
		return image;
	assert_int_equal(fstat(fd, &st), 0);
	image.size = (size_t)st.st_size;
	image.bytes = malloc(image.size + 1);
	assert_int_equal(read(fd, image.bytes, image.size), (ssize_t)image.size);
	close(fd);
	return image;
}

static void write_image(const char *name, const unsigned char *bytes, size_t size)
{
	int fd = open(statedir_file(&dir, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	close(fd);
}

static const char *const names[] = {"state.db", "state.db-wal", "state.db.backup.1", "live.db", "live.db-wal"};
enum { STATE_DB, STATE_WAL, BACKUP, LIVE_DB, LIVE_WAL, FILES };

/* The directories as they were, and nothing else in them. */
static void put_back(const struct image *images)
{
	static const char *const leftovers[] = {"state.db-shm", "state.db.backup.2", "live.db-shm"};

	for (unsigned i = 0; i < 3; i++)
		(void)unlink(statedir_file(&dir, leftovers[i]));
	for (unsigned i = 0; i < FILES; i++) {
		(void)unlink(statedir_file(&dir, names[i]));
		if (images[i].bytes)
			write_image(names[i], images[i].bytes, images[i].size);
	}
}

struct count {
	struct records *golden;
	unsigned networks, endpoints;
};

static int compare_endpoint(struct endpoint *endpoint, void *data)
{
	struct count *count = data;
	struct network *network = statedir_find(count->golden, endpoint->network->view.id);
	struct endpoint *right = network_endpoint(network, endpoint->view.id);

	assert_non_null(right);
	char *is = statedir_text(NULL, endpoint), *should = statedir_text(NULL, right);
	assert_string_equal(is, should);
	assert_true(endpoint->serial == right->serial);
	free(is);
	free(should);
	count->endpoints++;
	return 0;
}

static int compare_network(struct network *network, void *data)
{
	struct count *count = data;
	struct network *right = statedir_find(count->golden, network->view.id);

	assert_non_null(right);
	char *is = statedir_text(network, NULL), *should = statedir_text(right, NULL);
	assert_string_equal(is, should);
	assert_true(network->serial == right->serial);
	free(is);
	free(should);
	count->networks++;
	return network_each_endpoint(network, compare_endpoint, data);
}

static bool says(struct store *store, const char *file, const char *key)
{
	const char *text = statedir_reported(store, file, key);

	return *text && strcmp(text, "0") != 0;
}

static bool reports_a_loss(struct store *store, const char *file)
{
	return says(store, file, "damage") || says(store, file, "emptied_because") || says(store, file, "damaged_rows") ||
	       says(store, file, "dropped_endpoints") || says(store, file, "lost_commits");
}

/* Opens what is there and holds it against the golden records. `silent`: a loss need not be reported. Returns whether all is there.
 */
static bool open_and_compare(struct records *golden, bool silent, const char *what)
{
	struct store *store = statedir_open(&dir);
	struct records *records = statedir_load(store);
	struct count count = {.golden = golden};

	records_each(records, compare_network, &count);
	bool whole = count.networks == NETWORKS && count.endpoints == NETWORKS * ENDPOINTS;
	if (!whole && !silent && !reports_a_loss(store, "state_db") && !reports_a_loss(store, "live_db"))
		fail_msg("%s: %u networks and %u endpoints are left and nothing is reported", what, count.networks,
			 count.endpoints);
	records_free(records);
	store_close(store);
	return whole;
}

static struct records *golden_records(void)
{
	struct records *golden = records_new();

	for (unsigned i = NETWORKS; i > 0; i--) {
		struct network *network = statedir_network(golden, i);
		for (unsigned j = ENDPOINTS; j > 0; j--)
			(void)statedir_endpoint(network, j);
	}
	return golden;
}

/* Every record in the files, or in their logs where the writer was killed. */
static void take_images(struct image *images, bool killed)
{
	pid_t child = fork();

	if (child == 0) {
		struct store *store = NULL;
		struct records *golden = golden_records();
		if (store_open(&dir.paths, &store, NULL))
			_exit(1);
		for (unsigned i = NETWORKS; i > 0; i--) {
			char id[16];
			(void)snprintf(id, sizeof(id), "net%u", i);
			struct network *network = statedir_find(golden, id);
			if (store_put_network(store, network, NULL))
				_exit(1);
			for (struct endpoint *at = network->first_endpoint; at; at = at->newer)
				if (store_put_endpoint(store, at, NULL))
					_exit(1);
		}
		if (!killed)
			store_close(store);
		_exit(0);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (unsigned i = 0; i < FILES; i++)
		images[i] = read_image(names[i]);
}

static void free_images(struct image *images)
{
	for (unsigned i = 0; i < FILES; i++)
		free(images[i].bytes);
}

static void flip(const struct image *images, unsigned file, size_t bit)
{
	struct image damaged = {malloc(images[file].size), images[file].size};

	memcpy(damaged.bytes, images[file].bytes, damaged.size);
	damaged.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
	write_image(names[file], damaged.bytes, damaged.size);
	free(damaged.bytes);
}

static void cut(const struct image *images, unsigned file, size_t length)
{
	write_image(names[file], images[file].bytes, length);
}

static size_t any_below(size_t limit)
{
	return ((size_t)rand() << 16 ^ (size_t)rand()) % limit;
}

/* Half of the rounds without a backup to fall back on. With one, and networks in it, no damage to the file itself costs a network.
 */
static void damage(struct image *images, struct records *golden, unsigned file, bool cutting)
{
	unsigned whole = 0;

	for (unsigned i = 0; i < SAMPLES; i++) {
		char what[96];
		put_back(images);
		if (i % 2)
			(void)unlink(statedir_file(&dir, "state.db.backup.1"));
		/* The first hundred bytes are the header: each of its bytes counts more than one of a page. */
		size_t at = any_below(images[file].size * (cutting ? 1 : 8));
		if (i < SAMPLES / 3 && !cutting)
			at = any_below(100 * 8);
		if (cutting)
			cut(images, file, at);
		else
			flip(images, file, at);
		(void)snprintf(what, sizeof(what), "%s, %s %zu", names[file], cutting ? "cut at byte" : "flipped bit", at);
		bool is_log = file == STATE_WAL || file == LIVE_WAL;
		whole += open_and_compare(golden, is_log && cutting, what);
	}
	printf("%s, %s: %u of %u times nothing was lost\n", names[file], cutting ? "cut" : "flipped", whole, SAMPLES);
}

static void run_damage(bool killed, const unsigned *files, unsigned count, bool cutting)
{
	struct records *golden = golden_records();
	struct image images[FILES];

	srand(4);
	take_images(images, killed);
	for (unsigned i = 0; i < count; i++) {
		assert_true(images[files[i]].size > 4096);
		damage(images, golden, files[i], cutting);
	}
	free_images(images);
	records_free(golden);
}

static void flipped_bits_never_make_a_wrong_record(void **state)
{
	(void)state;
	run_damage(false, (const unsigned[]){STATE_DB, LIVE_DB}, 2, false);
}

static void cut_files_never_lose_records_silently(void **state)
{
	(void)state;
	run_damage(false, (const unsigned[]){STATE_DB, LIVE_DB}, 2, true);
}

static void flipped_bits_in_the_log_are_told_from_an_unfinished_write(void **state)
{
	(void)state;
	run_damage(true, (const unsigned[]){STATE_WAL, LIVE_WAL}, 2, false);
}

static void a_cut_log_makes_no_wrong_record(void **state)
{
	(void)state;
	run_damage(true, (const unsigned[]){STATE_WAL, LIVE_WAL}, 2, true);
}

static void a_log_left_whole_is_no_loss(void **state)
{
	(void)state;
	struct records *golden = golden_records();
	struct image images[FILES];

	take_images(images, true);
	put_back(images);
	struct store *store = statedir_open(&dir);
	assert_string_equal(statedir_reported(store, "state_db", "lost_commits"), "0");
	assert_string_equal(statedir_reported(store, "live_db", "lost_commits"), "0");
	store_close(store);
	assert_true(open_and_compare(golden, false, "whole"));
	free_images(images);
	records_free(golden);
}

/* Op i writes the number i: even ones to one of 8 networks, odd ones to one of 16 endpoints. */
static void write_until_killed(int acks)
{
	struct records *records = records_new();
	struct network *networks[8];
	struct endpoint *endpoints[16];
	struct store *store = NULL;

	for (unsigned i = 0; i < 8; i++)
		networks[i] = statedir_network(records, i);
	for (unsigned i = 0; i < 16; i++)
		endpoints[i] = statedir_endpoint(networks[0], i);
	if (store_open(&dir.paths, &store, NULL))
		_exit(1);
	for (uint32_t i = 1;; i++) {
		struct network *network = networks[i / 2 % 8];
		struct endpoint *endpoint = endpoints[i / 2 % 16];
		network->created_at = endpoint->created_at = i;
		if (i % 2 ? store_put_endpoint(store, endpoint, NULL) : store_put_network(store, network, NULL))
			_exit(1);
		if (write(acks, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

/* What op i wrote must be there if nothing later wrote to the same place; the one after the last acknowledged may be. */
static void check_acknowledged(struct records *records, uint32_t last)
{
	struct network *first = statedir_find(records, "net0");

	for (uint32_t i = last > 40 ? last - 40 : 1; i <= last; i++) {
		char id[16];
		uint32_t again = i % 2 ? i + 32 : i + 16;
		if (again <= last)
			continue;
		(void)snprintf(id, sizeof(id), i % 2 ? "ep%u" : "net%u", i / 2 % (i % 2 ? 16 : 8));
		/* The endpoints' network may not have been written yet. */
		if (i % 2 && !first)
			continue;
		struct endpoint *endpoint = i % 2 ? network_endpoint(first, id) : NULL;
		struct network *network = i % 2 ? NULL : statedir_find(records, id);
		int64_t found = endpoint ? endpoint->created_at : network ? network->created_at : -1;
		if (found != i && !(found == again && again == last + 1))
			fail_msg("op %u on %s of %u acknowledged: found %lld", i, id, last, (long long)found);
	}
}

static void what_was_acknowledged_survives_sigkill(void **state)
{
	(void)state;
	uint64_t total = 0;

	srand(9);
	for (unsigned round = 0; round < ROUNDS; round++) {
		int acks[2];
		uint32_t last = 0, number;
		assert_int_equal(pipe(acks), 0);
		pid_t child = fork();
		if (child == 0) {
			close(acks[0]);
			write_until_killed(acks[1]);
		}
		close(acks[1]);
		usleep(5000 + (useconds_t)any_below(20000));
		kill(child, SIGKILL);
		while (read(acks[0], &number, sizeof(number)) == sizeof(number))
			last = number;
		close(acks[0]);
		assert_int_equal(waitpid(child, NULL, 0), child);
		struct store *store = statedir_open(&dir);
		struct records *records = statedir_load(store);
		assert_string_equal(statedir_reported(store, "state_db", "damage"), "");
		assert_string_equal(statedir_reported(store, "live_db", "damage"), "");
		check_acknowledged(records, last);
		total += last;
		records_free(records);
		store_close(store);
	}
	printf("%u kills, %llu writes acknowledged\n", ROUNDS, (unsigned long long)total);
}

/* A host that dies while it repairs leaves something the next one can repair. */
static void a_kill_during_recovery_costs_nothing(void **state)
{
	(void)state;
	struct records *golden = golden_records();
	struct image images[FILES];

	srand(3);
	take_images(images, false);
	for (unsigned round = 0; round < ROUNDS; round++) {
		put_back(images);
		cut(images, STATE_DB, 5000);
		pid_t child = fork();
		if (child == 0) {
			struct store *store = NULL;
			_exit(store_open(&dir.paths, &store, NULL) ? 1 : 0);
		}
		usleep((useconds_t)any_below(4000));
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, NULL, 0), child);
		assert_true(open_and_compare(golden, false, "killed while it was repaired"));
	}
	free_images(images);
	records_free(golden);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(flipped_bits_never_make_a_wrong_record),
		T(cut_files_never_lose_records_silently),
		T(flipped_bits_in_the_log_are_told_from_an_unfinished_write),
		T(a_cut_log_makes_no_wrong_record),
		T(a_log_left_whole_is_no_loss),
		T(what_was_acknowledged_survives_sigkill),
		T(a_kill_during_recovery_costs_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
