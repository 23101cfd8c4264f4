// SPDX-License-Identifier: GPL-2.0
// Copyright (C) 2026 The ipcp_rekey contributors
/* Instantiate the trace events. */
#define CREATE_TRACE_POINTS
#include "trace.h"
