/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Deterministic environment of the fuzz targets, in which a recorded message
 * stays valid: fixed certificates, a stopped clock, deterministic random
 * numbers.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../oap/oap.h"

#define WORLD_NAME	"bob.example"	/* in the certificate of the server */
#define WORLD_US	"alice.example"
#define WORLD_SERVER	"server"	/* directory; the other is "client" */
#define WORLD_CLIENT	"client"

/* Abort if an input violates the condition, so that the fuzzer reports it. */
#define MUST(condition) \
	do { \
		if (!(condition)) \
			world_broken(#condition, __FILE__, __LINE__); \
	} while (0)

void world_broken(const char *what, const char *file, int line)
	__attribute__((noreturn));

/* Create the directories, which are removed when the program exits. */
void world_open(void);
const char *world_path(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/* Restart the random numbers; each @number selects a sequence. */
void world_dice(uint64_t number);

/*
 * Return the environment of a side, after dropping the requests in its caches.
 */
struct oap_env *world_env(const char *side);
void world_forget(struct oap_env *env);

/* True if OpenSSL has ML-KEM. */
bool world_has_kem(void);

/* Set by a target when it accepts an input, as required for real inputs. */
extern bool world_believed;

/* The names that the client knows, each with its own enc.conf. */
struct world_name {
	const char *name;
	const char *conf;
	bool has_crt;
	bool kem;
};

extern const struct world_name world_names[];
extern const size_t world_count;

/* True if OpenSSL supports the enc.conf of the name. */
bool world_can(const struct world_name *n);

/*
 * Entry points of the targets: process an input; record real inputs into a
 * directory.
 */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);
void record(const char *dir);
void record_file(const char *dir, const char *name, const uint8_t *p,
		 size_t len);

#endif /* FUZZ_WORLD_H */
