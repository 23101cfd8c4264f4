// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/*
 * Run inputs through a fuzz target without a fuzzer, or record real inputs. The
 * target must accept real inputs, except inputs with names that begin with
 * "refused".
 *
 * Usage: TARGET-replay NAME REAL FOLDER	prints TAP, inputs on stderr
 *        TARGET-replay --record REAL
 */

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "world.h"

/*
 * Run a file in a buffer of exactly its size, so that the sanitizer sees an
 * overrun.
 */
static bool run_file(const char *path)
{
	FILE *file = fopen(path, "r");
	struct stat st;
	uint8_t *p;

	MUST(file && fstat(fileno(file), &st) == 0);
	p = malloc(st.st_size ? st.st_size : 1);
	MUST(p);
	MUST(fread(p, 1, st.st_size, file) == (size_t)st.st_size);
	fclose(file);
	fprintf(stderr, "# %s\n", path);
	world_believed = false;
	LLVMFuzzerTestOneInput(p, st.st_size);
	free(p);
	return world_believed;
}

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Run all files of a folder; return the number of inputs. */
static int run(const char *folder, bool real)
{
	struct dirent **list;
	char path[1024];
	int i, n;

	n = scandir(folder, &list, visible, alphasort);
	MUST(n >= 0);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
		if (!run_file(path) && real)
			MUST(!strncmp(list[i]->d_name, "refused", 7));
		free(list[i]);
	}
	free(list);
	return n;
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";
	bool recording = argc == 3 && !strcmp(name, "--record");
	int n;

	if (!recording && argc != 4) {
		fprintf(stderr, "Usage: %s NAME REAL FOLDER | --record REAL\n",
			argv[0]);
		return 2;
	}
	LLVMFuzzerInitialize(&argc, &argv);
	if (recording) {
		record(argv[2]);
		return 0;
	}
	/* print the plan first, so that a crash counts as a failure */
	puts("1..2");
	fflush(stdout);
	n = run(argv[2], true);
	MUST(n);
	printf("ok 1 - %s: %d real inputs are believed\n", name, n);
	fflush(stdout);
	n = run(argv[3], false);
	MUST(n);
	printf("ok 2 - %s: %d inputs do no harm\n", name, n);
	return 0;
}
