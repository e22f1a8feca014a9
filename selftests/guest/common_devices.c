// SPDX-License-Identifier: GPL-2.0
/* The driver, its devices and migration: what the guest's tests share. */
#include "common.h"

struct hmm_p2p *ctx;
size_t page_size;
size_t huge_size;

/* Bytes in use per device when the test began. */
static struct hmm_p2p_device_info at_start[MAX_DEVICES];
static size_t nr_at_start;

int suite_setup(void **state)
{
	struct hmm_p2p_info info;
	int ret;

	(void)state;
	setvbuf(stderr, NULL, _IOLBF, 0);
	ret = hmm_p2p_open(&ctx);
	if (!ret)
		ret = hmm_p2p_get_info(ctx, &info);
	if (ret) {
		fprintf(stderr, "# no driver: %s\n",
			hmm_p2p_errno_text(ret, HMM_P2P_CALL_OPEN));
		return -1;
	}
	page_size = info.out_page_size;
	huge_size = info.out_huge_page_size;
	return 0;
}

int suite_teardown(void **state)
{
	(void)state;
	hmm_p2p_close(ctx);
	ctx = NULL;
	return 0;
}

int test_setup(void **state)
{
	(void)state;
	nr_at_start = device_list(at_start);
	return 0;
}

/* Has the device gone, or does it hold what it held? */
static bool is_as_before(const struct hmm_p2p_device_info *old,
			 struct hmm_p2p_device_info *info)
{
	return hmm_p2p_device_next(ctx, old->out_id, info) || info->out_id != old->out_id ||
	       info->out_used_bytes == old->out_used_bytes;
}

/* Lost for good, or just late? It is a failure anyway. */
static bool goes_away(const struct hmm_p2p_device_info *old)
{
	struct hmm_p2p_device_info info;
	double until = seconds_now() + 1;

	do {
		if (hmm_p2p_device_next(ctx, old->out_id, &info) ||
		    info.out_used_bytes == old->out_used_bytes)
			return true;
	} while (seconds_now() < until);
	return false;
}

int test_teardown(void **state)
{
	struct hmm_p2p_device_info info;
	size_t i;
	int bad = 0;

	(void)state;
	unmap_leftovers();
	/* Somebody else moves our memory, and compares by himself when we have ended. */
	if (getenv("HMM_P2P_SOAK"))
		return 0;
	for (i = 0; i < nr_at_start; i++) {
		const struct hmm_p2p_device_info *old = &at_start[i];

		if (is_as_before(old, &info))
			continue;
		/* What was locked, and then unmapped, a CPU may still have in a list. */
		lru_drain();
		if (is_as_before(old, &info))
			continue;
		fprintf(stderr, "# %s holds %llu bytes, and %llu before the test; %s\n",
			(const char *)info.out_name,
			(unsigned long long)info.out_used_bytes,
			(unsigned long long)old->out_used_bytes,
			goes_away(old) ? "not any more" : "still so after a second");
		bad = -1;
	}
	return bad;
}

size_t device_list(struct hmm_p2p_device_info infos[MAX_DEVICES])
{
	uint32_t id = 0;
	size_t n = 0;

	while (n < MAX_DEVICES && !hmm_p2p_device_next(ctx, id, &infos[n]))
		id = infos[n++].out_id + 1;
	return n;
}

bool is_exporter(const struct hmm_p2p_device_info *info)
{
	return info->out_caps & HMM_P2P_CAP_EXPORTER;
}

bool is_importer(const struct hmm_p2p_device_info *info)
{
	return info->out_caps & HMM_P2P_CAP_IMPORTER;
}

bool is_slow(const struct hmm_p2p_device_info *info)
{
	return is_importer(info) && !is_exporter(info);
}

static struct hmm_p2p_device_info exporter_by_size(bool largest)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES], *best = NULL;
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++) {
		if (!is_exporter(&infos[i]))
			continue;
		if (!best || (largest && infos[i].out_memory_bytes >
			      best->out_memory_bytes) ||
		    (!largest && infos[i].out_memory_bytes <
		     best->out_memory_bytes))
			best = &infos[i];
	}
	if (!best)
		SKIP("there is no exporter");
	return *best;
}

struct hmm_p2p_device_info largest_exporter(uint64_t room)
{
	struct hmm_p2p_device_info info = exporter_by_size(true);

	/* The device keeps a page to itself, and with it a huge page. */
	if (info.out_memory_bytes - info.out_used_bytes < room + huge_size)
		SKIP("no exporter has room for %llu MiB",
		     (unsigned long long)room >> 20);
	return info;
}

struct hmm_p2p_device_info smallest_exporter(void)
{
	return exporter_by_size(false);
}

struct hmm_p2p_device_info other_exporter(uint32_t not)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++)
		if (is_exporter(&infos[i]) && infos[i].out_id != not)
			return infos[i];
	SKIP("there is no second exporter");
	return infos[0];
}

bool find_importer(uint32_t id, enum hmm_p2p_outcome outcome,
		   struct hmm_p2p_device_info *importer)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;
	struct hmm_p2p_path path;
	bool found = false;

	for (i = 0; i < n; i++) {
		if (!is_importer(&infos[i]) || infos[i].out_id == id ||
		    (found && is_slow(&infos[i])))
			continue;
		REQUIRE(hmm_p2p_path(ctx, id, infos[i].out_id, &path) == 0);
		if (path.out_outcome != outcome)
			continue;
		*importer = infos[i];
		found = true;
	}
	return found;
}

struct hmm_p2p_device_info any_importer(void)
{
	struct hmm_p2p_device_info infos[MAX_DEVICES];
	size_t n = device_list(infos), i;

	for (i = 0; i < n; i++)
		if (is_importer(&infos[i]) && !is_slow(&infos[i]))
			return infos[i];
	SKIP("there is no importer");
	return infos[0];
}

uint64_t used_bytes(uint32_t id)
{
	struct hmm_p2p_device_info info;

	REQUIRE(hmm_p2p_device_next(ctx, id, &info) == 0);
	REQUIRE(info.out_id == id);
	return info.out_used_bytes;
}

static int driver_write(const char *driver, const char *file,
			const struct hmm_p2p_device_info *info)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/%s", driver, file);
	return write_file(path, (const char *)info->out_bus);
}

int driver_unbind(const char *driver, const struct hmm_p2p_device_info *info)
{
	return driver_write(driver, "unbind", info);
}

int driver_bind(const char *driver, const struct hmm_p2p_device_info *info)
{
	return driver_write(driver, "bind", info);
}

struct hmm_p2p_stat stat_now(uint32_t id)
{
	struct hmm_p2p_stat stat;

	REQUIRE(hmm_p2p_stat(ctx, id, &stat) == 0);
	return stat;
}

uint64_t stat_delta(uint32_t id, const struct hmm_p2p_stat *before,
		    enum hmm_p2p_counter counter)
{
	struct hmm_p2p_stat now = stat_now(id);

	return now.out_counters[counter] - before->out_counters[counter];
}

uint64_t reasons_sum(const __u64 reasons[HMM_P2P_REASON_SLOTS])
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		sum += reasons[i];
	return sum;
}

uint64_t migrate_sum(const struct hmm_p2p_migrate *result)
{
	return result->out_moved + result->out_already +
	       reasons_sum(result->out_reasons);
}

static void show(int ret, size_t length, const struct hmm_p2p_migrate *r)
{
	unsigned int i;

	fprintf(stderr, "# migrate: %d; of %zu pages %llu moved (%llu populated), %llu already there",
		ret, length / page_size, (unsigned long long)r->out_moved,
		(unsigned long long)r->out_populated,
		(unsigned long long)r->out_already);
	for (i = 0; i < HMM_P2P_REASON_SLOTS; i++)
		if (r->out_reasons[i])
			fprintf(stderr, ", %llu %s",
				(unsigned long long)r->out_reasons[i],
				hmm_p2p_reason_name(i));
	fputc('\n', stderr);
}

static void account(int ret, size_t length, const struct hmm_p2p_migrate *r,
		    struct hmm_p2p_migrate *result)
{
	if (ret || migrate_sum(r) != length / page_size)
		show(ret, length, r);
	REQUIRE(ret == 0);
	REQUIRE(migrate_sum(r) == length / page_size);
	REQUIRE(r->out_populated <= r->out_moved);
	REQUIRE(r->out_reasons[HMM_P2P_REASON_NONE] == 0);
	if (result)
		*result = *r;
}

void move_to(uint32_t device, const void *mem, size_t length,
	     struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_migrate r;
	int ret = hmm_p2p_migrate(ctx, NULL, device, (uintptr_t)mem, length, &r);

	account(ret, length, &r, result);
}

void populate_to(uint32_t device, const void *mem, size_t length,
		 struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_migrate r;
	int ret = hmm_p2p_migrate_flags(ctx, NULL, device, HMM_P2P_MIGRATE_POPULATE,
					(uintptr_t)mem, length, &r);

	account(ret, length, &r, result);
}

void move_to_ram(const void *mem, size_t length, struct hmm_p2p_migrate *result)
{
	struct hmm_p2p_migrate r;
	int ret = hmm_p2p_migrate_to_ram(ctx, NULL, (uintptr_t)mem, length, &r);

	account(ret, length, &r, result);
}

static void all_moved(uint32_t device, const void *mem, size_t length,
		      const struct hmm_p2p_migrate *result)
{
	if (result->out_moved != length / page_size)
		show(0, length, result);
	REQUIRE(result->out_moved == length / page_size);
	REQUIRE(pages_on(device, mem, length) == length / page_size);
}

void move_all_to(uint32_t device, const void *mem, size_t length)
{
	struct hmm_p2p_migrate result;

	move_to(device, mem, length, &result);
	all_moved(device, mem, length, &result);
}

void populate_all_to(uint32_t device, const void *mem, size_t length)
{
	struct hmm_p2p_migrate result;

	populate_to(device, mem, length, &result);
	all_moved(device, mem, length, &result);
}

struct page_count {
	uint32_t device;
	uint64_t bytes;
};

static int count_extent(const struct hmm_p2p_extent *extent, void *arg)
{
	struct page_count *count = arg;

	if (extent->flags & HMM_P2P_EXTENT_UNREADABLE)
		return 0;
	if (!count->device || extent->device == count->device)
		count->bytes += extent->length;
	return 0;
}

size_t pages_on(uint32_t device, const void *mem, size_t length)
{
	struct page_count count = { .device = device };

	REQUIRE(hmm_p2p_query(ctx, NULL, 0, (uintptr_t)mem, length,
			      count_extent, &count) >= 0);
	return count.bytes / page_size;
}

/* "info pci" has it below the address. */
bool qemu_id(const char *bdf, char *id, size_t size)
{
	unsigned int bus, slot, fn, b, s, f;
	char line[256], quoted[64];
	bool here = false, found = false;
	FILE *answer;

	if (access("/dev/virtio-ports/monitor", F_OK))
		return false;
	if (sscanf(bdf, "%*x:%x:%x.%x", &bus, &slot, &fn) != 3)
		return false;
	answer = popen("monitor info pci", "r");
	while (answer && fgets(line, sizeof(line), answer)) {
		if (sscanf(line, " Bus %u, device %u, function %u", &b, &s, &f) == 3)
			here = b == bus && s == slot && f == fn;
		if (here && sscanf(line, " id \"%63[^\"]\"", quoted) == 1) {
			snprintf(id, size, "%s", quoted);
			found = true;
		}
	}
	if (answer)
		pclose(answer);
	return found;
}
