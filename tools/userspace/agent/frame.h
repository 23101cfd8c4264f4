/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * Messages between agents, split into frames that fit into packets of 1200
 * bytes, and reassembled. Documentation/agent-protocol.md describes their
 * layout.
 */
#ifndef REKEYD_FRAME_H
#define REKEYD_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_VERSION	1
#define FRAME_NO_VERSION 0	/* a notice, the same in all versions */
#define FRAME_NOTICE	1
#define FRAME_MAX	1172	/* header and payload */
#define FRAME_HDR	32
#define FRAME_PAYLOAD	(FRAME_MAX - FRAME_HDR)
#define FRAME_COUNT_MAX	16
#define COOKIE_LEN	16
#define MESSAGE_MAX	(FRAME_COUNT_MAX * FRAME_PAYLOAD)

enum msg_type {
	/* CTRL, from the initiator */
	MSG_HELLO = 1,		/* no cookie yet */
	MSG_ALLOC = 2,		/* OAP request */
	MSG_ABORT = 3,		/* code, text */
	/* CTRL, from the responder */
	MSG_COOKIE = 4,
	MSG_ALLOC_OK = 5,	/* OAP response */
	MSG_REFUSED = 6,	/* code, text */
	/* SEALED, or CTRL where keys were lost; from the initiator */
	MSG_REKEY = 16,		/* OAP request */
	/* SEALED, from the responder */
	MSG_REKEY_OK = 17,	/* OAP response */
	MSG_REKEY_REFUSED = 18,	/* code, text */
	MSG_REKEY_WANTED = 19,	/* in CTRL: OAP statement */
	/* CTRL, from either */
	MSG_REKEY_DENIED = 20,	/* OAP statement */
};

struct frame {
	enum msg_type type;
	uint8_t index;
	uint8_t count;
	uint64_t token;
	uint8_t cookie[COOKIE_LEN];
	const uint8_t *payload;
	size_t len;
};

/* Reply to a frame of a version that the agent does not speak. */
struct notice {
	uint8_t lowest;		/* version that its sender speaks */
	uint8_t highest;
	uint64_t token;		/* token of the foreign frame */
};

/* A complete message, kept for retransmission. */
struct message {
	enum msg_type type;
	uint64_t token;
	uint8_t *p;
	size_t len;
};

/* A message being reassembled. All frames except the last are full. */
struct assembly {
	enum msg_type type;
	uint64_t token;
	uint8_t count;
	uint32_t have;		/* one bit for each frame */
	size_t len;
	uint8_t *p;
};

bool frame_read(struct frame *frame, const uint8_t *p, size_t len);

/* Write frame @index of a message; return its length. */
size_t frame_write(uint8_t buf[FRAME_MAX], const struct message *msg,
		   unsigned int index, const uint8_t *cookie);
unsigned int frame_count(const struct message *msg);

/* True for a frame of another version, which may be answered with a notice. */
bool frame_foreign(const uint8_t *p, size_t len);
/* Write the notice for a foreign frame, which is at least as long. */
void notice_write(uint8_t buf[FRAME_HDR], const uint8_t *foreign);
bool notice_read(struct notice *notice, const uint8_t *p, size_t len);

/* assembly.c */
/**
 * assembly_add() - add a frame
 *
 * Return: 1 if the message is complete, 0 if not, -1 if the frame contradicts
 * earlier frames.
 */
int assembly_add(struct assembly *a, const struct frame *frame);
void assembly_free(struct assembly *a);

#endif /* REKEYD_FRAME_H */
