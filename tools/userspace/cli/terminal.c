// SPDX-License-Identifier: GPL-2.0-or-later
// Copyright (C) 2026 The ipcp_rekey contributors
/* A terminal that shows one page, restored however the program ends. */
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "io.h"
#include "terminal.h"

/* Switch to the alternate screen without a cursor, and back. */
#define ENTER	"\033[?1049h\033[?25l\033[H\033[2J"
#define LEAVE	"\033[?25h\033[?1049l"

#define DEFAULT_COLS	80
#define DEFAULT_ROWS	24

static struct termios saved;
static bool reads;			/* stdin is the terminal, too */
static volatile sig_atomic_t entered;
static volatile sig_atomic_t resized, paused;

static void put(const char *text, size_t len)
{
	ssize_t n = write(STDOUT_FILENO, text, len);

	(void)n;	/* the terminal may be gone: nothing to restore */
}

/* Deliver keys at once without echo; ^C, ^Z and ^\ still send signals. */
static void enter(void)
{
	struct termios raw = saved;

	raw.c_lflag &= ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	entered = 1;
	if (reads)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
	put(ENTER, sizeof(ENTER) - 1);
}

/**
 * terminal_close() - restore the terminal
 *
 * May be called in a signal handler, and more than once. SIGTTOU is blocked,
 * since it would stop a background program that is about to exit.
 */
void terminal_close(void)
{
	sigset_t block, before;

	if (!entered)
		return;
	entered = 0;
	sigemptyset(&block);
	sigaddset(&block, SIGTTOU);
	sigprocmask(SIG_BLOCK, &block, &before);
	put(LEAVE, sizeof(LEAVE) - 1);
	if (reads)
		tcsetattr(STDIN_FILENO, TCSANOW, &saved);
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* Restore the terminal. SA_RESETHAND makes the signal then end the program. */
static void on_fatal(int sig)
{
	terminal_close();
	raise(sig);
}

static void on_resize(int sig)
{
	(void)sig;
	resized = 1;
}

static void on_pause(int sig)
{
	(void)sig;
	paused = 1;
}

static void catch_all(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct sigaction sa = {
		.sa_handler = on_fatal, .sa_flags = SA_RESETHAND
	};
	size_t i;

	for (i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
		sigaction(fatal[i], &sa, NULL);
	stop_catch();
	stop_catch_also(SIGHUP);
	stop_catch_also(SIGQUIT);
	stop_catch_also(SIGPIPE);
	signal_catch(SIGWINCH, on_resize);
	signal_catch(SIGTSTP, on_pause);
	signal_catch(SIGCONT, on_resize);
}

/**
 * terminal_open() - take the terminal
 *
 * Signals that end the program set @stopped.
 *
 * Return: false if stdout is not a terminal.
 */
bool terminal_open(void)
{
	if (!isatty(STDOUT_FILENO))
		return false;
	reads = isatty(STDIN_FILENO) && !tcgetattr(STDIN_FILENO, &saved);
	catch_all();
	atexit(terminal_close);
	enter();
	return true;
}

/**
 * terminal_size() - get the size of the terminal
 * @cols: its width
 * @rows: its height
 */
void terminal_size(unsigned int *cols, unsigned int *rows)
{
	struct winsize ws;
	bool known = !ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);

	*cols = known && ws.ws_col ? ws.ws_col : DEFAULT_COLS;
	*rows = known && ws.ws_row ? ws.ws_row : DEFAULT_ROWS;
}

/**
 * terminal_changed() - handle ^Z and a new size
 *
 * Stops the program after ^Z, and returns when it continues.
 *
 * Return: true if the page has to be drawn again.
 */
bool terminal_changed(void)
{
	bool again = resized || paused;

	if (paused) {
		paused = 0;
		terminal_close();
		raise(SIGSTOP);
	}
	resized = 0;
	if (again)
		enter();
	return again;
}

/* True if keys can be read. */
bool terminal_reads(void)
{
	return reads;
}

/**
 * terminal_key() - read a key
 *
 * Return: the key; 0 if there is none, -1 if the terminal is gone.
 */
int terminal_key(void)
{
	unsigned char key;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	return n < 0 ? -1 : n ? key : 0;
}
