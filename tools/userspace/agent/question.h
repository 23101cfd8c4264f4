/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Questions about names: the users take turns, and each user has a limited
 * number of running lookups.
 */
#ifndef REKEYD_QUESTION_H
#define REKEYD_QUESTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define LOOKUPS_EACH		16	/* per user */
#define QUESTION_CHAINS		1024

struct asker;

TAILQ_HEAD(question_list, question);

/**
 * struct question - a name that a flow waits for
 * @entry: in @list
 * @chain: questions by flow
 * @list: the waiting questions of the user, or the questions of a lookup
 * @asker: the user
 * @flow: the flow
 * @port: port of agents without an SRV record
 * @name: the name
 */
struct question {
	TAILQ_ENTRY(question) entry;
	LIST_ENTRY(question) chain;
	struct question_list *list;
	struct asker *asker;
	uint32_t flow;
	uint16_t port;
	char name[];
};

/**
 * struct questions - all questions
 * @flows: the questions, by flow
 * @users: the users with questions or lookups, by uid
 * @ready: users whose first question may be looked up, in order
 */
struct questions {
	LIST_HEAD(, question) flows[QUESTION_CHAINS];
	LIST_HEAD(, asker) users[QUESTION_CHAINS];
	TAILQ_HEAD(, asker) ready;
};

void questions_init(struct questions *qs);
void questions_clear(struct questions *qs);

/**
 * question_new() - add a question that waits for a lookup
 *
 * Return: the question; NULL if there is no memory.
 */
struct question *question_new(struct questions *qs, uint32_t flow,
			      uint32_t uid, const char *name, uint16_t port);
void question_free(struct questions *qs, struct question *q);

/* Return: the question of a flow, or NULL. */
struct question *question_of(const struct questions *qs, uint32_t flow);

/* Return: the question to look up next, or NULL. */
struct question *question_next(const struct questions *qs);

/* Move a question from the waiting list to @list, the questions of a lookup. */
void question_join(struct questions *qs, struct question *q,
		   struct question_list *list);

/* Count a lookup against the limit of a user until asker_end(). */
void asker_begin(struct questions *qs, struct asker *asker);
void asker_end(struct questions *qs, struct asker *asker);

#endif /* REKEYD_QUESTION_H */
