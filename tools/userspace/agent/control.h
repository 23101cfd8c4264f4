/* SPDX-License-Identifier: GPL-2.0 */
/* Copyright (C) 2026 The ipcp_rekey contributors */
/*
 * The agent's socket: who connects gets one JSON document, how things are, and
 * the end of the connection. Nothing is read. Its user and group may connect.
 */
#ifndef REKEYD_CONTROL_H
#define REKEYD_CONTROL_H

#include <systemd/sd-event.h>

struct control;

/**
 * control_open() - be there to be asked
 * @loop: event loop
 * @path: of the socket
 * @document: gives the document, to be freed by free(); NULL for none
 * @arg: for it
 *
 * Another agent's socket is left alone, one that was left behind is replaced.
 *
 * Return: NULL if it cannot be had, and says why in the log.
 */
struct control *control_open(sd_event *loop, const char *path,
			     char *(*document)(void *arg), void *arg);

/**
 * control_close() - and the socket is gone
 */
void control_close(struct control *control);

/**
 * control_prepare() - make the folder of the socket
 * @path: of the socket
 * @user: who is to make it, later; NULL for who we are
 */
void control_prepare(const char *path, const char *user);

#endif /* REKEYD_CONTROL_H */
