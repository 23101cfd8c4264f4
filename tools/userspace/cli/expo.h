/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/* The text exposition format of Prometheus, version 0.0.4. */
#ifndef IPCP_CLI_EXPO_H
#define IPCP_CLI_EXPO_H

#include <stdint.h>
#include <stdio.h>

/**
 * struct expo_label - a label of a sample; an empty one terminates a list
 * @name: a valid name of a label
 * @value: any text
 */
struct expo_label {
	const char *name;
	const char *value;
};

void expo_label_all(const char *name, const char *value);
void expo_family(FILE *out, const char *name, const char *type,
		 const char *help);
void expo_sample(FILE *out, const char *name, const struct expo_label *labels,
		 uint64_t value);
void expo_sample_ms(FILE *out, const char *name,
		    const struct expo_label *labels, uint64_t ms);

#endif /* IPCP_CLI_EXPO_H */
