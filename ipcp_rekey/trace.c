// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* The trace events' code is made here. */
#define CREATE_TRACE_POINTS
#include "trace.h"
