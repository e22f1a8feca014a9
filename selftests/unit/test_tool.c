// SPDX-License-Identifier: GPL-2.0
/*
 * The hmmp2p program itself, with the mock preloaded: what it prints is
 * compared with files in golden/, its JSON as values and its text byte by byte.
 */
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>

#include "fake_sysfs.h"
#include "run_tool.h"

/* Of process 4242. */
static const char maps[] =
	"55e0c7a00000-55e0c7a02000 r-xp 00001000 fe:01 1234567                    /usr/bin/job\n"
	"7f0000000000-7f0000200000 rw-p 00000000 00:00 0                          [heap]\n"
	"7f0000280000-7f00002e0000 rw-p 00000000 fe:01 7654321                    /var/lib/model\xc3\xa9\n"
	"7f00002e0000-7f0000300000 rw-s 10000000000 00:06 815                     /dev/hmm_p2p\n"
	"7f0000300000-7f0000400000 rw-p 00000000 00:00 0 \n"
	"7f0000400000-7f0004000000 ---p 00000000 00:00 0 \n"
	"7ffd00000000-7ffd00004000 r--p 00000000 00:00 0                          [vvar]\n"
	"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]\n";

/* ------------------------------------------------------------------ verbs */

static void list_prints(void **state)
{
	(void)state;
	test_text("", "list", 0, "list.txt");
	test_text("", "list --bytes", 0, "list-bytes.txt");
	test_text("empty", "list", 0, "list-empty.txt");
	test_json("", "list --json", 0, "list.json");
	test_json("empty", "--json list", 0, "list-empty.json");
}

static void topo_prints(void **state)
{
	(void)state;
	test_text("", "topo", 0, "topo.txt");
	test_json("", "topo --json", 0, "topo.json");
	test_text("fail=path:19:4", "topo", 0, "topo-gone.txt");
	test_text("nonuma", "topo", 0, "topo-no-numa.txt");
	test_json("fail=path:19:4", "topo -j", 0, "topo-gone.json");
}

/* As wide as a terminal is at most: seven importers, with long names. */
static void topo_is_narrow(void **state)
{
	char *rest = output.out, *line;

	(void)state;
	run("pcinames", "topo");
	assert_status("topo", 0);
	assert_non_null(strstr(output.out, "pci-0000:0a:00.0"));
	while ((line = strsep(&rest, "\n")))
		assert_in_range(strlen(line), 0, 100);
}

static void topo_explains(void **state)
{
	(void)state;
	test_text("", "topo --explain vram0 edu0", 0, "explain-switch.txt");
	test_json("", "topo --json --explain vram0 edu0", 0, "explain-switch.json");
	test_text("", "topo --explain 04:00.0 1", 0, "explain-owner.txt");
	test_text("", "topo --explain carve0 edu1", 0, "explain-carveout.txt");
	test_text("", "topo --explain vram2 edu1", 0, "explain-host-bridge.txt");
	test_json("", "topo --explain vram2 edu1 --json", 0, "explain-host-bridge.json");
}

static void topo_explains_iommu(void **state)
{
	static const struct fake_function edu = {
		"pci0000:00/0000:00:05.0", 0x1234, 0x11e8, 0x00ff00, NO_ACS, 3, 64,
	};

	(void)state;
	test_json("", "topo -j --explain carve0 twin0", 0, "explain-not-pci.json");
	fake_group_type(3, "DMA\n");
	fake_function(&edu);
	test_json("", "topo -j --explain vram2 edu1", 0, "explain-iommu.json");
}

/* ACS redirects; the kernel then trusts the host bridge, or does not. */
static void topo_explains_acs(void **state)
{
	const char *port = "pci0000:00/0000:00:03.0/0000:01:00.0/0000:02:02.0";

	(void)state;
	fake_acs(port, 0x1d);
	test_text("", "topo --explain vram0 edu0", 0, "explain-acs.txt");
	test_json("", "topo -j --explain vram0 edu0", 0, "explain-acs.json");
	test_text("nopath", "topo --explain vram0 edu0", 0, "explain-acs-no.txt");
	test_json("nopath", "topo -j --explain vram0 edu0", 0, "explain-acs-no.json");
	fake_acs(port, 0);
	test_text("nopath", "topo --explain vram0 edu0", 0, "explain-misfit.txt");
}

static void map_prints(void **state)
{
	(void)state;
	test_text("", "map 4242", 0, "map.txt");
	test_text("", "map 4242 --importer edu0", 0, "map-importer.txt");
	test_text("", "map 4242 --importer edu1 --ram", 0, "map-ram.txt");
	test_text("empty,fail=device:2", "map 4242", 0, "map-no-devices.txt");
	test_text("home", "map 4242", 0, "map-nothing.txt");
	test_text("noread", "map 4242 -i edu0", 0, "map-unreadable.txt");
	test_text("home,noread", "map 4242", 0, "map-only-unreadable.txt");
	test_json("home,noread", "map 4242 --json", 0, "map-unreadable.json");
	test_json("", "map 4242 --json", 0, "map.json");
	test_json("home", "map 4242 --json", 0, "map-nothing.json");
	test_json("", "map -j 4242 -i edu1 -r", 0, "map-ram.json");
}

/* The number of calls does not grow with the number of mappings. */
static void map_of_many_mappings_asks_once(void **state)
{
	uint64_t start = MOCK_BASE, i;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	for (i = 0; i < 10000; i++, start += MOCK_PAGE_SIZE)
		fprintf(file, "%" PRIx64 "-%" PRIx64 " rw-p 00000000 00:00 0 %s\n", start,
			start + MOCK_PAGE_SIZE, i == 1 ? "[second]" : "");
	fclose(file);
	fake_file("proc/4242/maps", text);
	free(text);
	test_text("queries=2", "map 4242", 0, "map-many.txt");
}

/* Terabytes that were reserved and never touched cost nothing. */
static void map_passes_over_what_is_not_there(void **state)
{
	(void)state;
	fake_file("proc/4242/maps",
		  "100000000000-300000000000 rw-p 00000000 00:00 0 \n"
		  "7f0000000000-7f0000200000 rw-p 00000000 00:00 0                          [heap]\n"
		  "7f0000300000-7f8000000000 rw-p 00000000 00:00 0 \n");
	test_text("lookups=513", "map 4242 --ram", 0, "map-reserved.txt");
}

/* Where the kernel does not tell what is there, each page is looked up. */
static void map_looks_each_page_up(void **state)
{
	(void)state;
	test_text("noscan", "map 4242 -i edu1 --ram", 0, "map-ram.txt");
}

static int maps_as_before(void **state)
{
	(void)state;
	fake_file("proc/4242/maps", maps);
	return 0;
}

static void migrate_prints(void **state)
{
	(void)state;
	test_text("", "migrate 4242 0x7f0000000000+1M --to vram0", 0, "migrate.txt");
	test_text("", "migrate 4242 all --to vram0 --populate", 0,
		  "migrate-all.txt");
	test_text("", "migrate 4242 all --to vram0", 0, "migrate-untouched.txt");
	test_text("", "migrate 4242 0x7f0000000000-0x7f0000400000 --to 1 --populate", 0,
		  "migrate-mixed.txt");
	test_text("", "migrate 4242 [heap] --to ram", 0, "migrate-ram.txt");
	test_json("", "migrate 4242 0x7f0000000000-0x7f0000400000 --to 1 --json --populate",
		  0, "migrate.json");
	test_json("", "migrate -j 4242 all --to ram", 0, "migrate-ram.json");
}

/* Partial work is printed, and the exit code tells that it is partial. */
static void migrate_prints_partial_work(void **state)
{
	(void)state;
	test_text("", "migrate 4242 [heap] --to vram1", 1, "migrate-full.txt");
	assert_non_null(strstr(output.err, "device memory is full"));
	test_json("", "migrate 4242 [heap] --to vram1 --json", 1, "migrate-full.json");
	test_json("fail=migrate:3:5", "migrate 4242 all --to vram0 -j", 1,
		  "migrate-exit.json");
	assert_non_null(strstr(output.err, "process is gone"));
}

/* Mappings of a page: two may touch, or have between them nothing, or a guard. */
static void many_mappings(void)
{
	uint64_t start = MOCK_BASE, i;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	for (i = 0; i < 256; i++, start += 2 * MOCK_PAGE_SIZE) {
		fprintf(file, "%" PRIx64 "-%" PRIx64 " rw-p 00000000 00:00 0 \n", start,
			start + MOCK_PAGE_SIZE);
		if (i % 2)
			fprintf(file, "%" PRIx64 "-%" PRIx64 " ---p 00000000 00:00 0 \n",
				start + MOCK_PAGE_SIZE, start + 2 * MOCK_PAGE_SIZE);
	}
	fclose(file);
	fake_file("proc/4242/maps", text);
	free(text);
}

/* One call for all of them, and nothing is told of what is between. */
static void migrate_of_many_mappings_asks_once(void **state)
{
	(void)state;
	many_mappings();
	test_text("home,gaps,moves=2", "migrate 4242 all --to vram0", 0, "migrate-many.txt");
	test_text("gaps,moves=2", "migrate 4242 all --to ram", 0, "migrate-many-ram.txt");
}

/* A file between two mappings is not moved, and what is far is not walked to. */
static void migrate_passes_over_what_is_not_asked_for(void **state)
{
	(void)state;
	fake_file("proc/4242/maps",
		  "7f0000000000-7f0000100000 rw-p 00000000 00:00 0 \n"
		  "7f0000100000-7f0000101000 rw-p 00000000 fe:01 7654321   /var/lib/model\n"
		  "7f0000101000-7f0000200000 rw-p 00000000 00:00 0 \n"
		  "7f8000000000-7f8000001000 rw-p 00000000 00:00 0 \n");
	test_text("home,moves=4", "migrate 4242 all --to vram0", 0, "migrate-apart.txt");
}

/* Two steps, of which the second has memory. */
#define LONG_MOVE	"migrate 4242 0x7efffc000000+128M --to vram0"

/* The counts are the sum; one move has one number, whatever its steps. */
static void long_migrate_prints_the_sum(void **state)
{
	(void)state;
	test_text("onemove", LONG_MOVE, 0, "migrate-long.txt");
	test_text("onemove", "migrate 4242 all --to vram0", 0, "migrate-untouched.txt");
	test_text("home", LONG_MOVE " --no-evict", 0, "migrate-long-home.txt");
	test_text("home", "migrate 4242 0x7efffc000000+128M --to ram", 0,
		  "migrate-long-ram.txt");
}

static void long_migrate_shows_progress(void **state)
{
	(void)state;
	run_on_terminal("", LONG_MOVE);
	assert_status(LONG_MOVE, 0);
	assert_non_null(strstr(output.err, "\r 50%  0 moved, 0 already there, 64M stayed behind, 0.00 GB/s"));
	/* The line is gone in the end. */
	assert_string_equal(strrchr(output.err, '\r'), "\r\033[K");
	run_on_terminal("", LONG_MOVE " --json");
	assert_string_equal(output.err, "");
	run_on_terminal("", "migrate 4242 [heap] --to vram0");
	assert_string_equal(output.err, "");
	run("", LONG_MOVE);
	assert_string_equal(output.err, "");
}

/* SIGINT comes with the first step: the second is not tried, and it shows how the program ended. */
static void interrupted_migrate_prints_what_is_done(void **state)
{
	(void)state;
	test_text("home,int=1", LONG_MOVE, -SIGINT, "migrate-interrupted.txt");
	assert_non_null(strstr(output.err, "what has moved stays there"));
	assert_non_null(strstr(output.err, "0x7f0000000000"));
	test_json("home,int=1", LONG_MOVE " --json", -SIGINT, "migrate-interrupted.json");
	/* What is there already is claimed before the first step, and counts for nothing. */
	run("int=1", LONG_MOVE);
	assert_status(LONG_MOVE, -SIGINT);
	assert_string_equal(output.out, "");
	/* With the last step, it comes too late to change anything. */
	test_text("home,int=2", LONG_MOVE, -SIGINT, "migrate-long-home.txt");
	assert_string_equal(output.err, "");
}

/* As by nohup(1), or in the background of a script: the move goes on to its end. */
static void ignored_signal_ends_nothing(void **state)
{
	(void)state;
	starts_deaf = true;
	test_text("home,int=1", LONG_MOVE, 0, "migrate-long-home.txt");
	starts_deaf = false;
}

static void stat_prints(void **state)
{
	(void)state;
	test_text("", "stat", 0, "stat.txt");
	test_text("", "stat carve0", 0, "stat-one.txt");
	test_text("empty", "stat", 0, "stat-empty.txt");
	test_text("fail=stat:19", "stat", 0, "stat-empty.txt");
	test_json("", "stat --json", 0, "stat.json");
	test_json("", "stat --json 1", 0, "stat-one.json");
}

/* What one line of "stat --watch --json" says of the first device. */
static void watched(const char *line, const char *counter, int64_t counted)
{
	struct json_object *top = parse("stat --watch", line), *seconds, *found;

	assert_true(json_object_object_get_ex(top, "seconds", &seconds));
	assert_true(json_object_get_double(seconds) >= 0.01);
	assert_int_equal(json_pointer_get(top, "/devices/0/name", &found), 0);
	assert_string_equal(json_object_get_string(found), "vram0");
	assert_int_equal(json_pointer_getf(top, &found, "/devices/0/counters/%s", counter), 0);
	assert_int_equal(json_object_get_int64(found), counted);
	json_object_put(top);
}

static void stat_watches(void **state)
{
	char *rest = output.out, *line;
	unsigned int lines = 0;

	(void)state;
	test_text("", "stat --watch=0.01 --times 2", 0, "watch.txt");
	test_text("", "stat -w0.01 -n1 carve0", 0, "watch-one.txt");
	test_text("empty", "stat -w0.01 -n1", 0, "watch-empty.txt");
	run("counts", "stat --json --watch=0.01 --times 3");
	assert_status("stat --watch --json", 0);
	while ((line = strsep(&rest, "\n")) && *line) {
		watched(line, "private", 1);
		watched(line, "to_device", 4);
		lines++;
	}
	assert_int_equal(lines, 3);
	run("fail=stat:5:4", "stat vram0 --watch=0.01 --times 9");
	assert_status("stat --watch", 1);
	assert_non_null(strstr(output.err, "failed a transfer"));
}

static void owner_prints(void **state)
{
	(void)state;
	test_text("", "owner vram2 --join vram0", 0, "owner-join.txt");
	test_text("", "owner vram2", 0, "owner.txt");
	test_json("", "owner vram2 --join vram0 --json", 0, "owner-join.json");
	test_json("", "owner vram2 --json", 0, "owner.json");
}

static void drain_prints(void **state)
{
	(void)state;
	test_text("", "drain vram0", 0, "drain.txt");
	test_text("", "drain 03:00.0 --bytes", 0, "drain-bytes.txt");
	test_text("", "drain vram2", 0, "drain-empty.txt");
	test_json("", "drain vram0 --json", 0, "drain.json");
}

/* What was done is printed also when it could not be all, or was interrupted. */
static void drain_prints_partial_work(void **state)
{
	(void)state;
	test_text("ram=4", "drain vram0", 1, "drain-part.txt");
	assert_non_null(strstr(output.err, "add swap"));
	test_json("ram=4", "drain vram0 --json", 1, "drain-part.json");
	assert_non_null(strstr(output.err, "add swap"));
}

/* ----------------------------------------------------------------- errors */

static void failures_say_what_to_do(void **state)
{
	(void)state;
	test_err("open=2", "list", 1, "modprobe hmm_p2p");
	test_err("open=2", "list", 1, "hmmp2p doctor");
	test_err("open=13", "topo", 1, "run as root");
	test_err("fail=info:25", "stat", 1, "belongs to another driver");
	test_err("fail=device:5", "list", 1, "cannot list the devices");
	test_err("fail=info:19:1", "list --json", 1, "went away");
	test_err("", "topo --explain nope edu0", 1, "hmmp2p list");
	test_err("", "topo --explain vram0 platform", 1, "use the id");
	test_err("", "topo --explain edu0 vram0", 1, "capability exporter");
	test_err("", "map 4243", 1, "no such process");
	test_err("mem=13", "map 4242", 1, "ptrace");
	test_err("", "map 4242 --importer nope", 1, "no such device");
	test_err("", "map 4242 --importer carve0", 1, "choose an importer");
	test_err("fail=query:3", "map 4242", 1, "process is gone");
	test_err("nonuma", "map 4242 --ram", 1, "leave it out");
	test_err("nopages", "map 4242 --ram", 1, "run as root");
	test_err("", "stat edu0", 1, "capability exporter");
	test_err("", "stat nope", 1, "no such device");
	test_err("", "owner vram0", 1, "holds pages");
	test_err("fail=set_owner:1", "owner vram2", 1, "CAP_SYS_ADMIN");
	test_err("fail=device:5", "stat", 1, "cannot list the devices");
	test_err("fail=stat:5", "stat", 1, "failed a transfer");
	test_err("fail=stat:19", "stat vram0", 1, "went away");
	test_err("fail=device:5", "map 4242", 1, "cannot list the devices");
	test_err("", "owner nope", 1, "no such device");
	test_err("", "drain nope", 1, "no such device");
	test_err("", "drain edu0", 1, "capability exporter");
	test_err("fail=drain:1", "drain vram0", 1, "run as root");
	test_err("fail=drain:4", "drain vram0", 1, "drain it again");
	test_err("fail=drain:16", "drain vram0", 1, "stop who uses");
	test_err("fail=drain:19", "drain vram0", 1, "went away");
	test_err("", "owner vram2 --join nope", 1, "no such device");
}

/* Valgrind brings its own reallocarray(), which never fails. */
static void no_memory_is_a_failure(void **state)
{
	const char *valgrind = getenv("VALGRIND");

	(void)state;
	if (valgrind && *valgrind)
		skip();
	test_err("nomem", "list", 1, "no memory left");
	test_err("nomem", "map 4242", 1, "no memory left");
}

/* Without its /proc/PID/maps, a process has just gone. */
static void process_that_goes_is_a_failure(void **state)
{
	const char *proc = getenv(MOCK_PROC_ENV);
	char *saved = strdup(proc);

	(void)state;
	setenv(MOCK_PROC_ENV, "/nonexistent", 1);
	test_err("", "map 4242", 1, "no such process");
	test_err("", "migrate 4242 all --to ram", 1, "no such process");
	setenv(MOCK_PROC_ENV, saved, 1);
	free(saved);
}

/* The machine's process 4242, with @stat, has no memory: ESRCH, which is 3. */
static void test_gone(const char *stat, const char *words)
{
	fake_file("proc/4242/stat", stat);
	test_err("mem=3", "map 4242", 1, words);
	test_err("mem=3", "migrate 4242 all --to ram", 1, words);
	test_err("mem=3", "migrate 4242 0x1000+4K --to ram", 1, words);
	fake_file("proc/4242/stat", "");
}

static void process_without_memory_is_named(void **state)
{
	(void)state;
	test_gone("4242 (kworker/0:1) I 2 0 0 0 -1 69238880 0 0 0 0 0 0 0 0 20 0 1 0 38 0",
		  "process 4242 is a kernel thread");
	test_gone("4242 (job) 7) Z 1 4242 4242 0 -1 4228172 99 0 0 0 0 0 0 0 20 0 1 0 38 0",
		  "process 4242 has ended (zombie)");
	test_gone("4242 (job) Z 1 4242 4242 0 -1 4228172 99 0 0 0 0 0 0 0 20 0 3 0 38 0",
		  "first thread that has ended");
	test_gone("4242 (job) S 1 4242 4242 0 -1 4228172 99 0 0 0 0 0 0 0 20 0 3 0 38 0",
		  "no such process");
	test_gone("4242 (job", "no such process");
}

static void migrate_failures_say_what_to_do(void **state)
{
	(void)state;
	test_err("", "migrate 4242 all --to nope", 1, "no such device");
	test_err("", "migrate 4242 all --to edu0", 1, "capability exporter");
	test_err("", "migrate 4243 all --to vram0", 1, "no such process");
	test_err("", "migrate 4242 0x1001+4K --to ram", 1, "0x1000-0x3000 covers it");
	test_err("", "migrate 4242 [nope] --to ram", 1, "/proc/4242/maps");
	test_err("fail=migrate:3", "migrate 4242 all --to vram0", 1, "process is gone");
	test_err("fail=migrate:13", "migrate 4242 all --to vram0", 1,
		 "runs another program meanwhile");
	test_err("fail=query:13", "map 4242", 1, "runs another program meanwhile");
	test_err("once,fail=migrate:12", "migrate 4242 all --to vram0", 1,
		 "No system memory");
	test_err("fail=migrate:19", "migrate 4242 all --to vram0", 1, "went away");
}

static void wrong_use_is_exit_2(void **state)
{
	static const char *const commands[] = {
		"", "nope", "list extra", "list --nope", "topo vram0 edu0",
		"topo --explain", "topo --explain vram0",
		"topo --explain vram0 edu0 more", "map", "map 1 2", "map x",
		"map 0", "map -1", "map 99999999999", "map 1x", "migrate",
		"migrate 4242", "migrate 4242 all", "migrate 4242 --to ram",
		"migrate 4242 all more --to ram", "migrate 4242 7f00-7f01 --to ram",
		"migrate 4242 --to", "stat a b", "stat --watch=0", "stat --watch=x", "stat --times 2",
		"stat --watch --times 0", "owner", "owner a b",
		"owner --join a", "migrate 4242 all --to ram --populate",
		"owner --join a", "drain", "drain a b",
		"help nope", "help list topo", "help help",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		test_err("", commands[i], 2, "hmmp2p");
}

static void help_needs_no_driver(void **state)
{
	(void)state;
	test_help("--help", "Verbs:");
	test_help("--version", "hmmp2p 1.");
	test_help("help", "Verbs:");
	test_help("help migrate", "START-END");
	test_help("help drain", "Usage: hmmp2p drain");
	test_help("list --help", "exporters");
	test_help("topo --help", "--explain");
	test_help("map --help", "--importer");
	test_help("migrate --help", "START-END");
	test_help("stat --help", "counters");
	test_help("owner --help", "--join");
	test_help("drain --help", "Ctrl-C");
	test_help("help doctor", "--report");
}

static void full_disk_is_a_failure(void **state)
{
	char *words[] = { (char *)need_env("HMM_P2P_TOOL"), "list", NULL };
	FILE *out = fopen("/dev/full", "w"), *err = tmpfile();
	int status;
	pid_t pid;

	(void)state;
	setenv(MOCK_ENV, "", 1);
	pid = spawn(words, out, err);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	fclose(out);
	read_back(err, output.err);
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_non_null(strstr(output.err, "could not be written"));
}

/* --------------------------------------------------------------- fixtures */

static int set_up_machine(void **state)
{
	(void)state;
	setenv("LC_ALL", "C", 1);
	unsetenv(HMM_P2P_DEVICE_ENV);
	unsetenv("ARGP_HELP_FMT");
	unsetenv("COLUMNS");
	fake_make();
	fake_machine();
	fake_file("proc/4242/maps", maps);
	return 0;
}

static int tear_down_machine(void **state)
{
	(void)state;
	fake_remove();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_prints),
		cmocka_unit_test(topo_prints),
		cmocka_unit_test(topo_is_narrow),
		cmocka_unit_test(topo_explains),
		cmocka_unit_test(topo_explains_acs),
		cmocka_unit_test(topo_explains_iommu),
		cmocka_unit_test(map_prints),
		cmocka_unit_test_teardown(map_of_many_mappings_asks_once, maps_as_before),
		cmocka_unit_test_teardown(map_passes_over_what_is_not_there, maps_as_before),
		cmocka_unit_test(map_looks_each_page_up),
		cmocka_unit_test(migrate_prints),
		cmocka_unit_test(migrate_prints_partial_work),
		cmocka_unit_test_teardown(migrate_of_many_mappings_asks_once, maps_as_before),
		cmocka_unit_test_teardown(migrate_passes_over_what_is_not_asked_for, maps_as_before),
		cmocka_unit_test(long_migrate_prints_the_sum),
		cmocka_unit_test(long_migrate_shows_progress),
		cmocka_unit_test(interrupted_migrate_prints_what_is_done),
		cmocka_unit_test(ignored_signal_ends_nothing),
		cmocka_unit_test(stat_prints),
		cmocka_unit_test(stat_watches),
		cmocka_unit_test(owner_prints),
		cmocka_unit_test(drain_prints),
		cmocka_unit_test(drain_prints_partial_work),
		cmocka_unit_test(failures_say_what_to_do),
		cmocka_unit_test(process_that_goes_is_a_failure),
		cmocka_unit_test(process_without_memory_is_named),
		cmocka_unit_test(migrate_failures_say_what_to_do),
		cmocka_unit_test(no_memory_is_a_failure),
		cmocka_unit_test(wrong_use_is_exit_2),
		cmocka_unit_test(help_needs_no_driver),
		cmocka_unit_test(full_disk_is_a_failure),
	};

	return cmocka_run_group_tests_name("tool", tests, set_up_machine,
					   tear_down_machine);
}
