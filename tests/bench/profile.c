// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Finds the kernel functions that take the time while a command runs.
 *
 * Usage: profile FILE COMMAND [ARGUMENT]...
 *
 * A timer samples the instruction pointer of the first processor. In a machine
 * that counts instructions, a share of the samples is a share of the
 * instructions. Code with interrupts disabled counts where they are enabled
 * again. FILE becomes a table of samples and functions, most first. Code in
 * user space is "user".
 */
#include <errno.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVERY_NS	10000		/* no less is allowed */
#define PAGES		1024		/* of samples; a power of two */
#define NAME_LEN	64

struct function {
	uint64_t address;
	char name[NAME_LEN];
	unsigned long samples;
};

struct sample {
	struct perf_event_header header;
	uint64_t ip;
};

static struct function *functions;
static size_t count, room;
static unsigned long user, lost;

static void die(const char *what)
{
	fprintf(stderr, "profile: %s: %s\n", what, strerror(errno));
	exit(1);
}

static struct function *add(void)
{
	if (count == room) {
		room = room ? 2 * room : 65536;
		functions = realloc(functions, room * sizeof(*functions));
		if (!functions)
			die("memory");
	}
	return &functions[count++];
}

static int by_address(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static int by_samples(const void *a, const void *b)
{
	const struct function *x = a, *y = b;

	return x->samples < y->samples ? 1 : x->samples > y->samples ? -1 : 0;
}

/* Reads the functions of the kernel and its modules, sorted by address. */
static void read_functions(void)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], type;

	if (!f)
		die("/proc/kallsyms");
	while (fgets(line, sizeof(line), f)) {
		struct function *fn = add();

		memset(fn, 0, sizeof(*fn));
		if (sscanf(line, "%" SCNx64 " %c %63s", &fn->address, &type, fn->name) != 3 ||
		    !strchr("tTwW", type))
			count--;
	}
	fclose(f);
	qsort(functions, count, sizeof(*functions), by_address);
	if (!count || !functions[count - 1].address) {
		errno = EPERM;
		die("/proc/kallsyms");
	}
}

static void take(uint64_t ip)
{
	size_t low = 0, high = count;

	if (!(ip >> 63)) {
		user++;
		return;
	}
	while (high - low > 1) {
		size_t middle = (low + high) / 2;

		if (functions[middle].address <= ip)
			low = middle;
		else
			high = middle;
	}
	functions[low].samples++;
}

/* Takes the samples in the ring. */
static void read_samples(struct perf_event_mmap_page *page, const uint8_t *data,
			 size_t size)
{
	uint64_t head = __atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE);
	uint64_t tail = page->data_tail;

	while (tail < head) {
		union {
			struct sample sample;
			uint8_t bytes[sizeof(struct sample)];
		} s;
		size_t len;

		for (size_t i = 0; i < sizeof(s.bytes); i++)
			s.bytes[i] = data[(tail + i) % size];
		len = s.sample.header.size;
		if (s.sample.header.type == PERF_RECORD_SAMPLE)
			take(s.sample.ip);
		else if (s.sample.header.type == PERF_RECORD_LOST)
			lost++;
		tail += len;
	}
	__atomic_store_n(&page->data_tail, tail, __ATOMIC_RELEASE);
}

static pid_t start(char **command, int *go)
{
	int ends[2];
	pid_t pid;
	char word;

	if (pipe(ends))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		close(ends[1]);
		if (read(ends[0], &word, 1) != 1)
			_exit(1);
		close(ends[0]);
		execvp(command[0], command);
		die(command[0]);
	}
	close(ends[0]);
	*go = ends[1];
	return pid;
}

static void write_table(const char *path)
{
	unsigned long all = user;
	FILE *f = fopen(path, "w");

	if (!f)
		die(path);
	for (size_t i = 0; i < count; i++)
		all += functions[i].samples;
	qsort(functions, count, sizeof(*functions), by_samples);
	fprintf(f, "%lu all\n%lu user\n", all, user);
	for (size_t i = 0; i < count && functions[i].samples; i++)
		fprintf(f, "%lu %s\n", functions[i].samples, functions[i].name);
	if (fclose(f))
		die(path);
}

int main(int argc, char **argv)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = EVERY_NS,
		.sample_type = PERF_SAMPLE_IP,
		.exclude_idle = 1,
		.disabled = 1,
	};
	size_t page_size = sysconf(_SC_PAGESIZE);
	struct perf_event_mmap_page *page;
	int fd, go, status;
	pid_t pid;

	if (argc < 3) {
		fprintf(stderr, "usage: profile FILE COMMAND [ARGUMENT]...\n");
		return 2;
	}
	read_functions();
	pid = start(argv + 2, &go);
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
	if (fd < 0)
		die("perf_event_open");
	page = mmap(NULL, (PAGES + 1) * page_size, PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		die("mmap");
	if (ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) || write(go, "", 1) != 1)
		die("start");
	while (!waitpid(pid, &status, WNOHANG)) {
		usleep(200000);
		read_samples(page, (uint8_t *)page + page_size, PAGES * page_size);
	}
	ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
	read_samples(page, (uint8_t *)page + page_size, PAGES * page_size);
	if (lost) {
		fprintf(stderr, "profile: samples were lost\n");
		return 1;
	}
	write_table(argv[1]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
