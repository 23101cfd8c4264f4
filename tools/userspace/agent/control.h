/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The status socket: each client gets one JSON document, then the connection is
 * closed. Nothing is read. The user and the group of the agent may connect.
 */
#ifndef REKEYD_CONTROL_H
#define REKEYD_CONTROL_H

#include <systemd/sd-event.h>

struct control;

/**
 * control_open() - listen on the status socket
 * @loop: event loop
 * @path: path of the socket
 * @document: returns the document from malloc(); NULL for none
 * @arg: argument of @document
 *
 * Replaces a stale socket, but neither the socket of a running agent nor
 * another kind of file.
 *
 * Return: the socket; NULL on failure, after logging the reason.
 */
struct control *control_open(sd_event *loop, const char *path,
			     char *(*document)(void *arg), void *arg);

/**
 * control_close() - close and remove the socket
 */
void control_close(struct control *control);

/**
 * control_prepare() - create the directory of the socket
 * @path: path of the socket
 * @user: user that will create the socket; NULL for the current one
 */
void control_prepare(const char *path, const char *user);

#endif /* REKEYD_CONTROL_H */
