/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * What the fuzz targets share: a world in which everything repeats, so that a
 * message recorded once is understood for ever: fixed certificates, a clock
 * that stands, random numbers that are none.
 */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../oap/oap.h"

#define WORLD_NAME	"bob.example"	/* who serves, by his certificate */
#define WORLD_US	"alice.example"
#define WORLD_SERVER	"server"	/* folders; alice's is called client */
#define WORLD_CLIENT	"client"

/* What an input does not hold to ends the program: the fuzzer has found it. */
#define MUST(condition) \
	do { \
		if (!(condition)) \
			world_broken(#condition, __FILE__, __LINE__); \
	} while (0)

void world_broken(const char *what, const char *file, int line)
	__attribute__((noreturn));

/* Makes the folders; they go when the program ends. */
void world_open(void);
const char *world_path(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/* Random numbers begin anew, a sequence for each number. */
void world_dice(uint64_t number);

/* The environment of a side, and how it forgets what requests it saw. */
struct oap_env *world_env(const char *side);
void world_forget(struct oap_env *env);

/* Does OpenSSL have ML-KEM? */
bool world_has_kem(void);

/* Set by the targets when they believed an input: real ones must be. */
extern bool world_believed;

/* The names that the client knows: of each its own enc.conf. */
struct world_name {
	const char *name;
	const char *conf;
	bool has_crt;
	bool kem;
};

extern const struct world_name world_names[];
extern const size_t world_count;

/* Can OpenSSL do what the name's enc.conf says? */
bool world_can(const struct world_name *n);

/* The targets: each handles an input, and records real ones into a folder. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);
void record(const char *dir);
void record_file(const char *dir, const char *name, const uint8_t *p,
		 size_t len);

#endif /* FUZZ_WORLD_H */
