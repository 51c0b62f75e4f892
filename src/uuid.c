/*
 * uuid.c
 *		Identifiers (libuuid).
 */
#include "postgres.h"
